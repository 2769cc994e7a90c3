# SPDX-License-Identifier: GPL-3.0-or-later
"""schemathesis with all checks, as each of four callers: what it finds is exactly the list of artefacts
(artefacts.py). EXAMPLES is the number of examples for each operation. With the default of 100 the four runs take
hours; with fewer they find too little to say that an entry of the list is obsolete."""
import os
import re
import subprocess
import time
from pathlib import Path

import artefacts
import pytest
from harness.demo_class import demo_engine
from harness.real import built

HERE = Path(__file__).parent
USERS = {"none": None, "student": "student-1", "teacher": "teacher-1", "admin": "admin-1"}
TOKEN_S = 10 * 3600  # a run takes hours on a busy machine
EXAMPLES_MIN = 100  # so many find every artefact
EXAMPLES = int(os.environ.get("EXAMPLES", EXAMPLES_MIN))
# The data are the same in each run. Failures are not reduced to shorter ones, which takes most of the time. A busy
# machine makes no finding.
REPEATABLE = ["--generation-deterministic", "--no-shrink", "--suppress-health-check", "all"]
REPEATABLE += ["--request-timeout", "120", "--max-response-time", "120"]
# Pages that nginx serves; and further paths of the same operations (tests/api/test_openapi.py compares them).
NOT_TESTED = ["--exclude-operation-id-regex", "^docs|-alias-"]
ERRORS = re.compile(r"^=+ ERRORS =+$", re.MULTILINE)
FINDING = re.compile(r"^- ST\d+ (.*)\n((?:(?!^- ST\d+ |^\d+\. Test Case|^___).*\n)*)", re.MULTILINE)


@pytest.fixture(scope="session")
def program():
    path = built(HERE)
    subprocess.run([path, "--version"], check=True)
    return path


def findings(text):
    """(name of the check, text) of each finding of a report."""
    return FINDING.findall(text)


def command(program, engine, role):
    words = [program, "--config-file", HERE / "schemathesis.toml", "run"]
    words += [f"{engine.base_url}/openapi.json", "--checks", "all", "-m", "all", "-n", str(EXAMPLES)]
    words += ["--no-color", "--continue-on-failure", "--output-truncate", "false", "--output-sanitize", "false"]
    words += [*REPEATABLE, *NOT_TESTED]
    if USERS[role]:
        words += ["-H", f"Authorization: Bearer {engine.token(USERS[role], role, exp=int(time.time()) + TOKEN_S)}"]
    return words


def test_a_report_is_read():
    report = (
        "1. Test Case ID: x\n\n- ST202 Schema-valid request rejected\n\n    text\n\n"
        "2. Test Case ID: y\n\n- ST1 Server error\n\n    boom\n\n____ GET /x ____\n"
    )
    assert [name for name, _ in findings(report)] == ["Schema-valid request rejected", "Server error"]
    assert artefacts.of("Server error", "boom") is None


@pytest.fixture(scope="module")
def met():
    """The artefacts that were met, and the roles that were tried."""
    return {"artefacts": set(), "roles": set()}


@pytest.mark.parametrize("role", USERS)
def test_only_artefacts_are_found(program, role, tmp_path, met):
    report = tmp_path / "report.txt"
    with demo_engine(POOL_SIZE=2) as engine, report.open("w") as output:
        done = subprocess.run(command(program, engine, role), cwd=tmp_path, stdout=output, stderr=subprocess.STDOUT)
    text = report.read_text()
    found = findings(text)
    assert done.returncode in (0, 1) and "interrupted" not in text and not ERRORS.search(text), text[-4000:]
    assert done.returncode == 0 or found, text[-4000:]
    met["artefacts"] |= {artefacts.of(name, finding) for name, finding in found}
    met["roles"].add(role)
    real = [(name, finding) for name, finding in found if artefacts.of(name, finding) is None]
    assert not real, f"{len(real)} findings in {report}, the first: {real[:5]}"


def test_every_artefact_is_met(met):
    if EXAMPLES < EXAMPLES_MIN or met["roles"] != set(USERS):
        pytest.skip("needs the runs of all callers with all examples")
    assert [row for row in artefacts.ARTEFACTS if row not in met["artefacts"]] == []
