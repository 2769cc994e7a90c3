# SPDX-License-Identifier: GPL-3.0-or-later
"""Ten thousand events that wait in the broker, delivered one by one and in bulk: each counted once. Prints how many
were counted in a second, and the processor time of each program for an event."""
import os
import time
from pathlib import Path

import pytest
from conftest import TOPIC
from harness.engine import fresh_id
from harness.events import event
from harness.process import children
from harness.prometheus import Scrape
from harness.store import dead_letters
from harness.wait import wait_for

EVENTS, STUDENTS = 10000, 500
TICKS_S = os.sysconf("SC_CLK_TCK")
# concurrency, queueDepth of the component; bulk: DAPR_BULK_MESSAGES
FORMS = {"single": (10, 0), "single, 100 at once": (100, 0), "bulk of 100": (100, 100)}


def processor_s(pids):
    """Seconds of processor time that the processes have used."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split() for pid in pids]
    return sum(int(user) + int(system) for *_, user, system in (f[:13] for f in fields)) / TICKS_S


def processes(engine, daprd, broker):
    nginx = [engine.nginx_pid, *children(engine.nginx_pid)]
    return {
        "sidecar": [daprd.process.pid], "nginx": nginx, "engine": engine.pool(), "Redis": [engine.redis_pid()],
        "broker": [broker.process.pid],
    }  # fmt: skip


def deliver_all(engine, daprd, broker):
    """Returns events a second, and microseconds of processor time for an event by program."""
    daprd.launch()
    wait_for(lambda: broker.pending() >= 0, "subscribed", 60)
    programs, begun, waiting = processes(engine, daprd, broker), time.monotonic(), broker.pending()
    before = {name: processor_s(pids) for name, pids in programs.items()}
    wait_for(lambda: broker.pending() == 0, "all delivered", 600)
    seconds = time.monotonic() - begun
    used = {name: processor_s(pids) - before[name] for name, pids in programs.items()}
    return waiting / seconds, {name: 1e6 * value / waiting for name, value in used.items()}


def deliveries(engine):
    """Number of requests of the sidecar with events."""
    metrics = Scrape(engine.client().get("/metrics").text)
    return metrics.sum("http_requests_total", endpoint="/dapr/events")


@pytest.mark.parametrize("form", FORMS)
def test_ten_thousand_events_count_once(start_engine, new_daprd, engine_daprd, broker, form):
    concurrency, bulk = FORMS[form]
    engine = start_engine(POOL_SIZE=2, DAPR_BULK_MESSAGES=str(bulk), APPENDFSYNC="always")
    students = [fresh_id() for _ in range(STUDENTS)]
    bodies = [event("quiz.completed", students[i % STUDENTS]) for i in range(EVENTS)]
    new_daprd("publisher").start().publish_many(bodies)
    assert broker.client.xlen(TOPIC) == EVENTS
    settings = {"concurrency": str(concurrency), "queueDepth": "100"}
    rate, used = deliver_all(engine, engine_daprd(engine, settings=settings), broker)
    calls = deliveries(engine)
    print(f"\n{form}: {rate:.0f} events/s, {sum(used.values()):.0f} us of processor time each",
          {name: round(value) for name, value in used.items()}, f"{EVENTS / calls:.0f} events a request")  # fmt: skip
    admin = engine.admin()
    for student in students:
        exported = admin.get(f"/api/v1/compliance/export/{student}").json["data"]["events"]
        assert len(exported) == EVENTS // STUDENTS
    admin.close()
    assert not dead_letters(engine.redis())
    assert calls <= EVENTS / 10 if bulk else calls >= EVENTS
