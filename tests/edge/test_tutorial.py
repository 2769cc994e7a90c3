# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/tutorial.md: its commands, run in their order in one shell, print what the page shows, and the last link shows
the class in a browser."""
import os
import re
import subprocess

import pytest
from harness.binaries import ROOT, bin_dir
from harness.browser import Browser
from harness.engine import START_TIMEOUT
from harness.redis_server import LONG_TIMEOUTS

PAGE = ROOT / "docs/tutorial.md"
STEP = re.compile(r"^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
# What differs from run to run.
MASKS = [
    (re.compile(r"http://127\.0\.0\.1:\d+"), "URL"),
    (re.compile(r"eyJ[\w.-]+"), "TOKEN"),
    (re.compile(r"\d{4}-\d\d-\d\d(?:T[\d:.]+Z)?"), "TIME"),
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"\d+\.\d+ s$", re.MULTILINE), "SECONDS"),
]
END = "--- end of step"


def steps():
    """(commands, what the page shows: None for nothing said) of each step."""
    return [(commands, shown or None) for commands, shown in STEP.findall(PAGE.read_text())]


def masked(text):
    for pattern, word in MASKS:
        text = pattern.sub(word, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def as_pattern(shown):
    """The page leaves out what a … stands for: the rest of a line, or lines where it is alone."""
    lines = masked(shown).splitlines()
    return "".join(r"(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + r"\n" for line in lines)


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """A reader's copy of the repository, where nothing has been started yet."""
    folder = tmp_path_factory.mktemp("tutorial")
    for name in ("scripts", "conf", "console"):
        (folder / name).symlink_to(ROOT / name)
    settings = {"STATE_DIR": folder / ".state", "BIN_DIR": bin_dir(), "PORT": 0, "NO_SEED": 1, "REDIS_URL": "", **LONG_TIMEOUTS}
    environment = {**os.environ, **{name: str(value) for name, value in settings.items()}}
    yield folder, environment
    subprocess.run([ROOT / "scripts/stop"], env=environment, check=True, capture_output=True)


@pytest.fixture(scope="module")
def printed(shell):
    """What each step prints, errors included; the last step, which stops the engine, comes later."""
    folder, environment = shell
    script = "".join(f"{commands}echo '{END}'\n" for commands, _ in steps()[:-1])
    done = subprocess.run(
        ["bash", "-e"], cwd=folder, env=environment, input=script, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=START_TIMEOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout.split(f"{END}\n")


def test_each_step_prints_what_the_page_shows(printed):
    shown = [text for _, text in steps()[:-1]]
    assert sum(text is not None for text in shown) >= 5
    for text, found in zip(shown, printed):
        if text is None:
            assert not found
        else:
            assert re.fullmatch(as_pattern(text), masked(found) + "\n"), f"{text}\nis not\n{found}"


def test_the_last_link_shows_the_class_to_its_teacher(printed):
    [link] = re.findall(r"^http\S+/console/#token=\S+$", printed[-2], re.MULTILINE)
    with Browser() as browser:
        browser.open(link)
        browser.says("Class 7b")
        browser.click(".class-card")
        browser.says("s-104", "not active for")
        assert browser.violations() == [] and browser.complaints() == []


def test_the_engine_stops(shell, printed):
    folder, environment = shell
    commands, shown = steps()[-1]
    assert shown is None and commands == "./scripts/stop\n" and printed
    done = subprocess.run(["bash", "-ec", commands], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
