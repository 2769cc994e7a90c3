# SPDX-License-Identifier: GPL-3.0-or-later
"""Each fault in the table of docs/reliability.md has tests that exist."""
import re

import pytest
from harness.binaries import ROOT

ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
TEST = re.compile(r"`(\w+/test_\w+\.py)::(test_\w+)`")
PENDING = "pending"  # the test is being written
ROWS = ROW.findall((ROOT / "docs/reliability.md").read_text())


def test_table_is_whole():
    """A line that is not a row would not be checked."""
    page = (ROOT / "docs/reliability.md").read_text()
    lines = [line for line in page.split("## Faults and their tests")[1].splitlines() if line.startswith("|")]
    assert [int(number) for number, *_ in ROWS] == list(range(1, len(lines) - 1))


@pytest.mark.parametrize("tests", [row[3] for row in ROWS], ids=[row[0] for row in ROWS])
def test_fault_has_tests(tests):
    if tests == PENDING:
        return
    named = TEST.findall(tests)
    assert named and ", ".join(f"`{path}::{name}`" for path, name in named) == tests
    for path, name in named:
        text = (ROOT / "tests" / path).read_text()
        assert re.search(rf"^def {name}\(", text, re.MULTILINE), f"{path} has no {name}"


def test_no_test_is_pending():
    assert not [number for number, _, _, tests in ROWS if tests == PENDING]
