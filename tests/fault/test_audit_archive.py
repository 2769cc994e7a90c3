# SPDX-License-Identifier: GPL-3.0-or-later
"""Closed segments move to files: nothing is lost and nothing doubled, whenever the worker is killed, and
mastery-ctl audit reads files and Redis as one chain."""
import json
import re
import stat
import time

import pytest
from harness.audit import count_of, ctl_audit, pseudonym, sealed, segment_head, segments
from harness.engine import fresh_id
from harness.pool import AUDIT_KEY
from harness.store import shard_of, tagged
from harness.wait import wait_for

DONE, FAILED = 0, 1
SETTINGS = {"AUDIT_SEAL_S": 1, "AUDIT_ARCHIVE_S": 1}
LOGS = "/api/v1/compliance/audit/logs"


class Archive:
    def __init__(self, start_pool, start_worker, redis, folder):
        self.folder, self.redis, self.start_worker = folder, redis, start_worker
        self.pool = start_pool(AUDIT_ARCHIVE_DIR=folder, **SETTINGS)
        self.student = fresh_id()
        self.shard, self.key = shard_of(self.student), tagged(self.student, "audit:segments")
        self.worker = start_worker(self.pool)

    def write(self, rounds):
        """Some segments, each with one change."""
        for _ in range(rounds):
            before = self.latest()
            assert self.pool.calculate(self.student).status == 200
            wait_for(lambda n=before: self.latest() > n and sealed(self.redis), "closed")

    def latest(self):
        """The number of the latest segment, which is in Redis always; 0: there is none."""
        return max((segment.number for segment in segments(self.redis, self.shard)), default=0)

    def wait_moved(self):
        wait_for(lambda: self.redis.xlen(self.key) == 1, "all but the latest segment are in the archive")

    def file(self):
        [found] = self.folder.glob(f"{self.shard}-*.jsonl")
        return found

    def lines(self):
        found = []
        for path in sorted(self.folder.glob(f"{self.shard}-*.jsonl")):
            found += [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return found

    def numbers(self):
        return [line["segment"] for line in self.lines()] + [s.number for s in segments(self.redis, self.shard)]

    def verify(self, status=DONE, **settings):
        result = ctl_audit(self.pool, "verify", **settings)
        assert result.returncode == status, result
        return result.stdout

    def listed(self, *arguments, limit=1000, **settings):
        result = ctl_audit(self.pool, "list", "--json", "--limit", limit, *arguments, **settings)
        assert result.returncode == DONE, result
        return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def archive(start_pool, start_worker, redis_server, tmp_path):
    folder = tmp_path / "archive"
    folder.mkdir()
    return Archive(start_pool, start_worker, redis_server.client(), folder)


def test_segments_move_and_are_read_as_one_chain(archive):
    archive.write(4)
    archive.wait_moved()
    assert archive.numbers() == [1, 2, 3, 4]
    for line in archive.lines():
        assert segment_head(AUDIT_KEY, line["text"]) == line["head"] and line["shard"] == archive.shard
        assert line["text"].split("\n")[1] == str(line["segment"])
    assert stat.S_IMODE(archive.file().stat().st_mode) == 0o600
    assert re.search(r"^4 records under 4 seals in 1 shards, 0 faults$", archive.verify(), re.M)
    found = archive.listed()
    assert len(found) == 4 and found == sorted(found, key=lambda record: record["at"], reverse=True)
    assert archive.listed("--student", archive.student) == found
    assert archive.listed("--student", fresh_id()) == []
    assert archive.listed("--user", "unknown") == []
    assert archive.listed(limit=2) == found[:2]
    assert archive.listed("--until", found[1]["at"]) == found[1:]
    assert archive.listed("--since", found[1]["at"]) == found[:2]


def test_the_endpoint_says_how_far_back_it_reads(archive):
    archive.write(3)
    archive.wait_moved()
    last = archive.lines()[-1]
    token = archive.pool.token("root", "admin")
    page = archive.pool.request("GET", f"{LOGS}?student_id={archive.student}", token=token).json
    assert [log["details"]["count"] for log in page["logs"] if log["action"] == "calculated"] == [1]
    ms = int(last["id"].split("-")[0]) + 1
    assert page["complete_since"] == time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms / 1000)) + f".{ms % 1000:03}Z"


def test_without_the_archive_its_part_is_missed(archive):
    archive.write(3)
    archive.wait_moved()
    out = archive.verify(FAILED, AUDIT_ARCHIVE_DIR="")
    assert "too young for retention to remove" in out
    assert len(archive.listed(AUDIT_ARCHIVE_DIR="")) == 1
    result = ctl_audit(archive.pool, "verify", AUDIT_ARCHIVE_DIR=archive.folder / "none")
    assert result.returncode == FAILED and "cannot read the archive" in result.stderr, result


def test_what_redis_has_not_forgotten_is_not_archived_twice(archive, redis_server):
    """As after a kill between the file and Redis."""
    archive.worker.drain()
    archive.worker = archive.start_worker(archive.pool, AUDIT_ARCHIVE_DIR="")
    archive.write(4)
    assert archive.worker.drain() == 0
    raw = redis_server.client(decode=False)
    copy = raw.dump(archive.key)
    archive.worker = archive.start_worker(archive.pool)
    archive.wait_moved()
    archive.worker.kill()
    archived = archive.file().read_text()
    raw.restore(archive.key, 0, copy, replace=True)
    assert re.search(r"^4 records under 4 seals", archive.verify(), re.M), "what is in both counts once"
    assert len(archive.listed()) == 4
    raw.delete("workers", *raw.keys("*:lease"))
    archive.start_worker(archive.pool)
    archive.wait_moved()
    assert archive.file().read_text() == archived
    archive.verify()


def test_a_worker_that_is_killed_again_and_again_loses_nothing(archive):
    writes = 0
    for _ in range(6):
        for _ in range(3):
            assert archive.pool.calculate(archive.student).status == 200
            writes += 1
            before = len(archive.numbers())
            wait_for(lambda n=before: len(archive.numbers()) != n or sealed(archive.redis), "something is closed")
        archive.worker.kill()
        archive.redis.delete("workers", *archive.redis.scan_iter("*:lease"))
        archive.worker = archive.start_worker(archive.pool)
    wait_for(lambda: archive.redis.xlen(tagged(archive.student, "journal")) == 0 and sealed(archive.redis), "closed")
    archive.wait_moved()
    numbers = archive.numbers()
    assert numbers == list(range(1, len(numbers) + 1))
    archive.verify()
    name = pseudonym(archive.redis, archive.student)
    assert sum(record["count"] for record in archive.listed() if record["subject"] == name) == writes


@pytest.mark.parametrize("change", ["text", "head", "removed", "first", "swapped", "other"])
def test_a_file_that_was_changed_is_found(archive, change):
    archive.write(4)
    archive.wait_moved()
    assert archive.worker.drain() == 0
    lines = archive.file().read_text().splitlines(keepends=True)
    if change == "text":
        lines[1] = lines[1].replace("calculated", "recomputed")
    elif change == "head":
        head = json.loads(lines[1])["head"]
        lines[1] = lines[1].replace(head, head[::-1])
    elif change == "removed":
        del lines[1]
    elif change == "first":
        del lines[0]
    elif change == "swapped":
        lines[0], lines[1] = lines[1], lines[0]
    else:
        lines[1] = "{}\n"
    archive.file().write_text("".join(lines))
    out = archive.verify(FAILED)
    assert f"shard {archive.shard}: segment" in out and "1 faults" in out


def test_a_folder_that_takes_nothing_loses_nothing(archive):
    archive.write(1)
    archive.folder.rename(archive.folder.with_name("away"))
    archive.write(3)
    wait_for(lambda: archive.worker.lines("audit.unarchived"), "the failure is logged")
    assert archive.redis.xlen(archive.key) >= 3
    archive.folder.with_name("away").rename(archive.folder)
    archive.wait_moved()
    assert archive.numbers() == [1, 2, 3, 4]
    archive.verify()


def test_erasure_cuts_the_pseudonym_and_the_chain_stays(archive):
    archive.write(3)
    archive.wait_moved()
    name = pseudonym(archive.redis, archive.student)
    token = archive.pool.token("root", "admin")
    response = archive.pool.request("DELETE", f"/api/v1/compliance/student/{archive.student}", token=token)
    assert response.status in (200, 202), response
    wait_for(lambda: not archive.redis.exists(tagged(archive.student, f"student:{archive.student}:pseudonym")), "erased")
    assert archive.student not in archive.file().read_text() and name in archive.file().read_text()
    assert archive.listed("--student", archive.student) == []
    wait_for(lambda: sealed(archive.redis), "closed")
    archive.verify()
