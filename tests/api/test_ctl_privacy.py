# SPDX-License-Identifier: GPL-3.0-or-later
"""mastery-ctl export, erase and log-hash."""
import hashlib
import json

import pytest
from harness.binaries import ROOT
from harness.engine import fresh_id
from harness.expect import assert_ok, assert_problem
from harness.store import is_turned_and_published
from harness.wait import wait_for


def test_export_is_the_routes(engine, admin, student, monkeypatch):
    catalogue = str(ROOT / "conf" / "recommendations.json")
    monkeypatch.setitem(engine.environment, "RECOMMENDATIONS_FILE", catalogue)
    assert_ok(engine.calculate(student))
    printed = json.loads(engine.ctl("export", student))
    shown = assert_ok(admin.get(f"/api/v1/compliance/export/{student}"))
    assert list(printed) == list(shown)
    for one in (printed, shown):
        one["data"].pop("audit_logs")
    assert printed["data"] == shown["data"]


@pytest.mark.parametrize("command", [["export"], ["erase"], ["erase", "--dry-run"]])
def test_of_nobody_there_is_nothing(engine, student, command):
    assert engine.ctl(*command, student, check=False).strip().endswith("}") is False


def test_erase_counts_and_erases(engine, admin, student):
    assert_ok(engine.calculate(student))
    wait_for(lambda: is_turned_and_published(engine.redis()), "the worker moves nothing meanwhile")
    counted = engine.ctl("erase", "--dry-run", student)
    assert "current_mastery        1\n" in counted
    assert_ok(admin.post("/api/v1/mastery/query", {"student_id": student}))
    assert engine.ctl("erase", student) == counted
    assert_problem(admin.post("/api/v1/mastery/query", {"student_id": student}), 404)
    assert "current_mastery        0\n" in engine.ctl("erase", student)


def test_the_log_holds_what_log_hash_prints(engine, as_user):
    user = fresh_id("admin")
    hashed = engine.ctl("log-hash", user).strip()
    assert len(hashed) == 16 and hashed != engine.ctl("log-hash", user + "x").strip()
    assert hashlib.sha256(user.encode()).hexdigest()[:16] != hashed, "no plain hash"
    as_user(user, "admin").get("/api/v1/cohorts")
    log = lambda: (engine.state_dir / "log" / "pool.log").read_text()
    users = lambda: [json.loads(line).get("user") for line in log().splitlines() if hashed in line]
    wait_for(lambda: hashed in users(), "the request is logged")
