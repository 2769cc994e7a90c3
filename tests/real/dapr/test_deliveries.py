# SPDX-License-Identifier: GPL-3.0-or-later
"""Learning events through the real sidecar: counted once in every form, none lost, none in the way."""
import os
import signal

import pytest
from harness.cloudevents import STRUCTURED, own, wrapped
from harness.engine import fresh_id
from harness.events import GOOD, event
from harness.model import Student, assert_agrees
from harness.store import dead_letters
from harness.wait import wait_for

FORMS = {
    "bare": lambda daprd, body: daprd.publish(body),
    "as text": lambda daprd, body: daprd.publish(body, "text/plain"),
    "own envelope": lambda daprd, body: daprd.publish(own(body), STRUCTURED),
    "wrapped": lambda daprd, body: daprd.publish(wrapped(body), STRUCTURED),
    "raw": lambda daprd, body: daprd.publish(body, rawPayload="true"),
    "raw envelope": lambda daprd, body: daprd.publish(own(body), STRUCTURED, rawPayload="true"),
}


def publish(daprd, bodies):
    for body in bodies:
        daprd.publish(body)


def counted(engine, students):
    admin = engine.admin()
    try:
        return [
            admin.post("/api/v1/mastery/query", {"student_id": name}).status == 200 for name in students
        ].count(True)
    finally:
        admin.close()


@pytest.mark.parametrize("bulk", ["0", "10"])
def test_each_form_and_type_counts_once(start_engine, engine_daprd, broker, bulk):
    engine, plan = start_engine(DAPR_BULK_MESSAGES=bulk), {}
    daprd = engine_daprd(engine).start()
    for kind in GOOD:
        for form, send in FORMS.items():
            student = fresh_id()
            body, plan[student] = event(kind, student), Student()
            plan[student].ingest(body)
            for _ in range(2):
                send(daprd, body)
    wait_for(lambda: broker.pending() == 0, "all delivered", 60)
    admin = engine.admin()
    for student, model in plan.items():
        assert_agrees(admin, student, model)
    assert not dead_letters(engine.redis())


def test_large_events_are_dropped_and_others_unmoved(own_engine, broker, daprd):
    daprd.publish(b"x" * 4194000, "text/plain")
    daprd.publish(b'"' * 2200000, "text/plain")
    daprd.publish(b"\1" * 4190000, "text/plain")
    daprd.publish({"note": "n"}, note="n" * 20000)
    students = [fresh_id() for _ in range(20)]
    publish(daprd, [event("quiz.completed", student) for student in students])
    wait_for(lambda: broker.pending() == 0, "all delivered", 30)
    assert counted(own_engine, students) == 20
    assert len(dead_letters(own_engine.redis())) == 4


def test_nothing_is_lost_when_processes_are_killed(own_engine, broker, daprd):
    students = [fresh_id() for _ in range(60)]
    bodies = [event("quiz.completed", student) for student in students]
    publish(daprd, bodies[:20])
    os.kill(own_engine.pool()[0], signal.SIGKILL)
    publish(daprd, bodies[20:40])
    daprd.kill()
    daprd.start()
    publish(daprd, bodies[40:])
    # What was being delivered is delivered again after processingTimeout, looked for each minute.
    wait_for(lambda: broker.pending() == 0 and counted(own_engine, students) == 60, "all counted", 120)
