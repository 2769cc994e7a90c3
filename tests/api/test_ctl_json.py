# SPDX-License-Identifier: GPL-3.0-or-later
"""--json of every command: one object, or objects one a line, with the members that the help names."""
import json
import re
from datetime import datetime, timedelta, timezone

import pytest
from harness.binaries import ROOT
from harness.ctl import run_ctl
from harness.engine import Engine, fresh_id
from harness.expect import assert_ok
from harness.store import put_dead_letter
from harness.wait import wait_for

NOW = datetime.now(timezone.utc) - timedelta(days=2)
GRADEBOOK = f"student_id,Quiz 1,date\nann,8/10,{NOW:%Y-%m-%d}\n"
EVENT = {
    "event_id": "e-1", "event_type": "quiz.completed", "student_id": "ann", "timestamp": f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
    "data": {"quiz_id": "q", "score": 0.9, "questions_total": 10, "questions_correct": 9, "time_spent_seconds": 60},
}  # fmt: skip
SEED = "student_id,date,completion,quiz,quality,consistency\n"


class Case:
    """Arguments of a command, the members of each object that it prints, and whether it prints several."""

    def __init__(self, arguments, members, lines=False, text=""):
        self.arguments, self.members, self.lines, self.text = arguments, members.split(), lines, text


@pytest.fixture(scope="module")
def engine():
    with Engine(RECOMMENDATIONS_FILE=str(ROOT / "conf/recommendations.json")) as running:
        yield running


@pytest.fixture(scope="module")
def student(engine):
    name = fresh_id()
    engine.ctl("seed", "--student", name, "--days", 20)
    return name


@pytest.fixture(scope="module")
def cases(engine, student, tmp_path_factory):
    """Of each command at least one case."""
    cohort, folder = fresh_id("c"), tmp_path_factory.mktemp("json")
    roster = {"name": "c", "teacher_ids": [], "student_ids": [student]}
    assert engine.admin().request("PUT", f"/api/v1/cohorts/{cohort}", json=roster).status == 201
    letters = [put_dead_letter(engine.redis(), EVENT) for _ in range(3)]
    batch = engine.ctl("batch", "submit", "--student", student).strip()
    upload = ["--url", engine.base_url, "--token", engine.token("root", "admin")]
    upload_members = "accepted rejected finished seconds"
    return {
        "doctor": [Case(["--url", engine.base_url], "checks ok")],
        "top": [Case(["--once", "--interval", "1"], "at interval_s requests breakers clock_skew_ms queues workers lag_ms processes")],
        "health": [Case(["--ready", "--url", engine.base_url], "healthy checks")],
        "verify": [Case(["--script", str(ROOT / "scripts/verify-deployment.sh"), engine.base_url], "url version commit environment time operator failed person boxes")],
        "schema": [Case([], "store version")],
        "migrate": [Case([], "students converted")],
        "config": [Case([], "ENVIRONMENT JWT_SECRET MAX_REQUESTS")],
        "token": [Case(["--user", "u", "--role", "admin"], "token user role expires_at")],
        "seed": [
            Case(["--student", fresh_id(), "--days", "2"], "students days written seconds"),
            Case(["--dry-run", "-"], "students days written", text=SEED),
        ],
        "ingest": [
            Case(["--dry-run", "-"], "valid invalid", text=json.dumps(EVENT)),
            Case([*upload, "-"], upload_members),
        ],
        "import": [
            Case(["--dry-run", "-"], "columns separator students skipped_rows results", text=GRADEBOOK),
            Case(["--course", fresh_id(), *upload, "-"], upload_members, text=GRADEBOOK),
        ],
        "dead": [
            Case(["list"], "id at source reason complete", lines=True),
            Case(["show", letters[0]], "id at source reason complete event"),
            Case(["retry", letters[0]], "retried refused"),
            Case(["drop", letters[1]], "dropped refused"),
        ],
        "audit": [
            Case(["verify"], "faults intact records seals shards"),
            Case(["list"], "id at last success actor role action resource subject correlation_id count details", lines=True),
        ],
        "batch": [
            Case(["submit", "--student", student], "batch_id"),
            Case(["watch", batch], "batch_id status processed total failed", lines=True),
        ],
        "report": [
            Case([student, "--output", str(folder / "a.svg")], "student_id score level days_of_history trend predictions chart"),
            Case(["--cohort", cohort, "--output", str(folder / "b.svg")], "cohort_id students withdrawn score predictions"),
        ],
        "backtest": [Case(["--student", student], "learners interval_level results")],
        "export": [Case([student], "data integrity_hash")],
        "log-hash": [Case([student], "id hash")],
        "nginx-locations": [Case([part], "part text") for part in ("maps", "public", "sidecar")],
        "dapr-operations": [Case([], "name httpVerb action", lines=True)],
        "commands": [Case([], "name summary json options", lines=True)],
        "completion": [Case([shell], "shell script") for shell in ("bash", "zsh")],
        "erase": [
            Case(["--dry-run", student], "student erased counts"),
            Case(["--replay", "-", "--since", "2026-01-31T00:00:00Z"], "erasures erased other_key"),
        ],
    }  # fmt: skip


def table():
    return {row["name"]: row for row in map(json.loads, run_ctl({}, "commands", "--json").stdout.splitlines())}


def test_each_command_has_a_case(cases):
    assert set(cases) == set(table())


def test_each_command_prints_json_with_the_members_that_it_names(engine, cases):
    environment = {**engine.environment, **engine.values}
    for name, row in table().items():
        for case in cases[name]:
            result = run_ctl(environment, name, "--json", *case.arguments, text=case.text)
            lines = result.stdout.splitlines()
            assert lines and (case.lines or len(lines) == 1 or name == "verify"), (name, result)
            objects = [json.loads(line) for line in lines] if name != "verify" else [json.loads(result.stdout)]
            for found in objects:
                assert isinstance(found, dict), name
                assert set(case.members) <= set(found), (name, case.arguments, list(found))
            if name not in ("config", "export"):
                documented = set(re.findall(r"\w+", row["json"]))
                assert {member for found in objects for member in found} <= documented, (name, row["json"])


def test_json_says_the_same_as_text(engine, student):
    settings = {**engine.environment, **engine.values}
    text, found = (run_ctl(settings, "log-hash", student, *flag).stdout for flag in ([], ["--json"]))
    assert json.loads(found) == {"id": student, "hash": text.strip()}
    text, found = (run_ctl(settings, "config", *flag).stdout for flag in ([], ["--json"]))
    shown = dict(line.split("=", 1) for line in text.splitlines())
    secrets = {"(set)": True, "(not set)": False}
    for name, value in json.loads(found).items():
        assert secrets[shown[name]] is value if isinstance(value, bool) else shown[name] == str(value), name
    text, found = (run_ctl(settings, "completion", "bash", *flag).stdout for flag in ([], ["--json"]))
    assert json.loads(found)["script"] == text


def test_no_secret_is_in_the_json_of_config(engine):
    shown = engine.ctl("config", "--json")
    assert engine.secret not in shown and json.loads(shown)["JWT_SECRET"] is True


def test_a_failure_has_the_same_exit_status_and_its_reason_on_standard_error(engine):
    settings = {**engine.environment, **engine.values}
    for arguments in (["export", fresh_id()], ["dead", "show", "1-1"], ["batch", "watch", "none"]):
        plain, result = run_ctl(settings, *arguments), run_ctl(settings, *arguments, "--json")
        assert result.returncode == plain.returncode != 0
        assert result.stderr == plain.stderr != ""
    result = run_ctl({**settings, "REDIS_URL": "unix:///nowhere"}, "schema", "--json")
    assert (result.returncode, result.stdout) == (3, "")


def test_a_chart_on_standard_output_excludes_json(engine, student):
    result = run_ctl({**engine.environment, **engine.values}, "report", student, "--output", "-", "--json")
    assert result.returncode == 2 and "--json needs a file as --output" in result.stderr


def test_health_without_a_response_is_json_too():
    result = run_ctl({}, "health", "--json", "--url", "http://127.0.0.1:1")
    found = json.loads(result.stdout)
    assert result.returncode == 3 and found["healthy"] is False and found["checks"][0]["error"]


def test_faults_of_the_audit_log_are_in_the_json(engine):
    assert_ok(engine.calculate(fresh_id()))
    redis = engine.redis()
    wait_for(lambda: redis.hgetall("audit:heads"), "a seal")
    shard, before = next(iter(redis.hgetall("audit:heads").items()))
    number, head = before.split()
    redis.hset("audit:heads", shard, f"{int(number) + 1000} {head}")
    result = run_ctl({**engine.environment, **engine.values}, "audit", "verify", "--json")
    redis.hset("audit:heads", shard, before)
    found = json.loads(result.stdout)
    assert result.returncode == 1 and found["intact"] is False
    [fault] = [fault for fault in found["faults"] if fault["shard"] == shard[:2]]
    assert fault["kind"] == "segment" and "end of the chain was removed" in fault["fault"]
