# SPDX-License-Identifier: GPL-3.0-or-later
"""schemathesis with all checks, as each of four callers: what it finds is in the list of artefacts
(artefacts.py). EXAMPLES is the number of examples for each operation, MODE the kind of data."""
import os
import re
import subprocess
import time
from pathlib import Path

import artefacts
import pytest
from harness.demo_class import demo_engine
from harness.real import built

USERS = {"none": None, "student": "student-1", "teacher": "teacher-1", "admin": "admin-1"}
TOKEN_S = 10 * 3600  # a run takes hours on a busy machine
EXAMPLES = os.environ.get("EXAMPLES", "100")
FINDING = re.compile(r"^- ST\d+ (.*)\n((?:(?!^- ST\d+ |^\d+\. Test Case|^___).*\n)*)", re.MULTILINE)


@pytest.fixture(scope="session")
def program():
    path = built(Path(__file__).parent)
    subprocess.run([path, "--version"], check=True)
    return path


def findings(text):
    """(name of the check, text) of each finding of a report."""
    return FINDING.findall(text)


def command(program, engine, role):
    words = [program, "run", f"{engine.base_url}/openapi.json", "--checks", "all", "-m", "all", "-n", EXAMPLES]
    words += ["--no-color", "--continue-on-failure", "--output-truncate", "false", "--output-sanitize", "false"]
    words += ["--exclude-path-regex", "^/(docs|redoc)$"]  # pages that nginx serves
    if USERS[role]:
        words += ["-H", f"Authorization: Bearer {engine.token(USERS[role], role, exp=int(time.time()) + TOKEN_S)}"]
    return words


def test_a_report_is_read():
    report = (
        "1. Test Case ID: x\n\n- ST202 Schema-valid request rejected\n\n    text\n\n"
        "2. Test Case ID: y\n\n- ST1 Server error\n\n    boom\n\n____ GET /x ____\n"
    )
    assert [name for name, _ in findings(report)] == ["Schema-valid request rejected", "Server error"]
    assert artefacts.reason_of("Server error", "boom") is None


@pytest.mark.parametrize("role", USERS)
def test_nothing_is_found(program, role, tmp_path):
    with demo_engine(POOL_SIZE=2) as engine:
        done = subprocess.run(
            command(program, engine, role), cwd=tmp_path, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    (tmp_path / "report.txt").write_text(done.stdout)
    found = findings(done.stdout)
    assert done.returncode == 0 or found, done.stdout[-4000:]
    real = [(name, text) for name, text in found if artefacts.reason_of(name, text) is None]
    assert not real, real[:5]
