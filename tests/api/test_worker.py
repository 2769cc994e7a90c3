# SPDX-License-Identifier: GPL-3.0-or-later
"""mastery-worker: what becomes of a change, published to a stand-in of Dapr's sidecar."""
import json
import signal
import socket
import time
from collections import defaultdict

import pytest
from harness.ctl import run_ctl
from harness.engine import fresh_id
from harness.load import Load
from harness.packed import events as logged_events
from harness.packed import mark_of, mark_record, marks, with_bytes
from harness.ports import free_port
from harness.process import pause, resume
from harness.prometheus import Scrape
from harness.redis_server import RedisStandIn, command_end
from harness.sidecar import Sidecar
from harness.keys import STUDENT_KEYS
from harness.store import dead_letters, is_turned_and_published, put_dead_letter, put_event_job, student_key, tagged
from harness.wait import assert_stays, assert_typical, wait_for, within

DAY_MS = 86_400_000


def shard_key(store, student, suffix):
    """{ss}:journal and so on, of a student who has a profile."""
    [key] = [key for key in store.scan_iter(f"{{*}}:student:{student}", count=1000)]
    return key.partition(":")[0] + ":" + suffix


def event(student, number=0, **data):
    return {
        "event_id": f"evt-{student}-{number:05}",
        "event_type": "quiz.completed",
        "student_id": student,
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "data": {
            "quiz_id": "q1",
            "score": 0.5,
            "questions_total": 10,
            "questions_correct": 5,
            "time_spent_seconds": 60,
            **data,
        },
    }


def ingest(pool, body, **options):
    return pool.request(
        "POST",
        "/api/v1/mastery/ingest",
        json=body,
        token=pool.token("root", "admin"),
        **options,
    )


def calculate(pool, student, score=0.5):
    response = pool.calculate(student, (score,) * 4)
    assert response.status == 200, response
    return response


def dependencies(pool):
    return pool.request("GET", "/ready").json["dependencies"]


def scrape(pool):
    return Scrape(pool.request("GET", "/metrics").text)


def ctl(pool, *arguments, check=True):
    result = run_ctl(pool.environment, *arguments)
    if check:
        assert result.returncode == 0, result
    return result


def put_into_queue(store, level, body, kind="event"):
    """An event's job names the dead letter with the event."""
    if kind == "event":
        return put_event_job(store, body, level)
    return store.xadd(f"queue:{{batch}}:{level}", {"k": kind, "b": json.dumps(body), "t": "0"})


def counted(store, student):
    """Ids of the events that the worker has put into the student's stream, in order."""
    return [one["event_id"] for one in logged_events(store, student)]


# What a change turns into


def test_change_is_published_as_a_cloudevent(pool, stand_in_sidecar, start_worker):
    start_worker(pool, stand_in_sidecar, DAPR_API_TOKEN="the sidecar's own token")
    stand_in_sidecar.api_token = "the sidecar's own token"
    student = fresh_id()
    calculate(pool, student, 0.5)
    response = calculate(pool, student, 0.75)
    wait_for(lambda: len(stand_in_sidecar.events(student)) == 4, "published")
    assert stand_in_sidecar.refused == 0
    first, first_level, second, second_level = stand_in_sidecar.events(student)
    assert (first["type"], first_level["type"]) == ("mastery.updated", "mastery.level_changed")
    assert first["data"]["previous_level"] is None
    assert second["data"].pop("at") == second["time"]
    assert second["data"] == {
        "student_id": student,
        "mastery_score": response.json["mastery_score"],
        "level": "proficient",
        "previous_level": "developing",
        "revision": 2,
    }
    assert second["source"] == "/mastery-engine" and second["specversion"] == "1.0"
    assert second["partitionkey"] == second["subject"] == student
    assert second["datacontenttype"] == "application/json"
    assert second_level["data"]["previous_level"] == "developing"
    ids = [item["id"] for item in stand_in_sidecar.events(student)]
    assert len(set(ids)) == 4
    sent = stand_in_sidecar.published[-1]
    assert (sent.pubsub, sent.topic) == ("pubsub", "mastery.events")
    assert sent.headers["content-type"] == "application/cloudevents+json"


def test_trace_of_the_request_is_carried_on(pool, stand_in_sidecar, start_worker):
    start_worker(pool, stand_in_sidecar)
    student, trace = fresh_id(), "0af7651916cd43dd8448eb211c80319c"
    response = ingest(
        pool, event(student), headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    )
    assert response.status == 202
    wait_for(lambda: stand_in_sidecar.events(student), "published")
    [item, *_] = stand_in_sidecar.published
    _, trace_id, span, flags = item.headers["traceparent"].split("-")
    assert (trace_id, flags) == (trace, "01")
    assert span not in ("b7ad6b7169203331", response.headers["traceparent"].split("-")[2])
    assert item.event["traceparent"] == response.headers["traceparent"]
    assert item.stored["traceparent"] == item.headers["traceparent"], "the sidecar overwrites it"


def test_level_is_told_only_when_it_changes(pool, stand_in_sidecar, start_worker):
    start_worker(pool, stand_in_sidecar)
    student = fresh_id()
    for score in (0.5, 0.55, 0.7, 0.75, 0.3):
        calculate(pool, student, score)
    wait_for(lambda: len(stand_in_sidecar.events(student)) == 8, "published")
    changes = stand_in_sidecar.events(student, "mastery.level_changed")
    levels = [(item["data"]["previous_level"], item["data"]["level"]) for item in changes]
    assert levels == [
        (None, "developing"),
        ("developing", "proficient"),
        ("proficient", "novice"),
    ]


def test_event_is_kept_for_the_export_and_published_with_its_id(
    pool, store, stand_in_sidecar, start_worker
):
    start_worker(pool, stand_in_sidecar)
    student = fresh_id()
    for number in range(3):
        assert ingest(pool, event(student, number)).status == 202
    assert ingest(pool, event(student, 1)).status == 202, "the same once more"
    expected = [f"evt-{student}-{number:05}" for number in range(3)]
    wait_for(lambda: counted(store, student) == expected, "kept")
    wait_for(lambda: len(stand_in_sidecar.events(student, "mastery.updated")) == 3, "published")
    published = stand_in_sidecar.events(student, "mastery.updated")
    assert [item["data"]["event_id"] for item in published] == expected
    [key] = store.keys(f"{{*}}:student:{student}:events")
    assert 89 * DAY_MS < store.pttl(key) <= 90 * DAY_MS
    [first, *_] = logged_events(store, student)
    assert first["data"] == event(student)["data"]
    wait_for(lambda: is_turned_and_published(store), "nothing left")


def test_without_dapr_nothing_waits_to_be_published(pool, store, start_worker):
    student = fresh_id()
    calculate(pool, student)
    assert store.xlen(shard_key(store, student, "journal")) == 1
    start_worker(pool)
    wait_for(lambda: is_turned_and_published(store), "turned")
    assert not store.keys("*:outbox")
    expected = {"state_store": "healthy", "worker": "healthy", "dapr": "not_configured"}
    wait_for(lambda: dependencies(pool) == expected, "worker in /ready")  # by its next heartbeat


def test_nothing_is_lost_while_no_worker_runs(pool, store, stand_in_sidecar, start_worker):
    student = fresh_id()
    assert dependencies(pool)["worker"] == "unavailable"
    for number in range(1500):
        calculate(pool, student, (number % 10) / 10)
    assert store.xlen(shard_key(store, student, "journal")) >= 1500
    start_worker(pool, stand_in_sidecar)
    wait_for(lambda: is_turned_and_published(store), "all turned and published")
    revisions = [
        item["data"]["revision"] for item in stand_in_sidecar.events(student, "mastery.updated")
    ]
    assert revisions == list(range(1, 1501))


def test_many_students_each_in_order_and_soon(pool, store, stand_in_sidecar, start_worker):
    start_worker(pool, stand_in_sidecar)
    students = [fresh_id() for _ in range(8)]
    with Load(8, lambda caller, iteration: calculate(pool, students[caller], iteration % 10 / 10)) as load:
        wait_for(lambda: len(load.results) >= 300, "many changes")
    assert not load.errors, load.errors[:3]
    wait_for(lambda: is_turned_and_published(store), "all published")
    total = 0
    for student in students:
        updates = stand_in_sidecar.events(student, "mastery.updated")
        revisions = [item["data"]["revision"] for item in updates]
        assert revisions == list(range(1, len(revisions) + 1))
        total += len(revisions)
    assert total == len(load.results)
    turned = lambda: scrape(pool).value("journal_entries_total", status="turned")
    wait_for(lambda: turned() >= total, "all are counted")
    assert turned() == total


def test_turned_within_about_a_second(pool, stand_in_sidecar, start_worker):
    start_worker(pool, stand_in_sidecar)
    wait_for(lambda: dependencies(pool)["dapr"] == "healthy", "worker up")
    times = []
    for _ in range(5):
        time.sleep(0.4)  # the worker has found nothing to do meanwhile
        student, began = fresh_id(), time.monotonic()
        calculate(pool, student)
        wait_for(lambda s=student: stand_in_sidecar.events(s), "published")
        times.append(time.monotonic() - began)
    assert_typical(times, 1)


def test_lag_is_counted_from_the_writing(pool, store, start_worker):
    """Not from what an entry is about: whoever seeds a history writes of the past."""
    student = fresh_id()
    calculate(pool, student, 0.5)
    journal, lags = shard_key(store, student, "journal"), []
    [(_, entry)] = store.xrange(journal)
    past = {**json.loads(entry["e"]), "at": 1577836800000}
    store.xadd(journal, {"e": json.dumps(past)})
    start_worker(pool)

    def turned():
        lags.append(scrape(pool).value("journal_lag_seconds"))
        return scrape(pool).value("journal_entries_total", status="turned") == 2 and lags[-1] > 0

    wait_for(turned, "turned, and the lag told")
    assert 0 < max(lags) < 3600


def test_entry_that_cannot_be_read_becomes_a_dead_letter(
    pool, store, stand_in_sidecar, start_worker
):
    student = fresh_id()
    calculate(pool, student, 0.5)
    journal = shard_key(store, student, "journal")
    for text in ("not JSON", '{"kind":"calculated"}', '{"kind": 1}'):
        store.xadd(journal, {"e": text})
    store.xadd(journal, {"other": "x"})
    calculate(pool, student, 0.75)
    worker = start_worker(pool, stand_in_sidecar)
    wait_for(lambda: len(stand_in_sidecar.events(student, "mastery.updated")) == 2, "published")
    letters = dead_letters(store)
    assert len(letters) == 4 and {letter["source"] for letter in letters} == {journal}
    assert not [letter["event"] for letter in letters if letter["event"]], "of no known student"
    assert letters[1]["bytes_not_kept"] == len('{"kind":"calculated"}')
    assert "journal entry" in letters[0]["reason"]
    unreadable = lambda: scrape(pool).value("journal_entries_total", status="unreadable")
    wait_for(lambda: unreadable() == 4, "all are counted")
    wait_for(lambda: len(worker.lines("journal.unreadable")) == 4, "all are in the log")


def test_full_redis_loses_nothing(pool, store, stand_in_sidecar, start_worker):
    """What is in the journal is turned and published; what cannot be kept stays where it is."""
    student, other = fresh_id(), fresh_id()
    calculate(pool, student)
    assert ingest(pool, event(other)).status == 202
    journal = shard_key(store, student, "journal")
    store.xadd(journal, {"e": "not JSON"})
    put_into_queue(store, "high", {"a": 1}, "something")
    store.config_set("maxmemory", 1)
    start_worker(pool, stand_in_sidecar)
    wait_for(lambda: len(stand_in_sidecar.events(other)) == 2, "the other published")
    assert counted(store, other)
    assert_stays(
        lambda: store.xlen(journal) == 2 and store.xlen("queue:{batch}:high") == 1,
        "what cannot be kept is where it was",
        seconds=1,
    )
    store.config_set("maxmemory", 0)
    wait_for(lambda: len(stand_in_sidecar.events(student)) == 2, "published")
    wait_for(lambda: len(dead_letters(store)) == 2, "kept")
    wait_for(lambda: is_turned_and_published(store) and store.xlen("queue:{batch}:high") == 0, "all done")


# Responses of the sidecar


REFUSALS = {
    "forbidden": ("403", "forbidden"),
    "too_large": ("413", "too_large"),
    "no_cloudevent": ("ERR_PUBSUB_CLOUD_EVENTS_SER", "event"),
}
AWAY = ["broken", "outbox_broken", "overloaded", "bad_gateway"]


@pytest.mark.parametrize("mode", REFUSALS)
def test_event_that_is_refused_for_good_is_a_dead_letter_at_once(
    pool, store, stand_in_sidecar, start_worker, mode
):
    start_worker(pool, stand_in_sidecar)
    student, (named, reason) = fresh_id(), REFUSALS[mode]
    stand_in_sidecar.mode_of = lambda sent: mode if sent["type"] == "mastery.level_changed" else None
    calculate(pool, student, 0.5)
    calculate(pool, student, 0.55)
    wait_for(lambda: len(stand_in_sidecar.events(student)) == 2, "the others published")
    [letter] = dead_letters(store)
    assert letter["event"]["type"] == "mastery.level_changed"
    assert letter["source"] == shard_key(store, student, "outbox")
    assert named in letter["reason"]
    assert len(stand_in_sidecar.attempts) == 3
    wait_for(lambda: scrape(pool).value("outbox_failures_total", reason=reason) == 1, "counted")


def revisions_of(sidecar, student):
    return [item["data"]["revision"] for item in sidecar.events(student, "mastery.updated")]


def test_event_that_the_broker_does_not_take_waits_and_others_pass(
    pool, store, stand_in_sidecar, start_worker
):
    """Its student's later events wait behind it (hazards Y3); no number of tries makes it dead."""
    start_worker(pool, stand_in_sidecar, DAPR_RETRY_MS=1)
    students = [fresh_id() for _ in range(3)]
    kept = students[0]
    stand_in_sidecar.mode_of = lambda sent: "broken" if sent["subject"] == kept else None
    for student in students:
        for score in (0.5, 0.55, 0.57):
            calculate(pool, student, score)
    others = [student for student in students[1:] if shard_key(store, student, "") != shard_key(store, kept, "")]
    wait_for(lambda: all(len(stand_in_sidecar.events(student)) == 4 for student in others), "others pass")
    tries = lambda: [sent for sent in stand_in_sidecar.attempts if sent.event["subject"] == kept]
    wait_for(lambda: len(tries()) > 6, "tried more often than five times")
    assert {sent.event["data"]["revision"] for sent in tries()} == {1}
    assert not dead_letters(store)
    stand_in_sidecar.mode_of = None
    wait_for(lambda: is_turned_and_published(store), "all published")
    assert revisions_of(stand_in_sidecar, kept) == [1, 2, 3] and not dead_letters(store)


@pytest.mark.parametrize("mode", AWAY)
def test_broker_that_is_away_gets_all_of_it_later(pool, store, stand_in_sidecar, start_worker, mode):
    """The sidecar reports itself as healthy meanwhile (hazards Y3)."""
    stand_in_sidecar.mode = mode
    worker = start_worker(pool, stand_in_sidecar, DAPR_RETRY_MS=1)
    student = fresh_id()
    for score in (0.5, 0.55, 0.57):
        calculate(pool, student, score)
    wait_for(lambda: len(stand_in_sidecar.attempts) > 6, "tried more often than five times")
    assert {sent.event["data"]["revision"] for sent in stand_in_sidecar.attempts} == {1}
    wait_for(lambda: dependencies(pool)["dapr"] == "unavailable", "seen in /ready")
    assert scrape(pool).value("outbox_failures_total", reason="broker") > 6
    [line] = worker.lines("dapr.away")
    assert line["reason"] == "broker" and "broker" in line["cure"]
    assert not worker.lines("dapr.back") and not dead_letters(store)
    stand_in_sidecar.mode = "ok"
    wait_for(lambda: is_turned_and_published(store), "all published")
    assert revisions_of(stand_in_sidecar, student) == [1, 2, 3]
    assert not dead_letters(store)
    wait_for(lambda: dependencies(pool)["dapr"] == "healthy", "healthy again")
    wait_for(lambda: len(worker.lines("dapr.back")) == 1, "back")


MISCONFIGURED = {
    "not_found": ("component", "DAPR_PUBSUB"),
    "topic_empty": ("component", "DAPR_PUBSUB"),
    "not_configured": ("component", "DAPR_PUBSUB"),
    "wrong_token": ("token", "DAPR_API_TOKEN"),
}


@pytest.mark.parametrize("mode", MISCONFIGURED)
def test_sidecar_that_is_not_set_up_gets_all_of_it_later(
    pool, start_pool, store, stand_in_sidecar, start_worker, mode
):
    """It passes its health check, which says nothing of token and component (hazards Y5)."""
    reason, setting = MISCONFIGURED[mode]
    stand_in_sidecar.mode = mode
    worker, other = start_worker(pool, stand_in_sidecar, DAPR_RETRY_MS=100), start_pool()
    student = fresh_id()
    for score in (0.5, 0.55, 0.57):
        calculate(pool, student, score)
    wait_for(lambda: dependencies(pool)["dapr"] == "unhealthy", "seen in /ready")
    checks = stand_in_sidecar.health_checks
    wait_for(lambda: stand_in_sidecar.health_checks >= checks + 2, "healthy by its own account")
    assert dependencies(pool)["dapr"] == "unhealthy", "a health check does not hide it"
    wait_for(lambda: dependencies(other)["dapr"] == "unhealthy", "seen in each process")
    assert {sent.event["data"]["revision"] for sent in stand_in_sidecar.attempts} == {1}
    [line] = worker.lines("dapr.misconfigured")
    assert line["reason"] == reason and setting in line["cure"], line
    assert scrape(pool).value("outbox_failures_total", reason=reason) > 0
    assert not dead_letters(store)
    stand_in_sidecar.mode = "ok"
    wait_for(lambda: is_turned_and_published(store), "all published")
    assert [item["data"]["revision"] for item in stand_in_sidecar.events(student)] == [1, 1, 2, 3]
    wait_for(lambda: dependencies(pool)["dapr"] == "healthy", "healthy again")
    wait_for(lambda: len(worker.lines("dapr.back")) == 1, "told once")


@pytest.mark.parametrize("token", [None, "wrong"])
def test_wrong_token_is_no_reason_to_lose_events(pool, store, stand_in_sidecar, start_worker, token):
    stand_in_sidecar.api_token = "right"
    worker = start_worker(pool, stand_in_sidecar, DAPR_RETRY_MS=2, **({"DAPR_API_TOKEN": token} if token else {}))
    student = fresh_id()
    calculate(pool, student)
    wait_for(lambda: stand_in_sidecar.refused > 3, "tried")
    [line] = worker.lines("dapr.misconfigured")
    assert "DAPR_API_TOKEN" in line["cure"]
    stand_in_sidecar.api_token = token
    wait_for(lambda: len(stand_in_sidecar.events(student)) == 2, "published")


def test_broker_that_recovers_gets_all_in_order(pool, store, stand_in_sidecar, start_worker):
    seen = {}

    def twice_broken(sent):
        seen[sent["id"]] = seen.get(sent["id"], 0) + 1
        return "broken" if seen[sent["id"]] <= 2 else None

    stand_in_sidecar.mode_of = twice_broken
    start_worker(pool, stand_in_sidecar, DAPR_RETRY_MS=2)
    student = fresh_id()
    for score in (0.5, 0.55, 0.57):
        calculate(pool, student, score)
    wait_for(lambda: is_turned_and_published(store), "all published")
    assert [item["data"]["revision"] for item in stand_in_sidecar.events(student)] == [1, 1, 2, 3]
    assert not dead_letters(store)


def assert_probes_are_apart(sidecar):
    """An open circuit lets one event a second through, as a probe."""
    first, began = len(sidecar.attempts), time.monotonic()
    time.sleep(1)
    attempts = len(sidecar.attempts) - first
    assert attempts <= 2 + (time.monotonic() - began), attempts


@pytest.mark.parametrize("mode", ["reset", "hang"])
def test_sidecar_that_is_away_gets_all_of_it_later(
    pool, store, stand_in_sidecar, start_worker, mode
):
    """Fault 20: nothing is lost or reordered; the circuit opens; requests do not notice."""
    stand_in_sidecar.mode = mode
    worker = start_worker(pool, stand_in_sidecar, DAPR_TIMEOUT_MS=200)
    students = [fresh_id() for _ in range(12)]
    times = []
    for score in (0.5, 0.55, 0.57):
        for student in students:
            times.append(calculate(pool, student, score).seconds)
    assert_typical(times, 0.5)
    wait_for(
        lambda: scrape(pool).value("circuit_breaker_state", service="dapr") > 0,
        "circuit open",
    )
    wait_for(lambda: dependencies(pool)["dapr"] == "unavailable", "seen in /ready")
    assert_probes_are_apart(stand_in_sidecar)
    stand_in_sidecar.release()
    wait_for(lambda: is_turned_and_published(store), "all published")
    for student in students:
        revisions = [
            item["data"]["revision"] for item in stand_in_sidecar.events(student, "mastery.updated")
        ]
        assert sorted(set(revisions)) == [1, 2, 3] and revisions == sorted(revisions)
    assert not dead_letters(store)
    wait_for(lambda: dependencies(pool)["dapr"] == "healthy", "healthy again")
    wait_for(lambda: scrape(pool).value("circuit_breaker_state", service="dapr") == 0, "circuit closed")
    wait_for(
        lambda: len(worker.lines("dapr.away")) == len(worker.lines("dapr.back")) >= 1,
        "the log says that it was away and is back",
    )


def test_sidecar_that_is_not_there_is_found_when_it_comes(
    pool, store, stand_in_sidecar, start_worker
):
    port = free_port()
    start_worker(pool, DAPR_HTTP_PORT=port, DAPR_RETRY_MS=10)
    student = fresh_id()
    calculate(pool, student)
    wait_for(lambda: dependencies(pool)["dapr"] == "unavailable", "seen in /ready")
    with Sidecar(port) as late:
        wait_for(lambda: len(late.events(student)) == 2, "published")


# Several workers


def shards_of(worker):
    lines = worker.lines("worker.leases")
    return lines[-1]["shards"] if lines else 0


def test_workers_share_and_follow_one_that_dies(pool, store, stand_in_sidecar, start_worker):
    first, second = (start_worker(pool, stand_in_sidecar) for _ in range(2))
    wait_for(
        lambda: (shards_of(first), shards_of(second)) == (128, 128), "half of it each"
    )
    students = [fresh_id() for _ in range(16)]
    with Load(4, lambda c, iteration: calculate(pool, students[iteration % 16], iteration % 10 / 10)) as load:
        wait_for(lambda: len(load.results) > 100, "changes")
        first.kill()
        died, before = time.monotonic(), len(load.results)
        wait_for(lambda: len(load.results) > before + 100, "further changes")
    assert not load.errors, load.errors[:3]
    wait_for(lambda: is_turned_and_published(store), "all published by the other")
    assert time.monotonic() - died < within(10.5)
    for student in students:
        seen = list(
            dict.fromkeys(
                item["data"]["revision"]
                for item in stand_in_sidecar.events(student, "mastery.updated")
            )
        )
        assert seen == list(range(1, len(seen) + 1)), "lost, or out of order"
    assert shards_of(second) == 256


def test_worker_that_was_stopped_beyond_its_leases_doubles_nothing(
    pool, store, stand_in_sidecar, start_worker
):
    first = start_worker(pool, stand_in_sidecar)
    wait_for(lambda: shards_of(first) == 256, "all leases")
    student = fresh_id()
    with Load(1, lambda _, iteration: ingest(pool, event(student, iteration)).status) as load:
        wait_for(lambda: len(load.results) > 50, "events")
        pause(first.pid)
        second = start_worker(pool, stand_in_sidecar)
        wait_for(lambda: shards_of(second) == 256, "taken over")
        events = len(load.results)
        wait_for(lambda: len(counted(store, student)) >= events, "counted by the other")
        resume(first.pid)
        wait_for(lambda: shards_of(first) < 256, "the first has noticed what it has lost")
        events = len(load.results)
        wait_for(lambda: len(counted(store, student)) >= events + 50, "further events counted")
    assert set(load.results) == {202} and not load.errors
    wait_for(lambda: is_turned_and_published(store), "all published")
    expected = [f"evt-{student}-{number:05}" for number in range(len(load.results))]
    assert counted(store, student) == expected, "doubled, lost or out of order"
    seen = dict.fromkeys(
        item["data"]["revision"] for item in stand_in_sidecar.events(student, "mastery.updated")
    )
    assert list(seen) == list(range(1, len(expected) + 1))
    assert first.alive() and second.alive()
    wait_for(lambda: (shards_of(first), shards_of(second)) == (128, 128), "shared")


class HoldingStandIn(RedisStandIn):
    """Holds back what would turn the journal; it may still reach Redis much later."""

    held = b""

    def _take(self, data, client, server):
        while end := command_end(data):
            command, data = data[:end], data[end:]
            if b"EVALSHA" in command and b":journal" in command:
                self.held += command
            else:
                server.sendall(command)
        return data


def test_script_that_arrives_after_its_lease_changes_nothing(
    pool, store, redis_server, stand_in_sidecar, start_worker
):
    """As if a worker, or the network, had stood still between reading and turning."""
    student = fresh_id()
    for number in range(5):
        assert ingest(pool, event(student, number)).status == 202
    with HoldingStandIn(redis_server.path) as stand_in:
        first = start_worker(pool, stand_in_sidecar, REDIS_URL=stand_in.url)
        wait_for(lambda: stand_in.held, "read, about to be turned")
        first.kill()
        held = stand_in.held
    start_worker(pool, stand_in_sidecar)
    wait_for(lambda: len(stand_in_sidecar.events(student)) >= 5, "turned by another")
    wait_for(lambda: is_turned_and_published(store), "published")
    published, kept = len(stand_in_sidecar.events(student)), counted(store, student)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(redis_server.path))
        sock.sendall(held)
        assert sock.recv(64) == b"*1\r\n:-1\r\n", "the script ran, and refused"
    assert is_turned_and_published(store)
    assert counted(store, student) == kept == [f"evt-{student}-{n:05}" for n in range(5)]
    assert_stays(lambda: len(stand_in_sidecar.events(student)) == published, "published once")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1])
def test_worker_drains(pool, store, stand_in_sidecar, start_worker, number):
    worker = start_worker(pool, stand_in_sidecar)
    wait_for(lambda: shards_of(worker) == 256, "up")
    students = [fresh_id() for _ in range(4)]
    with Load(4, lambda caller, iteration: calculate(pool, students[caller], iteration % 10 / 10)):
        wait_for(lambda: len(stand_in_sidecar.events()) > 50, "published")
        assert worker.drain(number) == 0
    assert not store.keys("*:lease") and not store.exists("workers")
    assert not store.xpending("queue:{batch}:normal", "workers")["pending"]
    wait_for(lambda: dependencies(pool)["worker"] == "unavailable", "seen in /ready")
    published = [item["id"] for item in stand_in_sidecar.events()]
    assert len(published) == len(set(published)), "a drained worker leaves nothing half done"
    start_worker(pool, stand_in_sidecar)
    wait_for(lambda: is_turned_and_published(store), "the next one goes on")
    published = [item["id"] for item in stand_in_sidecar.events()]
    assert len(published) == len(set(published))


def test_worker_drains_while_the_sidecar_hangs(pool, stand_in_sidecar, start_worker):
    stand_in_sidecar.mode = "hang"
    worker = start_worker(pool, stand_in_sidecar, DAPR_TIMEOUT_MS=1000)
    calculate(pool, fresh_id())
    wait_for(lambda: stand_in_sidecar.attempts, "under way")
    began = time.monotonic()
    assert worker.drain() == 0
    assert time.monotonic() - began < within(3)


def test_worker_outlives_redis(pool, store, redis_server, stand_in_sidecar, start_worker):
    worker = start_worker(pool, stand_in_sidecar)
    wait_for(lambda: shards_of(worker) == 256, "up")
    redis_server.stop()
    assert_stays(worker.alive, "alive", seconds=2)
    redis_server.start()
    student = fresh_id()
    wait_for(lambda: pool.calculate(student).status == 200, "pool back")
    wait_for(lambda: stand_in_sidecar.events(student), "worker back")
    wait_for(lambda: dependencies(pool)["worker"] == "healthy", "worker healthy")


def test_worker_is_seen_gone(pool, start_worker):
    worker = start_worker(pool)
    wait_for(lambda: dependencies(pool)["worker"] == "healthy", "healthy")
    worker.kill()
    wait_for(lambda: dependencies(pool)["worker"] == "unavailable", "unavailable")
    assert pool.request("GET", "/ready").status == 200


# The queue


def test_job_counts_an_event_once(pool, store, start_worker):
    start_worker(pool)
    student = fresh_id()
    for _ in range(3):
        put_into_queue(store, "normal", event(student))
    wait_for(lambda: scrape(pool).value("queue_jobs_total", kind="event", status="done") == 3, "jobs done")
    wait_for(lambda: counted(store, student), "counted")
    assert counted(store, student) == [f"evt-{student}-00000"]
    assert pool.query(student).json["mastery_score"] > 0
    assert store.xlen("queue:{batch}:normal") == 0
    assert store.xpending("queue:{batch}:normal", "workers")["pending"] == 0


def test_high_comes_first_and_low_does_not_starve(pool, store, start_worker):
    student = fresh_id()
    number = 0
    for level, count in (("low", 40), ("normal", 80), ("high", 200)):
        for _ in range(count):
            put_into_queue(store, level, event(student, number))
            number += 1
    start_worker(pool)
    wait_for(lambda: len(counted(store, student)) == 320, "all done")
    order = [int(name[-5:]) for name in counted(store, student)]
    first = order[:160]
    low, normal = [n for n in first if n < 40], [n for n in first if 40 <= n < 120]
    high = [n for n in first if n >= 120]
    assert len(high) > len(normal) > len(low) > 0, (len(high), len(normal), len(low))


@pytest.mark.parametrize(
    "kind, body, reason",
    [
        ("event", "not JSON", "must be an object"),
        ("event", {"event_id": "x"}, "event_type"),
        ("something", {"a": 1}, "of an unknown kind"),
    ],
)
def test_job_that_can_never_succeed_is_dead_at_once(pool, store, start_worker, kind, body, reason):
    start_worker(pool)
    put_into_queue(store, "high", body, kind)
    wait_for(lambda: [one["reason"] for one in dead_letters(store)] not in ([], ["r"]), "dead")
    [letter] = dead_letters(store)
    assert reason in letter["reason"] and letter["source"] == f"queue:{kind}"
    wait_for(lambda: store.xlen("queue:{batch}:high") == 0, "taken from the queue")


def test_job_of_a_dead_worker_is_claimed(pool, store, start_worker):
    student = fresh_id()
    put_into_queue(store, "low", event(student))
    store.xgroup_create("queue:{batch}:low", "workers", "0")
    assert store.xreadgroup("workers", "somebody-dead", {"queue:{batch}:low": ">"})
    start_worker(pool)
    wait_for(lambda: counted(store, student), "claimed")


def test_job_whose_workers_all_died_is_dead(pool, store, start_worker):
    student = fresh_id()
    job = put_into_queue(store, "normal", event(student))
    store.xgroup_create("queue:{batch}:normal", "workers", "0")
    store.xreadgroup("workers", "dead", {"queue:{batch}:normal": ">"})
    store.execute_command(
        *"XCLAIM queue:{batch}:normal workers dead 0".split(),
        job,
        *"IDLE 60000 RETRYCOUNT 5".split(),
    )
    start_worker(pool)
    wait_for(lambda: dead_letters(store)[0]["reason"] != "r", "dead")
    assert "has died" in dead_letters(store)[0]["reason"]
    assert not counted(store, student)


def test_job_is_tried_again_later(pool, store, start_worker):
    """What has been put off comes back when its time has come, with its tries."""
    start_worker(pool)
    student = fresh_id()
    letter = put_dead_letter(store, event(student))
    due = int(time.time() * 1000) + 1000
    store.zadd("queue:{batch}:later", {f"1 event 3 1-1 {letter}": due})
    wait_for(lambda: counted(store, student), "done")
    assert time.time() * 1000 >= due
    assert not store.exists("queue:{batch}:later")


# Dead letters, by hand


def test_dead_letters_are_listed_shown_retried_and_dropped(
    pool, store, stand_in_sidecar, start_worker
):
    worker = start_worker(pool, stand_in_sidecar)
    student = fresh_id()
    stand_in_sidecar.mode = "forbidden"
    calculate(pool, student)
    wait_for(lambda: len(dead_letters(store)) == 2, "dead")
    lines = ctl(pool, "dead", "list").stdout.splitlines()
    assert len(lines) == 2 and "403" in lines[0]
    first = lines[0].split()[0]
    shown = ctl(pool, "dead", "show", first).stdout
    assert student in shown and "mastery.updated" in shown
    stand_in_sidecar.mode = "ok"
    assert ctl(pool, "dead", "retry", first).stdout == "1 put back\n"
    wait_for(lambda: len(stand_in_sidecar.events(student)) == 1, "published")
    assert len(dead_letters(store)) == 1
    assert ctl(pool, "dead", "drop", "all").stdout == "1 dropped\n"
    assert not dead_letters(store)
    assert ctl(pool, "dead", "list").stdout == ""
    assert ctl(pool, "dead", "show", first, check=False).returncode == 1
    assert worker.alive()


def test_a_dead_letter_of_0_1_0_is_shown_and_retried(pool, store, start_worker):
    """Its text is in the stream, and nothing of it in hash and index."""
    student = fresh_id()
    start_worker(pool)
    letter = {"reason": "r", "source": "queue:event", "event": event(student), "at": "2026-01-01T00:00:00.000Z"}
    stored = store.xadd("queue:{dead}", {"e": json.dumps(letter)})
    assert '"reason":"r"' in ctl(pool, "dead", "list", "--json").stdout
    assert student in ctl(pool, "dead", "show", stored).stdout
    assert ctl(pool, "dead", "retry", stored).stdout == "1 put back\n"
    wait_for(lambda: counted(store, student) and store.xlen("queue:{dead}") == 0, "counted, and removed")


@pytest.mark.parametrize("action", ["drop", "retry"])
def test_a_dead_letter_that_redis_does_not_let_go_stays_and_is_said_so(pool, store, action):
    for number in (1, 2):
        put_dead_letter(store, {"n": number}, "queue:event")
    store.config_set("min-replicas-to-write", 9)
    refused = ctl(pool, "dead", action, "all", check=False)
    store.config_set("min-replicas-to-write", 0)
    assert refused.returncode == 1 and refused.stdout.startswith("0 "), refused
    assert "Redis refuses: NOREPLICAS" in refused.stderr
    assert len(dead_letters(store)) == 2 and not store.exists("queue:{batch}:normal")


def test_retry_of_all_ends_though_all_die_again(pool, store, stand_in_sidecar, start_worker):
    start_worker(pool, stand_in_sidecar)
    stand_in_sidecar.mode = "forbidden"
    for _ in range(150):
        calculate(pool, fresh_id())
    wait_for(lambda: len(dead_letters(store)) == 300, "dead")
    assert ctl(pool, "dead", "retry", "all").stdout == "300 put back\n"
    wait_for(lambda: is_turned_and_published(store), "tried again")
    assert len(dead_letters(store)) == 300
    assert ctl(pool, "dead", "list", "--limit", "120").stdout.count("\n") == 120


@pytest.mark.parametrize("enveloped", [False, True])
def test_retried_learning_event_is_counted_once(pool, store, start_worker, enveloped):
    start_worker(pool)
    student = fresh_id()
    body = event(student)
    if enveloped:
        body = {
            "specversion": "1.0",
            "id": "1",
            "source": "lms",
            "type": "quiz.completed",
            "data": body,
        }
    for _ in range(2):
        put_dead_letter(store, body)
    assert ctl(pool, "dead", "retry", "all").stdout == "2 put back\n"
    wait_for(lambda: counted(store, student), "counted")
    wait_for(lambda: scrape(pool).value("queue_jobs_total", kind="event", status="done") == 2, "jobs done")
    assert_stays(lambda: counted(store, student) == [f"evt-{student}-00000"], "counted once", 0.3)
    assert not dead_letters(store)


@pytest.mark.parametrize(
    "arguments",
    [
        ["dead"],
        ["dead", "burn"],
        ["dead", "show"],
        ["dead", "show", "all"],
        ["dead", "retry", "x"],
        ["dead", "list", "1-1"],
        ["dead", "drop", "1-1", "2-2"],
    ],
)
def test_wrong_usage_of_dead_is_refused(pool, arguments):
    assert ctl(pool, *arguments, check=False).returncode == 2


def test_dead_says_when_redis_is_away(pool, redis_server):
    redis_server.stop()
    assert ctl(pool, "dead", "list", check=False).returncode == 3


# Retention


@pytest.mark.parametrize("row", [row for row in STUDENT_KEYS if row.retention in ("RETAIN_ENTRIES", "RETAIN_FIELDS")], ids=lambda row: row.id)
def test_what_is_too_old_goes_from_each_kind(pool, store, start_worker, row):
    """By its day, and however late it came: what the table keeps 90 days is gone on day 91."""
    now = int(time.time() * 1000)
    key = "{00}:student:somebody" + row.suffix
    ages = (400, row.days + 1, row.days - 1, 1)
    day = lambda age: time.strftime("%Y-%m-%d", time.gmtime(now / 1000 - age * 86_400))
    for age in ages:
        if row.type == "TYPE_HASH":
            store.hset(key, f"evt-{age:05}", f"{now // DAY_MS - age} ")
        else:
            store.xadd(key, {"e": "{}", "n": age}, id=f"{now - age * DAY_MS}-0")
    if row.id == "EVENTS":
        for age in ages:  # all came today
            store.xadd(key, {"e": json.dumps({"timestamp": f"{day(age)}T23:59:59.000Z"}, separators=(",", ":")), "n": age})
    worker = start_worker(pool)
    wait_for(lambda: worker.lines("retention.done"), "retention done")
    if row.type == "TYPE_HASH":
        wait_for(lambda: set(store.hkeys(key)) == {f"evt-{age:05}" for age in ages[2:]}, "the young ones are left")
        return
    left = lambda: [int(fields["n"]) for _, fields in store.xrange(key)]
    wait_for(lambda: left() == list(ages[2:]) * (2 if row.id == "EVENTS" else 1), "the young ones are left")


def test_what_is_too_old_goes(pool, store, start_worker):
    now = int(time.time() * 1000)
    for age in (200, 91, 89, 1):
        store.xadd("queue:{dead}", {"s": "dapr"}, id=f"{now - age * DAY_MS}-0")
    store.xadd("{00}:outbox", {"e": "{}", "t": ""}, id=f"{now - 2 * DAY_MS}-0")
    store.xadd("{00}:outbox", {"e": "{}", "t": ""})
    worker = start_worker(pool)
    wait_for(lambda: worker.lines("retention.done"), "retention done")
    assert store.xlen("queue:{dead}") == 2
    assert store.xlen("{00}:outbox") == 1


def test_marks_of_events_that_would_be_too_old_go(pool, store, start_worker):
    today, buckets = int(time.time() // 86_400), defaultdict(bytes)
    ages = {f"evt-{n:05}": 200 if n % 2 else 91 for n in range(2000)}
    for name, age in ages.items():
        bucket, record = mark_record(name, today - age, b"d" if age == 91 else b"")
        buckets[bucket] += record
    many, few = fresh_id(), fresh_id()
    store.hset(student_key(many, ":counted"), mapping=buckets)
    store.hset(student_key(few, ":counted"), *mark_record("evt-old-one", today - 94, b"d"))
    worker = start_worker(pool)
    wait_for(lambda: worker.lines("retention.done"), "retention done")
    wait_for(lambda: len(marks(store, many)) == 1000, "the old ones gone")
    wait_for(lambda: not store.exists(student_key(few, ":counted")), "the old one gone")
    assert set(marks(store, many)) == {mark_of(name) for name, age in ages.items() if age == 91}


def test_names_that_are_no_students_hold_up_nobody(pool, store, start_worker):
    """More of them than one step reads of a list, before one who is due."""
    student, today = fresh_id(), int(time.time() // 86_400)
    names = tagged(student, "retention")
    store.zadd(names, {"no id": 0, "a:b": 0, "": 0, "x" * 200: 0, student.replace("_", "/", 1) + "//": 1, student: 2})
    bucket, record = mark_record("evt-old-one", today - 94, b"d")
    store.hset(student_key(student, ":counted"), bucket, record)
    start_worker(pool)
    wait_for(lambda: not store.exists(student_key(student, ":counted")), "the old one gone")
    wait_for(lambda: not store.exists(names), "the names are gone")


def test_days_that_are_too_old_go_but_the_latest(pool, store, start_worker):
    today, student = int(time.time() // 86_400), fresh_id()
    records = {ago: (today - ago).to_bytes(2, "big") + b"\x01x" for ago in (1, 90, 91, 92, 120)}
    store.set(student_key(student, ":days"), b"".join(records.values()), ex=1000)
    worker = start_worker(pool)
    wait_for(lambda: worker.lines("retention.done"), "retention done")
    kept = b"".join(records[ago] for ago in (1, 90, 91))
    wait_for(lambda: with_bytes(store).get(student_key(student, ":days")) == kept, "the old ones gone")
    assert 0 < store.ttl(student_key(student, ":days")) <= 1000


def test_marks_of_0_1_0_that_are_too_old_go(pool, store, start_worker):
    today = int(time.time() // 86_400)
    ages = {f"evt-{n:05}": 200 if n % 2 else 91 for n in range(2000)}
    store.hset("{00}:student:many:marks", mapping={k: f"{today - v} " for k, v in ages.items()})
    store.hset("{00}:student:few:marks", mapping={"evt-old-one": f"{today - 94} d", "bad": "x"})
    worker = start_worker(pool)
    wait_for(lambda: worker.lines("retention.done"), "retention done")
    wait_for(lambda: store.hlen("{00}:student:many:marks") == 1000, "the second piece")
    assert not store.exists("{00}:student:few:marks")
    left = store.hkeys("{00}:student:many:marks")
    assert all(ages[name] == 91 for name in left)


# Metrics


def test_worker_joins_the_pools_metrics(pool, store, start_worker):
    before = scrape(pool).value("processes")
    start_worker(pool)
    wait_for(lambda: dependencies(pool)["worker"] == "healthy", "worker up")
    calculate(pool, fresh_id())
    wait_for(lambda: scrape(pool).value("journal_entries_total", status="turned") == 1, "turned")
    found = scrape(pool)
    assert found.value("processes") == before + 1
    assert found.types["mastery_engine_journal_lag_seconds"] == "gauge"
    assert found.value("redis_operations_total", operation="write", status="ok") > 256
