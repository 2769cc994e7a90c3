# SPDX-License-Identifier: GPL-3.0-or-later
"""mastery-ctl batch: submits, watches and cancels."""
import os
import pty
import re
import subprocess
import uuid

import pytest
from harness.batches import Batches, fresh_ids, stating
from harness.binaries import bin_dir
from harness.engine import fresh_id
from harness.pool import PoolClient
from harness.wait import LIMIT_S
from test_ctl import AWAY, DONE, FAILED, USAGE, ctl


@pytest.fixture
def batches(pool):
    return Batches(PoolClient(pool))


def batch(pool, *arguments, status=DONE):
    result = ctl("batch", *arguments, **pool.environment)
    assert result.returncode == status, result
    return result


def test_submitted_students_are_recomputed(pool, batches, start_worker):
    students = fresh_ids(3)
    for student in students:
        pool.calculate(student)
    made = batch(pool, "submit", "--student", ",".join(students), "--priority", "high").stdout
    assert re.fullmatch("[0-9a-f]{32}\n", made)
    assert batches.status(made.strip())["priority"] == "high"
    start_worker(pool)
    seen = batch(pool, "watch", made.strip()).stdout.splitlines()
    assert re.fullmatch(r"completed: 3 of 3 students, 0 failed, in \d+\.\d s", seen[-1])
    assert [result["student_id"] for result in batches.results(made.strip())] == students


def test_submitted_cohort(pool, batches, start_worker):
    students, cohort = fresh_ids(5), fresh_id("c")
    roster = {"name": "x", "teacher_ids": [], "student_ids": students}
    response = batches.client.request("PUT", f"/api/v1/cohorts/{cohort}", json=roster)
    assert response.status == 201
    pool.calculate(students[0])
    made = batch(pool, "submit", "--cohort", cohort).stdout.strip()
    start_worker(pool)
    result = batch(pool, "watch", made, status=FAILED)
    assert "completed: 5 of 5 students, 4 failed" in result.stdout
    assert batches.status(made)["priority"] == "normal"


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_watch_tells_by_its_status_how_it_ended(pool, batches, start_worker, end):
    made = batches.submit({"student_ids": fresh_ids(2)})
    if end == "cancelled":
        assert "cancelled: 0 of 2 students" in batch(pool, "cancel", made).stdout
    start_worker(pool)
    assert f"{end}: " in batch(pool, "watch", made, status=FAILED).stdout


def test_watch_follows_until_the_end(pool, batches, start_worker):
    """Without a terminal: a line for each change, as it comes."""
    made = batches.submit(stating(fresh_ids(300)))
    watcher = subprocess.Popen(
        [str(bin_dir() / "mastery-ctl"), "batch", "watch", made],
        env=pool.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert watcher.stdout.readline() == "pending: 0 of 300 students, 0 failed\n"
        start_worker(pool)
        lines = watcher.stdout.read().splitlines()
        assert watcher.wait(LIMIT_S) == DONE
    finally:
        watcher.kill()
    assert lines[-1].startswith("completed: 300 of 300 students")
    counts = [int(re.search(r"(\d+) of 300", line).group(1)) for line in lines]
    assert counts == sorted(counts)


def test_watch_draws_a_bar_on_a_terminal(pool, batches, redis_server):
    """Half of it done in ten seconds: as long again."""
    made = batches.submit(stating(fresh_ids(10)))
    store, job = redis_server.client(), f"batch:{{{made}}}"
    started = int(store.hget(job, "created")) - 10_000
    store.hset(job, mapping={"status": "processing", "started": started, "processed": 5})
    ours, theirs = pty.openpty()
    watcher = subprocess.Popen(
        [str(bin_dir() / "mastery-ctl"), "batch", "watch", made],
        env=pool.environment,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    seen = ""
    while "left" not in seen:
        seen += os.read(ours, 4096).decode()
    store.hset(job, mapping={"status": "cancelled", "completed": started + 1500})
    output, _ = watcher.communicate(timeout=LIMIT_S)
    os.close(ours)
    assert re.search(r"\r\[#{20}\.{20}\]  50 %  5 of 10 students, \d+:\d\d left", seen)
    assert output == "cancelled: 5 of 10 students, 0 failed, in 1.5 s\n"
    assert watcher.returncode == FAILED


def test_ended_batch_cannot_be_cancelled(pool, batches):
    made = batches.submit(stating(fresh_ids(2)))
    batch(pool, "cancel", made)
    assert "the batch cannot be cancelled: it is cancelled" in batch(pool, "cancel", made, status=FAILED).stderr


def test_what_is_not_there(pool):
    for action in ("watch", "cancel"):
        result = batch(pool, action, uuid.uuid4().hex, status=FAILED)
        assert "there is no batch" in result.stderr
    assert "no cohort" in batch(pool, "submit", "--cohort", "none", status=FAILED).stderr


def test_a_batch_is_1_to_1000_students_each_once(pool, batches, redis_server):
    cohort = fresh_id("c")
    for students in ([], [f"s{n}" for n in range(1001)]):
        roster = {"name": "x", "teacher_ids": [], "student_ids": students}
        batches.client.request("PUT", f"/api/v1/cohorts/{cohort}", json=roster)
        result = batch(pool, "submit", "--cohort", cohort, status=FAILED)
        assert "1 to 1000 students" in result.stderr
    assert "each once" in batch(pool, "submit", "--student", "a,b,a", status=FAILED).stderr
    assert not redis_server.client().keys("batch*")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["look"],
        ["watch"],
        ["cancel"],
        ["submit"],
        ["submit", "x", "--student", "a"],
        ["submit", "--student", "a", "--cohort", "b"],
        ["submit", "--student", "a b"],
        ["submit", "--student", "a", "--priority", "urgent"],
        ["watch", "x", "--student", "a"],
    ],
    ids=" ".join,
)
def test_wrong_usage(arguments):
    assert ctl("batch", *arguments).returncode == USAGE


@pytest.mark.parametrize("words", [["watch", "x"], ["cancel", "x"], ["submit", "--student", "a"]])
def test_without_redis(words):
    result = ctl("batch", *words, REDIS_URL="redis://127.0.0.1:1")
    assert result.returncode == AWAY and "Redis cannot be reached" in result.stderr
