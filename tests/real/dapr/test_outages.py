# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine publishes, heard by a second application, and what is delivered to it, while parts are away or end
(hazards Y2, Y3, Y5, Y6, Y7, Y8, Y10)."""
import contextlib
import json
import os
import signal
from pathlib import Path

import pytest
from conftest import API_TOKEN, Application, shipped
from harness.binaries import ROOT
from harness.engine import fresh_id, redis_process
from harness.events import event
from harness.ports import free_port
from harness.store import dead_letters
from harness.wait import assert_stays, wait_for
from harness.worker import Worker
from test_deliveries import counted, publish

UPDATES = "mastery.events"


def revisions(application, student):
    """Of the student's updates, in the order in which they were heard first."""
    heard = [json.loads(call.body) for call in list(application.calls) if call.path == "/heard"]
    found = [
        item["data"]["revision"] for item in heard
        if item["subject"] == student and item["type"] == "mastery.updated"
    ]  # fmt: skip
    return list(dict.fromkeys(found))


@pytest.fixture
def application(new_daprd):
    """Another application, that hears what the engine publishes, one event at a time: only so the order is kept."""
    with Application({"topic": UPDATES, "route": "/heard"}) as running:
        new_daprd("listener", app=running.url, settings={"concurrency": "1"}).start()
        yield running


@pytest.fixture
def start_both(start_engine, engine_daprd):
    """start_both(…) starts an engine that publishes, and its sidecar."""

    def start(**settings):
        port = free_port()
        engine = start_engine(**{"DAPR_HTTP_PORT": str(port), "DAPR_API_TOKEN": API_TOKEN, **settings})
        return engine, engine_daprd(engine, port=port).start()

    return start


def dapr_health(engine):
    with contextlib.closing(engine.client()) as client:
        return client.get("/ready").json["dependencies"]["dapr"]


def calculate(engine, students):
    admin = engine.admin()
    for student in students:
        assert engine.calculate(student, by=admin).status == 200
    admin.close()


# What the engine publishes


def test_second_application_hears_each_update_in_order(start_both, application):
    engine, _ = start_both()
    students = [fresh_id() for _ in range(10)]
    calculate(engine, students * 3)
    wait_for(lambda: all(revisions(application, one) == [1, 2, 3] for one in students), "heard")


def test_updates_wait_for_a_broker_that_is_away(start_both, application, broker):
    """The sidecar responds with 500 meanwhile, and reports itself as healthy (hazards Y3)."""
    engine, daprd = start_both()
    students = [fresh_id() for _ in range(10)]
    calculate(engine, students)
    broker.kill()
    calculate(engine, students * 2)
    assert_stays(lambda: daprd.is_up() and not dead_letters(engine.redis()), "kept", 30)
    broker.start()
    wait_for(lambda: all(revisions(application, one) == [1, 2, 3] for one in students), "heard", 120)
    assert not dead_letters(engine.redis())


@pytest.mark.parametrize("setting", ["DAPR_API_TOKEN", "DAPR_PUBSUB"])
def test_setting_that_the_sidecar_refuses_is_seen_in_ready(start_both, setting):
    """The sidecar reports itself as healthy: its health check needs neither (hazards Y5)."""
    engine, daprd = start_both(**{setting: "wrong"})
    calculate(engine, [fresh_id()])
    wait_for(lambda: dapr_health(engine) == "unhealthy", "reported")
    assert daprd.is_up() and not dead_letters(engine.redis())


# What is delivered to the engine


@pytest.mark.parametrize("away_s, bulk", [(10, "0"), (90, "0"), (90, "100")])
def test_events_wait_for_the_store(start_engine, engine_daprd, broker, away_s, bulk):
    engine = start_engine(DAPR_BULK_MESSAGES=bulk)
    daprd = engine_daprd(engine, settings={"concurrency": "100"} if bulk != "0" else {}).start()
    store, students = redis_process(engine), [fresh_id() for _ in range(50)]
    store.stop()
    publish(daprd, [event("quiz.completed", student) for student in students])
    assert_stays(lambda: broker.pending() == 50, "kept while the store is away", away_s)
    store.start()
    wait_for(lambda: broker.pending() == 0, "all delivered", 120)
    assert counted(engine, students) == 50


def test_without_a_policy_the_sidecar_acknowledges_what_failed(own_engine, engine_daprd, broker):
    """So the Resiliency file is required (hazards Y2). Should this fail, Dapr has changed: say so in the documents."""
    daprd = engine_daprd(own_engine, resiliency=None).start()
    redis_process(own_engine).stop()
    publish(daprd, [event("quiz.completed", fresh_id())])
    wait_for(lambda: broker.pending() == 0, "acknowledged while the store is away")


def test_events_survive_the_broker(own_engine, broker, daprd):
    students = [fresh_id() for _ in range(40)]
    bodies = [event("quiz.completed", student) for student in students]
    publish(daprd, bodies[:20])
    wait_for(lambda: broker.client.info("persistence")["aof_pending_bio_fsync"] == 0, "written")
    broker.kill()
    broker.start()
    wait_for(daprd.is_subscribed, "subscribed")
    publish(daprd, bodies[20:])
    wait_for(lambda: broker.pending() == 0 and counted(own_engine, students) == 40, "all counted", 120)


@pytest.mark.parametrize("first", ["sidecar", "engine"])
def test_nothing_is_lost_when_both_are_drained(start_engine, engine_daprd, new_daprd, broker, first):
    engine, publisher = start_engine(), new_daprd("publisher").start()
    daprd = engine_daprd(engine).start()
    students = [fresh_id() for _ in range(400)]
    bodies = [event("quiz.completed", student) for student in students]
    publisher.publish_many(bodies[:200])
    ends = {"sidecar": lambda: daprd.kill(signal.SIGTERM), "engine": lambda: engine.script("stop")}
    ends.pop(first)()
    publisher.publish_many(bodies[200:])
    [last] = ends.values()
    last()
    engine.start()
    engine_daprd(engine).start()
    wait_for(lambda: broker.pending() == 0 and counted(engine, students) == 400, "all counted", 180)
    assert not dead_letters(engine.redis())


def test_worker_that_is_killed_loses_no_update(start_both, application):
    engine, _ = start_both()
    students, pid = [fresh_id() for _ in range(10)], int(engine.values["WORKER_PID"])
    variables = Path(f"/proc/{pid}/environ").read_text().split("\0")
    calculate(engine, students)
    os.kill(pid, signal.SIGKILL)
    calculate(engine, students)
    again = Worker(dict(line.split("=", 1) for line in variables if line), engine.state_dir).start()
    try:
        wait_for(lambda: all(revisions(application, one) == [1, 2] for one in students), "heard", 120)
    finally:
        again.kill()


# The engine's side of the sidecar's questions


def test_sidecar_that_starts_first_subscribes_once_the_engine_is_there(start_engine, engine_daprd, broker):
    """It takes an error for no subscriptions, and asks again thanks to the health check (hazards Y10)."""

    class Later:
        dapr_url, values = f"http://127.0.0.1:{free_port()}", {"APP_API_TOKEN": "token-of-the-app-0123456789abcdef"}

    daprd = engine_daprd(Later)
    daprd.launch()
    wait_for(daprd.is_up, "sidecar up")
    assert not daprd.subscriptions()
    engine = start_engine(DAPR_PORT=Later.dapr_url.rsplit(":", 1)[1], APP_API_TOKEN=Later.values["APP_API_TOKEN"])
    wait_for(daprd.is_subscribed, "subscribed")
    students = [fresh_id()]
    publish(daprd, [event("quiz.completed", students[0])])
    wait_for(lambda: broker.pending() == 0 and counted(engine, students) == 1, "counted")


def test_dropped_events_go_to_the_announced_topic(start_engine, engine_daprd, broker):
    """Only the announced subscription has an effect (hazards Y7)."""
    engine = start_engine(DAPR_TOPIC_DEAD="learning.dead")
    daprd = engine_daprd(engine).start()
    [subscription] = daprd.subscriptions()
    assert (subscription["deadLetterTopic"], subscription["type"]) == ("learning.dead", "PROGRAMMATIC")
    publish(daprd, [{"no": "event"}])
    wait_for(lambda: broker.client.xlen("learning.dead") == 1, "moved")


def test_public_clients_do_not_make_the_engine_unhealthy(start_engine, engine_daprd, broker):
    """Its probes come from the same address (hazards Y6)."""
    engine = start_engine(RATE_LIMITS="on")
    daprd = engine_daprd(engine).start()
    with contextlib.closing(engine.client()) as client:
        wait_for(lambda: client.get("/health").status == 429, "refused")
    with contextlib.closing(engine.sidecar()) as probe:
        assert {probe.get("/health").status for _ in range(20)} == {200}
    publish(daprd, [event("quiz.completed", fresh_id())])
    wait_for(lambda: broker.pending() == 0, "delivered")
    assert daprd.is_subscribed()


def test_caller_gets_the_engines_own_error(own_engine, daprd, new_daprd):
    """And not Dapr's 500 (hazards Y8)."""
    example = shipped("Resiliency", ROOT / "k8s/examples/dapr-caller.yaml")
    gateway = new_daprd("learnflow-gateway", callees=[daprd], resiliency=example).start()
    store = redis_process(own_engine)
    store.signal(signal.SIGSTOP)
    try:
        response = gateway.invoke("/api/v1/process", {"intent": "mastery_calculation", "payload": {"student_id": "s"}})
    finally:
        store.signal(signal.SIGCONT)
    assert response.status in (503, 504) and response.json["error"]["code"] in ("SERVICE_UNAVAILABLE", "TIMEOUT_ERROR")
