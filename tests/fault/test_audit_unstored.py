# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis does not accept audit events: requests go on, and what Redis does not get is in the log, as a
chain of lines (hazards X6)."""
import pytest
from harness.audit import counts, pseudonym, recorded, records, unstored, wait_records
from harness.engine import fresh_id
from harness.process import pause, resume
from harness.prometheus import Scrape
from harness.store import shard_of, student_key, tagged
from harness.wait import wait_for

LOG_KEY = "a key for the hashes in the log of tests"
QUERY = "/api/v1/mastery/query"
MORE_THAN_FIT = 7000  # events of one process
MORE_THAN_A_BUFFER = 4300


def lines(pool):
    return unstored(pool.log_path.read_text(), LOG_KEY)


def refuse(connection, pool, students):
    """Each is one event of its own."""
    token = pool.token("nosy", "student")
    for student in students:
        body = {"student_id": student}
        response = connection.request("POST", QUERY, json=body, token=token)
        assert response.status == 403, response


def test_nothing_is_refused_and_nothing_lost_while_redis_hangs(start_pool, redis_server):
    pool = start_pool(STORE_ROUND_TIMEOUT_MS=50, LOG_KEY=LOG_KEY)
    redis = redis_server.client()
    pause(redis_server.process.pid)
    try:
        with pool.connect() as connection:
            refuse(connection, pool, (f"s{i}" for i in range(MORE_THAN_FIT)))
            wait_for(lambda: lines(pool), "what has no room is in the log")
    finally:
        resume(redis_server.process.pid)
    wait_for(lambda: recorded(redis) + len(lines(pool)) >= MORE_THAN_FIT, "all are somewhere")
    assert {line["reason"] for line in lines(pool)} == {"no_room"}
    assert 0 < recorded(redis) < MORE_THAN_FIT


def test_reads_go_on_while_redis_is_full(start_pool, redis_server):
    pool = start_pool(LOG_KEY=LOG_KEY)
    redis, student = redis_server.client(), fresh_id()
    assert pool.calculate(student).status == 200
    redis.config_set("maxmemory", 1)
    with pool.connect() as connection:
        refuse(connection, pool, (f"s{i}" for i in range(MORE_THAN_FIT)))
        assert pool.query(student).status == 200
        wait_for(lambda: len(lines(pool)) == MORE_THAN_FIT + 1, "all are in the log")
        assert {"refused", "no_room"} == {line["reason"] for line in lines(pool)}
        [read] = [line for line in lines(pool) if line["status"] == 200]
        assert (read["action"], read["role"], read["count"]) == ("read", "admin", 1)
        assert student not in pool.log_path.read_text()
        scrape = Scrape(connection.request("GET", "/metrics").text)
        assert scrape.sum("audit_unstored_total") == MORE_THAN_FIT + 1
        redis.config_set("maxmemory", 0)
        refuse(connection, pool, [student])
    wait_for(lambda: recorded(redis) == 1, "recorded in Redis again")


def spoil(redis, key):
    redis.delete(key)
    redis.rpush(key, "not a record of the engine")


def spoil_stream(redis, student):
    spoil(redis, tagged(student, "audit:open"))


def spoil_counts(redis, student):
    spoil(redis, tagged(student, "audit:counts"))


def spoil_pseudonym(redis, student):
    spoil(redis, student_key(student, ":pseudonym"))


@pytest.mark.parametrize("spoil_key", [spoil_stream, spoil_counts, spoil_pseudonym])
def test_events_that_meet_a_key_of_another_type_hold_up_no_other(start_pool, redis_server, spoil_key):
    pool = start_pool(LOG_KEY=LOG_KEY)
    redis, victim = redis_server.client(), fresh_id()
    assert pool.calculate(victim).status == 200
    spoil_key(redis, victim)
    students = [s for s in (f"s{i}" for i in range(MORE_THAN_A_BUFFER)) if shard_of(s) != shard_of(victim)]
    with pool.connect() as connection:
        refuse(connection, pool, [victim])
        refuse(connection, pool, students)
        wait_for(lambda: lines(pool), "the one is in the log")
    [line] = lines(pool)
    assert line["reason"] == "refused" and "student" in line and "actor" in line
    wait_for(lambda: recorded(redis, but=shard_of(victim)) == len(students), "all others are recorded")


def test_an_actor_without_a_readable_pseudonym_holds_up_no_other(start_pool, redis_server):
    pool = start_pool(LOG_KEY=LOG_KEY)
    redis = redis_server.client()
    spoil(redis, student_key("nosy", ":pseudonym"))
    assert pool.calculate("of-another").status == 200
    with pool.connect() as connection:
        refuse(connection, pool, ["of-another"])
        assert pool.query("of-another", "t9", "teacher").status == 403
        [record] = wait_records(redis, s="0", a="t9")
        assert record["w"] == pseudonym(redis, "of-another")
        wait_for(lambda: len(lines(pool)) == 1, "the other one is in the log")


def test_a_process_that_ends_logs_what_redis_has_not_accepted(start_pool, redis_server):
    pool = start_pool(LOG_KEY=LOG_KEY, DRAIN_TIMEOUT_S=1)
    redis = redis_server.client()
    redis.config_set("maxmemory", 1)
    with pool.connect() as connection:
        refuse(connection, pool, ["a", "b", "c"])
    pool.process.terminate()
    wait_for(lambda: len(lines(pool)) == 3, "all are in the log")
    assert {line["reason"] for line in lines(pool)} == {"shutdown"}
    redis.config_set("maxmemory", 0)
    assert not records(redis) and not counts(redis)


def test_a_process_that_ends_logs_what_redis_may_have_recorded_as_uncertain(start_pool, redis_server):
    """Redis has got the command that records the first event, and has not replied."""
    pool = start_pool(LOG_KEY=LOG_KEY, DRAIN_TIMEOUT_S=1)
    redis = redis_server.client()
    pause(redis_server.process.pid)
    try:
        with pool.connect() as connection:
            assert connection.request("POST", QUERY, json={"student_id": "a"}).status == 401
            refuse(connection, pool, ["b", "c"])
        pool.process.terminate()
        wait_for(lambda: len(lines(pool)) == 3, "all are in the log")
    finally:
        resume(redis_server.process.pid)
    assert [(line["status"], line["reason"]) for line in lines(pool)] == [
        (401, "uncertain"), (403, "shutdown"), (403, "shutdown")]
    assert recorded(redis) <= 1
