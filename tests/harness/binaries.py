# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs under test: where they are, and how they were built."""
import functools
import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REPORT = re.compile(
    r"^.*(?:(?:Address|Leak|UndefinedBehavior)Sanitizer|runtime error:|loop guard:).*$", re.MULTILINE
)


def bin_dir():
    """Where the built binaries are: $MASTERY_BIN_DIR, else the usual build folders."""
    named = os.environ.get("MASTERY_BIN_DIR")
    candidates = [Path(named)] if named else [ROOT / "build", ROOT]
    for candidate in candidates:
        if (candidate / "mastery-fcgi").exists():
            return candidate.resolve()
    raise RuntimeError(f"no mastery-fcgi in {', '.join(map(str, candidates))}: build it first")


@functools.cache
def sanitized():
    """Whether they were built with AddressSanitizer, which slows them and keeps freed memory."""
    return b"__asan_init" in (bin_dir() / "mastery-fcgi").read_bytes()


def sanitizer_options(**more):
    """The environment's own options for the sanitizers, and more of them for ASan."""
    found = {name: os.environ[name] for name in os.environ if name.endswith("SAN_OPTIONS")}
    if more:
        options = [found.get("ASAN_OPTIONS", ""), *(f"{k}={v}" for k, v in more.items())]
        found["ASAN_OPTIONS"] = ":".join(filter(None, options))
    return found


def assert_no_report(log):
    """No sanitizer, and not the guard of the event loop, has had anything to say in this log."""
    if log.exists():
        text = log.read_text(errors="replace")
        found = REPORT.search(text)
        assert not found, f"{log.name}: {text[found.start():][:6000]}"
