# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit log in the forms of schema 1, as long as the store has not been migrated. Somebody who can
write to Redis changes it: mastery-ctl audit verify says which record it was. And what may happen without
ill will: two workers, old records, another key."""
import json
import re
import time

import pytest
from harness.audit import ctl_audit, segments
from harness.binaries import assert_no_report
from harness.ctl import run_ctl
from harness.engine import fresh_id
from harness.pool import AUDIT_KEY, Pool
from harness.redis_server import RedisServer
from harness.schema_1_audit import (
    log_key,
    make_minutes_old,
    record_mac,
    records,
    seal_head,
    sealed,
    use_schema_1,
    wait_sealed,
)
from harness.store import shard_of
from harness.wait import wait_for
from harness.worker import Worker

DONE, FAILED, USAGE, AWAY = 0, 1, 2, 3
RECORDS = 6


class Log:
    """A shard's log with some seals, and a worker's log lines that tell of its head."""

    def __init__(self, pool, worker, redis):
        self.pool, self.worker, self.redis = pool, worker, redis
        self.student = fresh_id()
        self.key, self.seals_key = log_key(self.student), log_key(self.student) + ":seals"

    def write(self, times=1):
        for _ in range(times):
            assert self.pool.calculate(self.student).status == 200
        self.settle()

    def settle(self):
        def all_there():
            journal = self.redis.xlen(self.key.replace("audit", "journal"))
            return journal == 0 and sealed(self.redis)

        wait_for(all_there, "all is turned and sealed")

    def entries(self):
        return self.redis.xrange(self.key)

    def seals(self):
        return self.redis.xrange(self.seals_key)

    def put(self, entries, key=None):
        """The stream anew, with these entries."""
        key = key or self.key
        self.redis.delete(key)
        for entry_id, fields in entries:
            self.redis.xadd(key, fields, id=entry_id)

    def verify(self, *arguments, status=DONE, **settings):
        result = ctl_audit(self.pool, "verify", *arguments, **settings)
        assert result.returncode == status, result
        return result.stdout

    def faults(self, *arguments, **settings):
        """The first thing that is wrong in the shard."""
        out = self.verify(*arguments, status=FAILED, **settings)
        [line] = [line for line in out.splitlines() if line.startswith(f"shard {shard_of(self.student)}: ")]
        return line.split(": ", 1)[1]


def old_pool(server):
    use_schema_1(server.client())
    return Pool(server.url)


@pytest.fixture(autouse=True)
def schema_1(redis_server):
    use_schema_1(redis_server.client())


@pytest.fixture(scope="module")
def sealed_log():
    """A log that is sealed and whose worker has ended, and a copy of all keys."""
    with RedisServer() as server, old_pool(server) as pool:
        made = Log(pool, Worker(pool.environment, pool.folder).start(), server.client())
        try:
            for _ in range(3):
                made.write(RECORDS // 3)
            assert made.worker.drain() == 0
        finally:
            made.worker.kill()
        assert len(made.entries()) >= RECORDS and len(made.seals()) >= 3
        raw = server.client(decode=False)
        copy = [(key, max(raw.pttl(key), 0), raw.dump(key)) for key in raw.keys()]
        yield made, raw, copy
        assert_no_report(made.worker.log_path)


@pytest.fixture
def log(sealed_log):
    """The log as it was sealed. No worker runs: what is changed stays as it was changed."""
    made, raw, copy = sealed_log
    raw.flushall()
    for key, ttl_ms, value in copy:
        raw.restore(key, ttl_ms, value)
    return made


def test_what_nobody_has_touched_is_whole(log):
    out = log.verify()
    assert re.search(rf"^{len(records(log.redis))} records under \d+ seals in \d+ shards, 0 faults$", out, re.M)
    assert log.verify("--anchor", log.worker.log_path) == out


# ---- records ----


@pytest.mark.parametrize("field", "artowscdn")
def test_a_changed_record_is_found(log, field):
    entries = log.entries()
    entry_id, fields = entries[3]
    fields[field] += "x"
    log.put(entries)
    assert log.faults().startswith(f"record {entry_id} was changed")


def test_a_record_with_another_field_is_found(log):
    entries = log.entries()
    entries[2][1]["extra"] = "1"
    log.put(entries)
    assert log.faults().startswith(f"record {entries[2][0]} was changed")


@pytest.mark.parametrize("at", [0, 3, -1])
def test_a_removed_record_is_found(log, at):
    entry_id = log.entries()[at][0]
    log.redis.xdel(log.key, entry_id)
    assert log.faults().startswith(f"record {entry_id} was removed")


@pytest.mark.parametrize("at", [0, 3])
def test_an_inserted_record_is_found(log, at):
    entries = log.entries()
    ms, number = entries[at][0].split("-")
    new = f"{ms}-{int(number) + 1}" if at else f"{int(ms) - 1}-0"
    entries.insert(at + (1 if at else 0), (new, dict(entries[at][1])))
    log.put(entries)
    assert log.faults().startswith(f"record {new} was inserted")


def test_records_in_another_order_are_found(log):
    """In one seal, where they are content of each other; otherwise they are just changed."""
    [seal] = [seal for _, seal in log.seals() if int(seal["n"]) >= 2][:1] or pytest.fail("no seal of two")
    entries = log.entries()
    ids = [entry_id for entry_id, _ in entries]
    first = ids.index(seal["f"])
    assert entries[first][1]["c"] != entries[first + 1][1]["c"]
    entries[first], entries[first + 1] = (
        (ids[first], entries[first + 1][1]),
        (ids[first + 1], entries[first][1]),
    )
    log.put(entries)
    assert log.faults().startswith(f"record {ids[first]} was moved")


# ---- seals ----


def test_a_tail_that_was_cut_off_is_found(log):
    """Records and their seals: audit:heads knows better, and where that was changed too the log."""
    seals, entries = log.seals(), log.entries()
    keep = seals[-2][1]
    log.put(seals[:-1], log.seals_key)
    log.put([entry for entry in entries if entry[0] <= keep["l"]])
    fault = log.faults()
    assert fault.startswith(f"seal {keep['h']} is the last, but") and "end of the chain was removed" in fault
    log.redis.hset("audit:heads", shard_of(log.student), f"{keep['q']} {keep['h']}")
    log.verify()
    assert log.faults("--anchor", log.worker.log_path) == fault


def test_a_log_that_is_gone_altogether_is_found(log):
    log.redis.delete(log.key, log.seals_key)
    assert "end of the chain was removed" in log.faults()
    log.redis.delete("audit:heads")
    log.verify()
    assert "end of the chain was removed" in log.faults("--anchor", log.worker.log_path)


def test_records_cut_off_under_a_seal_are_found(log):
    entries = log.entries()
    log.put(entries[:-1])
    assert log.faults().startswith(f"record {entries[-1][0]} was removed")


def test_a_front_that_was_cut_off_is_found(log):
    seals = log.seals()
    log.redis.xtrim(log.seals_key, minid=seals[1][0], approximate=False)
    log.redis.xtrim(log.key, minid=seals[1][1]["f"], approximate=False)
    assert log.faults().startswith(f"seal {seals[1][0]} is the first, but")


def test_a_removed_seal_is_found(log):
    seals = log.seals()
    log.redis.xdel(log.seals_key, seals[1][0])
    assert log.faults().startswith(f"seal {seals[2][0]} follows a seal that was removed")


@pytest.mark.parametrize("field", "qpbflnkmh")
def test_a_changed_seal_is_found(log, field):
    seals = log.seals()
    value = seals[1][1][field]
    seals[1][1][field] = "9" if field in "qn" else value[:-1] + ("0" if value[-1] != "0" else "1")
    log.put(seals, log.seals_key)
    fault = log.faults()
    assert fault.startswith(f"seal {seals[1][0]} "), fault


def test_seals_in_another_order_are_found(log):
    seals = log.seals()
    ids = [seal_id for seal_id, _ in seals]
    seals[1], seals[2] = (ids[1], seals[2][1]), (ids[2], seals[1][1])
    log.put(seals, log.seals_key)
    assert log.faults().startswith(f"seal {ids[1]} follows a seal that was removed")


def resealed(log, seal, entries):
    """The seal with these records, by somebody who has the key."""
    seal = {**seal, "f": entries[0][0], "l": entries[-1][0], "n": str(len(entries))}
    seal["m"] = " ".join(f"{i} {record_mac(AUDIT_KEY, i, fields)}" for i, fields in entries)
    seal["h"] = seal_head(AUDIT_KEY, shard_of(log.student), seal)
    return seal


def test_two_sealers_are_found(log):
    """Two seals upon one, both good: the script allows none, so somebody else has made one."""
    seals = log.seals()
    last_id, last = seals[-1]
    under = [entry for entry in log.entries() if last["f"] <= entry[0] <= last["l"]]
    other = resealed(log, last, [*under[:-1], (under[-1][0], {**under[-1][1], "n": "7"})])
    ms, number = last_id.split("-")
    log.put([*seals, (f"{ms}-{int(number) + 1}", other)], log.seals_key)
    fault = log.faults()
    assert fault.startswith(f"seal {ms}-{int(number) + 1} was built on the same seal"), fault


def test_a_chain_made_anew_with_the_key_is_found_by_its_anchors(log):
    """Whoever has the key can seal what he likes: what was noted elsewhere does not agree."""
    seals, entries = log.seals(), log.entries()
    last_id, last = seals[-1]
    under = [entry for entry in entries if last["f"] <= entry[0] <= last["l"]]
    under[-1][1]["n"] = "7"
    log.put(entries)
    forged = resealed(log, last, under)
    log.put([*seals[:-1], (last_id, forged)], log.seals_key)
    log.redis.hset("audit:heads", shard_of(log.student), f"{forged['q']} {forged['h']}")
    log.verify()
    assert "another head than was recorded elsewhere" in log.faults("--anchor", log.worker.log_path)


def test_what_is_not_sealed_for_long_is_found(log):
    log.redis.xdel(log.seals_key, *[seal_id for seal_id, _ in log.seals()])
    log.redis.delete("audit:heads")
    entries, now = log.entries(), int(time.time() * 1000)
    log.put([(f"{now}-{n}", fields) for n, (_, fields) in enumerate(entries)])
    log.verify()  # they are young: the next seal may be on its way
    old = [(f"{now - 120000}-{n}", fields) for n, (_, fields) in enumerate(entries)]
    log.put(old)
    assert log.faults().startswith(f"record {old[0][0]} is not under a seal")


# ---- keys ----


def test_keys_may_be_changed_and_old_ones_still_verify(log, start_worker):
    new = "another key for the audit log, as long as it must be"
    both = f"{new}\n{AUDIT_KEY}"
    second = start_worker(log.pool, AUDIT_KEY=both)
    log.write(2)
    assert second.drain() == 0
    assert len({seal["k"] for _, seal in log.seals()}) == 2
    log.verify(AUDIT_KEY=both)
    assert "with a key that is not in AUDIT_KEY" in log.faults(AUDIT_KEY=new)
    assert "with a key that is not in AUDIT_KEY" in log.faults()


def test_a_key_file_is_read_again_on_hup(log, start_worker, tmp_path):
    path = tmp_path / "audit-key"
    path.write_text(AUDIT_KEY + "\n")
    worker = start_worker(log.pool, AUDIT_KEY="", AUDIT_KEY_FILE=path)
    log.write(1)
    path.write_text("too short")
    worker.signal(1)
    wait_for(lambda: worker.lines("keys.refused"), "refused")
    path.write_text(f"another key for the audit log, as long as it must be\n{AUDIT_KEY}\n")
    worker.signal(1)
    wait_for(lambda: worker.lines("keys.reloaded"), "read again")
    log.write(1)
    assert len({seal["k"] for _, seal in log.seals()}) == 2
    log.verify(AUDIT_KEY="", AUDIT_KEY_FILE=str(path))


def test_verify_needs_the_key_and_its_files(log, tmp_path):
    result = ctl_audit(log.pool, "verify", AUDIT_KEY="")
    assert (result.returncode, "AUDIT_KEY" in result.stderr) == (FAILED, True), result
    result = ctl_audit(log.pool, "verify", "--anchor", tmp_path / "none")
    assert (result.returncode, "none" in result.stderr) == (FAILED, True), result
    assert ctl_audit(log.pool, "list", "--anchor", "x").returncode == USAGE
    assert ctl_audit(log.pool, "shred").returncode == USAGE
    assert ctl_audit(log.pool, "verify", REDIS_URL="unix:///nowhere").returncode == AWAY


def test_list_shows_the_newest_first(log):
    result = ctl_audit(log.pool, "list", "--limit", 2)
    assert result.returncode == DONE, result
    entries = [f"{shard_of(log.student)}-{entry_id}" for entry_id, _ in log.entries()]
    assert [line.split()[0] for line in result.stdout.splitlines()] == entries[:-3:-1]


# ---- several workers, and age ----


def test_two_workers_make_one_chain(start_pool, start_worker, redis_server):
    pool = start_pool()
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
    log.settle()
    log.verify()
    assert len(records(log.redis, t="calculated")) == 4 * len(students)


def test_a_worker_that_was_overtaken_learns_what_is_there(log, start_worker):
    """Another one has sealed meanwhile: its seal stands, the worker goes on upon it."""
    worker = start_worker(log.pool)
    log.write(1)
    worker.signal(19)  # STOP
    other = start_worker(log.pool)
    log.write(2)  # once the first one's leases have run out
    worker.signal(18)  # CONT
    other.drain()
    log.write(2)
    log.verify()


def add_sealed_records(pool, start_worker, redis, students, days):
    """A record of each age in the shards of the students, each under a seal of its own."""
    now = int(time.time() * 1000)
    fields = dict(zip("artowscdn", ("root", "admin", "read", "mastery", "", "1", "c", "{}", "1")))
    for age in days:
        for student in students:
            redis.xadd(log_key(student), fields, id=f"{now - age * 86400000}-0")
        worker = start_worker(pool, AUDIT_DAYS=36500)
        wait_sealed(redis)
        worker.kill()
        redis.delete("workers", *redis.scan_iter("*:lease"))


def test_a_shard_that_is_leased_later_is_trimmed_at_once(start_pool, start_worker, redis_server):
    """Another worker holds the lease until this one has trimmed the shards that it holds."""
    pool, redis = start_pool(), redis_server.client()
    student = fresh_id()
    other = next(name for name in iter(fresh_id, None) if shard_of(name) != shard_of(student))
    add_sealed_records(pool, start_worker, redis, (student, other), (500, 1))
    redis.set(f"{{{shard_of(student)}}}:lease", "another worker")
    start_worker(pool)
    wait_for(lambda: redis.xlen(log_key(other)) == 1, "the shard that is held is trimmed")
    assert redis.xlen(log_key(student)) == 2
    redis.delete(f"{{{shard_of(student)}}}:lease")
    wait_for(lambda: redis.xlen(log_key(student)) == 1, "the shard that is leased later is trimmed")


def test_old_records_go_with_their_seals(start_pool, start_worker, redis_server):
    pool = start_pool()
    redis, student = redis_server.client(), fresh_id()
    key = log_key(student)
    add_sealed_records(pool, start_worker, redis, (student,), (500, 402, 401, 399, 1))
    worker = start_worker(pool)
    wait_for(lambda: redis.xlen(key) == 2, "the old ones are gone")
    wait_for(lambda: redis.xlen(f"{key}:seals") == 2, "their seals too")
    result = ctl_audit(pool, "verify")
    assert result.returncode == DONE, result
    worker.kill()
    # what is younger must be there
    [_, second] = redis.xrange(f"{key}:seals")
    redis.xtrim(f"{key}:seals", minid=second[0], approximate=False)
    redis.xtrim(key, minid=second[1]["f"], approximate=False)
    assert "too young for retention to remove" in ctl_audit(pool, "verify").stdout


def test_counts_that_are_no_counts_are_left_alone(start_pool, start_worker, redis_server):
    pool = start_pool()
    redis, student = redis_server.client(), fresh_id()
    assert pool.calculate(student).status == 200
    for _ in range(3):
        assert pool.query(student).status == 200
    key = f"{log_key(student)}:reads"
    wait_for(lambda: redis.hlen(key) == 1, "counted")
    make_minutes_old(redis)
    for field, value in {"x": "y", "1\na": "1 c", "1\na\nr\nt\no\nw\n1\n{}": "many c"}.items():
        redis.hset(key, field, value)
    start_worker(pool)
    wait_for(lambda: redis.hlen(key) == 3, "ours has been folded")
    assert sum(int(record["n"]) for record in records(redis, t="read")) == 3


def test_records_of_both_forms_are_listed_exported_and_verified(start_pool, start_worker, redis_server):
    """After mastery-ctl migrate: what is there stays as it is, what comes is in segments."""
    old, redis = start_pool(), redis_server.client()
    log = Log(old, start_worker(old), redis)
    log.write(2)
    assert log.worker.drain() == 0
    assert run_ctl(old.environment, "migrate").returncode == DONE
    old.stop()
    pool = start_pool(AUDIT_SEAL_S=1)
    start_worker(pool)
    assert pool.calculate(log.student).status == 200
    wait_for(lambda: segments(redis, shard_of(log.student)), "a segment is closed")
    assert len(log.entries()) == 2, "the old ones stay"
    result = ctl_audit(pool, "verify")
    assert result.returncode == DONE, result
    listed = ctl_audit(pool, "list", "--student", log.student, "--json").stdout.splitlines()
    assert [json.loads(line)["action"] for line in listed] == ["calculated"] * 3
    token = pool.token("root", "admin")
    response = pool.request("GET", f"/api/v1/compliance/export/{log.student}", token=token)
    assert [entry["action"] for entry in response.json["data"]["audit_logs"]].count("calculated") == 3
    first = log.entries()[0][0]
    redis.xdel(log.key, first)
    assert f"record {first} was removed" in ctl_audit(pool, "verify").stdout
