# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody who can write to Redis changes the audit log: mastery-ctl audit verify says which segment it
was. And what may happen without ill will: two workers, old records, another key, a count that grows
while its segment is closed."""
import hashlib
import json
import re
import time

import pytest
from harness.audit import (
    count_of,
    counts,
    ctl_audit,
    log_key,
    pack_segment,
    records,
    sealed,
    segment_head,
    segments,
    stored_segments,
    wait_count,
)
from harness.binaries import assert_no_report
from harness.engine import fresh_id
from harness.pool import AUDIT_KEY, Pool
from harness.redis_server import RedisServer
from harness.store import shard_of, tagged
from harness.wait import wait_for
from harness.worker import Worker

DONE, FAILED, USAGE, AWAY = 0, 1, 2, 3
ROUNDS = 4
SEAL_AT_ONCE = {"AUDIT_SEAL_S": 1}


class Log:
    """A shard's log with some segments, and a worker's log lines that tell of its head."""

    def __init__(self, pool, worker, redis):
        self.pool, self.worker, self.redis = pool, worker, redis
        self.student = fresh_id()
        self.shard = shard_of(self.student)
        self.key, self.counts_key = tagged(self.student, "audit:segments"), tagged(self.student, "audit:counts")

    def write(self):
        assert self.pool.calculate(self.student).status == 200
        self.settle()

    def settle(self):
        def all_there():
            return self.redis.xlen(tagged(self.student, "journal")) == 0 and sealed(self.redis)

        wait_for(all_there, "all is in closed segments")

    def segments(self):
        return segments(self.redis, self.shard)

    def stored(self):
        return stored_segments(self.redis, self.key)

    def put(self, entries):
        """The segments anew, with these entries."""
        self.redis.delete(self.key)
        for entry_id, fields in entries:
            self.redis.xadd(self.key, fields, id=entry_id)

    def verify(self, *arguments, status=DONE, **settings):
        result = ctl_audit(self.pool, "verify", *arguments, **settings)
        assert result.returncode == status, result
        return result.stdout

    def fault(self, *arguments, **settings):
        """The first thing that is wrong in the shard."""
        out = self.verify(*arguments, status=FAILED, **settings)
        [line] = [line for line in out.splitlines() if line.startswith(f"shard {self.shard}: ")]
        return line.split(": ", 1)[1]


@pytest.fixture(scope="module")
def sealed_log():
    """A log of closed segments whose worker has ended, and a copy of all keys."""
    with RedisServer() as server, Pool(server.url, **SEAL_AT_ONCE) as pool:
        made = Log(pool, Worker(pool.environment, pool.folder).start(), server.client())
        try:
            for _ in range(ROUNDS):
                made.write()
            assert made.worker.drain() == 0
        finally:
            made.worker.kill()
        assert len(made.segments()) == ROUNDS
        raw = server.client(decode=False)
        copy = [(key, max(raw.pttl(key), 0), raw.dump(key)) for key in raw.keys()]
        yield made, raw, copy
        assert_no_report(made.worker.log_path)


@pytest.fixture
def log(sealed_log):
    """The log as it was. No worker runs: what is changed stays as it was changed."""
    made, raw, copy = sealed_log
    raw.flushall()
    for key, ttl_ms, value in copy:
        raw.restore(key, ttl_ms, value)
    return made


def resealed(segment, text, key=AUDIT_KEY):
    """The fields of a segment with this text, by somebody who has the key."""
    return {**segment, "z": pack_segment(text), "h": bytes.fromhex(segment_head(key, text))}


def test_what_has_not_been_touched_is_whole(log):
    out = log.verify()
    assert re.search(rf"^{len(records(log.redis))} records under \d+ seals in \d+ shards, 0 faults$", out, re.M)
    assert log.verify("--anchor", log.worker.log_path) == out


# ---- records ----


# Lines of a segment with one record, and what comes in the place of their last character. Not those
# that are in the fields n, c and in the id of the entry, nor what a count of one access cannot have.
CHANGED_LINES = {
    "shard": (0, "0"), "number": (1, "7"), "head": (2, "0"), "before": (3, "7"), "key": (4, "0"), "count": (9, "12"),
    "subject": (10, "0"), "actor": (12, "x"), "role": (13, "x"), "action": (14, "x"), "resource": (15, "x"),
    "success": (16, "0"), "details": (17, "x"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGED_LINES)
def test_a_changed_line_is_found(log, name):
    """Whatever is in the packed text: somebody without the key cannot make its head."""
    entries = log.stored()
    entry_id, fields = entries[1]
    lines, (line, end) = log.segments()[1].text.split("\n"), CHANGED_LINES[name]
    lines[line] = lines[line][:-1] + ("1" if lines[line].endswith(end) else end)
    packed = pack_segment("\n".join(lines))
    assert packed != fields["z"]
    fields["z"] = packed
    log.put(entries)
    fault = log.fault()
    assert fault.startswith(f"segment {entry_id} was"), fault


@pytest.mark.parametrize("field, value", [("h", b"x" * 16), ("h", b"x"), ("z", b"x"), ("n", b"7"), ("c", b"1"), ("y", b"")])
def test_a_changed_field_is_found(log, field, value):
    entries = log.stored()
    entries[2][1][field] = value
    log.put(entries)
    assert log.fault().startswith(f"segment {entries[2][0]} was changed")


def test_a_segment_of_another_shard_is_found(log):
    """With the key: its text names the shard."""
    entries, text = log.stored(), log.segments()[1].text
    other = "00" if log.shard != "00" else "01"
    entries[1] = entries[1][0], resealed(entries[1][1], other + text[2:])
    log.put(entries)
    assert log.fault().startswith(f"segment {entries[1][0]} was changed")


# ---- the chain ----


def test_a_removed_segment_is_found(log):
    entries = log.stored()
    log.redis.xdel(log.key, entries[1][0])
    assert log.fault().startswith(f"segment {entries[2][0]} follows a seal that was removed")


def test_segments_in_another_order_are_found(log):
    entries = log.stored()
    entries[1], entries[2] = (entries[1][0], entries[2][1]), (entries[2][0], entries[1][1])
    log.put(entries)
    assert log.fault().startswith(f"segment {entries[1][0]} was changed"), "the id is that of the last record"


def test_a_front_that_was_cut_off_is_found(log):
    entries = log.stored()
    log.redis.xtrim(log.key, minid=entries[1][0], approximate=False)
    assert log.fault().startswith(f"segment {entries[1][0]} is the first, but")


def test_a_tail_that_was_cut_off_is_found(log):
    """audit:heads knows better, and where that was changed too the log."""
    found = log.segments()
    log.redis.xdel(log.key, found[-1].id)
    fault = log.fault()
    assert fault.startswith(f"segment {found[-2].head} is the last, but") and "end of the chain was removed" in fault
    log.redis.hset("audit:heads", f"{log.shard}:segments", f"{found[-2].number} {found[-2].head}")
    log.verify()
    assert log.fault("--anchor", log.worker.log_path) == fault


def test_a_log_that_is_gone_altogether_is_found(log):
    log.redis.delete(log.key)
    assert "end of the chain was removed" in log.fault()
    log.redis.delete("audit:heads")
    log.verify()
    assert "end of the chain was removed" in log.fault("--anchor", log.worker.log_path)


def test_a_chain_made_anew_with_the_key_is_found_by_its_anchors(log):
    """Who has the key can seal anything: what was noted elsewhere does not agree."""
    entries, found = log.stored(), log.segments()
    text = found[-1].text.replace("calculated", "recomputed")
    entries[-1] = entries[-1][0], resealed(entries[-1][1], text)
    log.put(entries)
    head = segment_head(AUDIT_KEY, text)
    log.redis.hset("audit:heads", f"{log.shard}:segments", f"{found[-1].number} {head}")
    log.verify()
    assert "another head than was recorded elsewhere" in log.fault("--anchor", log.worker.log_path)


# ---- what is open ----


def test_a_record_that_stays_open_for_long_is_found(log):
    fields = dict(zip("artowscdn", ("root", "admin", "cohort-put", "cohorts", "", "1", "c", "{}", "1")))
    now = int(time.time() * 1000)
    log.redis.xadd(log_key(log.student), fields, id=f"{now - 30000}-0")
    log.verify()  # it is young: the next segment may be on its way
    log.redis.delete(log_key(log.student))
    log.redis.xadd(log_key(log.student), fields, id=f"{now - 120000}-0")
    assert log.fault().startswith(f"record {now - 120000}-0 is not under a seal")
    log.verify(AUDIT_SEAL_S="900")


def test_a_count_that_stays_open_for_long_is_found(log):
    now = int(time.time() * 1000)
    log.redis.hset(log.counts_key, "\nroot\nadmin\nread\nmastery\n1\n{}", f"3 {now - 120000}-1 {now}")
    assert log.fault().startswith(f"record {now - 120000}-1 is not under a seal")


# ---- keys ----


def test_keys_may_be_changed_and_old_ones_still_verify(log, start_worker):
    new = "another key for the audit log, as long as it must be"
    both = f"{new}\n{AUDIT_KEY}"
    second = start_worker(log.pool, AUDIT_KEY=both)
    log.write()
    assert second.drain() == 0
    assert len({segment.key_id for segment in log.segments()}) == 2
    log.verify(AUDIT_KEY=both)
    assert "with a key that is not in AUDIT_KEY" in log.fault(AUDIT_KEY=new)
    assert "with a key that is not in AUDIT_KEY" in log.fault()


def test_verify_needs_the_key_and_its_files(log, tmp_path):
    result = ctl_audit(log.pool, "verify", AUDIT_KEY="")
    assert (result.returncode, "AUDIT_KEY" in result.stderr) == (FAILED, True), result
    result = ctl_audit(log.pool, "verify", "--anchor", tmp_path / "none")
    assert (result.returncode, "none" in result.stderr) == (FAILED, True), result
    assert ctl_audit(log.pool, "list", "--anchor", "x").returncode == USAGE
    for option in ("--user", "--student", "--since", "--until"):
        assert ctl_audit(log.pool, "verify", option, "x").returncode == USAGE
    for option in ("--since", "--until"):
        assert ctl_audit(log.pool, "list", option, "yesterday").returncode == USAGE
    assert ctl_audit(log.pool, "shred").returncode == USAGE
    assert ctl_audit(log.pool, "verify", REDIS_URL="unix:///nowhere").returncode == AWAY


def test_list_shows_the_newest_first(log):
    ids = [f"{log.shard}-{record['id']}" for segment in log.segments() for record in segment.records]
    result = ctl_audit(log.pool, "list", "--limit", 2)
    assert result.returncode == DONE, result
    assert [line.split()[0] for line in result.stdout.splitlines()] == ids[:-3:-1]


def test_list_shows_a_segment_that_cannot_be_read_as_a_record_without_texts(log):
    entries = log.stored()
    entries[-1][1]["z"] = b"x"
    log.put(entries)
    result = ctl_audit(log.pool, "list")
    assert result.returncode == DONE and entries[-1][0] in result.stdout, result


# ---- several workers, and age ----


def test_two_workers_make_one_chain(start_pool, start_worker, redis_server):
    pool = start_pool(**SEAL_AT_ONCE)
    log = Log(pool, start_worker(pool), redis_server.client())
    students = [fresh_id() for _ in range(20)]
    workers = [log.worker]
    for iteration in range(4):
        for student in students:
            assert pool.calculate(student).status == 200
        if iteration == 1:
            workers.append(start_worker(pool))
        if iteration == 2:
            workers[0].kill()
    wait_count(log.redis, 4 * len(students), t="calculated")
    log.settle()
    log.verify()
    assert count_of(log.redis, t="calculated") == 4 * len(students)


def test_a_worker_that_was_overtaken_learns_what_is_there(log, start_worker):
    """Another one has closed a segment meanwhile: it stands, the worker goes on upon it."""
    worker = start_worker(log.pool)
    log.write()
    worker.signal(19)  # STOP
    other = start_worker(log.pool)
    log.write()  # once the first one's leases have run out
    worker.signal(18)  # CONT
    other.drain()
    log.write()
    log.verify()


def test_counts_that_grow_meanwhile_are_neither_lost_nor_doubled(start_pool, start_worker, redis_server):
    """Segments are closed all the time, each second, while the accesses go on."""
    pool, redis, student = start_pool(**SEAL_AT_ONCE), redis_server.client(), fresh_id()
    assert pool.calculate(student).status == 200
    start_worker(pool)
    reads = 0
    while len(segments(redis, shard_of(student))) < 4:
        assert pool.query(student).status == 200
        reads += 1
    wait_for(lambda: count_of(redis, t="read") >= reads and sealed(redis), "all are in segments")
    assert count_of(redis, t="read") == reads
    assert ctl_audit(pool, "verify").returncode == DONE


def test_ids_rise_although_the_clock_was_set_back(log, start_worker):
    """A Redis that takes over may have another clock."""
    old = int(time.time() * 1000) - 3600000
    field = "\nroot\nadmin\nread\nmastery\n1\n{}"
    log.redis.hset(log.counts_key, field, f"3 {old}-1 {old}")
    start_worker(log.pool)
    wait_for(lambda: not counts(log.redis), "closed")
    log.verify()
    ids = [tuple(map(int, record["id"].split("-"))) for segment in log.segments() for record in segment.records]
    assert ids == sorted(set(ids)) and count_of(log.redis, t="read") == 3


def test_old_segments_go_but_never_the_latest(log, start_worker):
    """All are older than retention by the clock of a worker that keeps a day, since they are from before."""
    day, entries = 86400000, log.stored()
    texts, previous, before = [segment.text.split("\n") for segment in log.segments()], "", ""
    aged = []
    for number, (lines, (entry_id, fields)) in enumerate(zip(texts, entries)):
        lines[2], lines[3] = previous, before
        lines[7] = str(int(lines[7].split("-")[0]) - (500 - 200 * number) * day)
        before = f"{lines[7]}-0"
        text = "\n".join(lines)
        aged.append((before, resealed(fields, text)))
        previous = segment_head(AUDIT_KEY, text)
    log.put(aged)
    log.redis.hset("audit:heads", f"{log.shard}:segments", f"{ROUNDS} {previous}")
    log.verify()
    worker = start_worker(log.pool)
    wait_for(lambda: log.redis.xlen(log.key) == ROUNDS - 1, "the first is gone")
    log.verify()
    worker.kill()
    log.redis.delete("workers", *log.redis.scan_iter("*:lease"))
    start_worker(log.pool, AUDIT_DAYS=1)
    wait_for(lambda: log.redis.xlen(log.key) == 1, "all but the latest are gone")
    log.verify(AUDIT_DAYS="1")
    assert "too young for retention to remove" in log.fault(AUDIT_DAYS="36500")


def test_counts_that_are_no_counts_are_logged_and_removed(start_pool, start_worker, redis_server):
    pool = start_pool(**SEAL_AT_ONCE)
    redis, student = redis_server.client(), fresh_id()
    assert pool.calculate(student).status == 200
    for _ in range(3):
        assert pool.query(student).status == 200
    key = tagged(student, "audit:counts")
    wait_for(lambda: redis.hlen(key) == 1, "counted")
    others = {"x": "y", "a\nr\nt\no\nw\n1\n{}": "many 1-1 1", "a\nr\nt\no\nw\n1\n[": "1 1-1 1"}
    redis.hset(key, mapping=others)
    worker = start_worker(pool)
    wait_for(lambda: count_of_segments(redis, t="read") == 3, "ours is in a segment")
    wait_for(lambda: not redis.exists(key), "the others are removed")
    lines = [json.loads(line) for line in worker.log().splitlines() if "audit.count_removed" in line]
    assert {line["sha256"] for line in lines} == {hashlib.sha256(f"{f}\n{v}".encode()).hexdigest() for f, v in others.items()}
    assert {line["shard"] for line in lines} == {shard_of(student)}


def count_of_segments(redis, **wanted):
    return sum(
        int(record["n"])
        for segment in segments(redis)
        for record in segment.records
        if all(record[name] == value for name, value in wanted.items())
    )
