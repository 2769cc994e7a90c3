# SPDX-License-Identifier: GPL-3.0-or-later
"""A name server for the programs under test: a preloaded getaddrinfo, without network or privileges."""
import shutil
import subprocess
import tempfile
from pathlib import Path

from harness.binaries import sanitized, sanitizer_options

NAME = "redis.test"


class Names:
    """What NAME is resolved to: `answer` an address, "fail" or "hang"; it may change at any time."""

    def __init__(self, answer):
        self.folder = Path(tempfile.mkdtemp(prefix="mn-"))
        self._library, self._file = self.folder / "names.so", self.folder / "names"
        self.answer(answer)

    def __enter__(self):
        source = Path(__file__).with_name("names.c")
        command = ["cc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", self._library, source, "-ldl"]
        subprocess.run(command, check=True)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def answer(self, text):
        new = self._file.with_suffix(".new")
        new.write_text(text)
        new.rename(self._file)

    @property
    def environment(self):
        """For the programs that are to use it. The runtime of ASan would require to be the first."""
        more = sanitizer_options(verify_asan_link_order=0) if sanitized() else {}
        return {"LD_PRELOAD": str(self._library), "NAMES_FILE": str(self._file), **more}
