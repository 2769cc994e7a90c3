# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of each client and the faults of a run: functions of the seed alone.

No outcome changes them, so the same seed sends the same requests in the same order of each client, and injects
the same faults after the same pauses. How the clients' requests interleave is up to the machine.
"""
import itertools
import random
from collections import namedtuple

from harness.events import GOOD, random_data
from harness.model import COMPONENTS, DAY_MS

SLOTS = 4  # students at a time that a client has for itself
COMMON = 8  # students who get events from all clients, and nothing else
TEACHERS = COHORTS = 2  # of each client, who alone changes the rosters of its cohorts
LIFE = 150  # operations after which another student takes a slot
MOST_DAYS = 20  # age of an event; few, because the model sums up each day anew
CONSENTS = ("data_processing", "analytics", "research", "communication")

# student: the id of an own or a common student. details: a dictionary of the kind's own.
Operation = namedtuple("Operation", "number kind student details")
# pause_s: before it; hold_s: how long it lasts, where it lasts; number: chooses among processes, bytes, ...
Fault = namedtuple("Fault", "kind pause_s hold_s number")


def common_student(number):
    return f"common-{number}"


def teacher_of(client, number):
    return f"teacher-{client}-{number}"


def cohort_of(client, number):
    return f"cohort-{client}-{number}"


class Slots:
    """The own students of a client: of each slot the one whose turn it is, by the number of its life."""

    def __init__(self, client):
        self.client, self.lives, self.used = client, [0] * SLOTS, [0] * SLOTS

    def name(self, slot):
        return f"student-{self.client}-{slot}-{self.lives[slot]}"

    def use(self, slot):
        self.used[slot] += 1
        if self.used[slot] > LIFE:
            self.end(slot)
        return self.name(slot)

    def end(self, slot):
        self.lives[slot] += 1
        self.used[slot] = 0


def some_event(rng, name):
    """An event without student: its timestamp is so many ms before the request."""
    kind = rng.choice(list(GOOD))
    age_ms = rng.randrange(MOST_DAYS * DAY_MS) if rng.random() < 0.6 else rng.randrange(1000)
    return {"event_id": name, "event_type": kind, "age_ms": age_ms, "data": random_data(rng, kind)}


def some_components(rng):
    return {name: round(rng.random(), 3) for name in COMPONENTS}


def ingest(rng, client, number, slots):
    to_common = rng.random() < 0.3
    student = common_student(rng.randrange(COMMON)) if to_common else None
    return {"student": student, "event": some_event(rng, f"event-{client}-{number}")}


def bulk(rng, client, number, slots):
    """Events of several students in one delivery of the sidecar."""
    found = []
    for index in range(rng.randrange(2, 8)):
        slot = rng.randrange(SLOTS)
        student = slots.name(slot) if rng.random() < 0.6 else common_student(rng.randrange(COMMON))
        found.append((student, some_event(rng, f"bulk-{client}-{number}-{index}")))
    return {"events": found}


def calculate(rng, client, number, slots):
    return {"components": some_components(rng), "key": f"calculate-{client}-{number}"}


def query(rng, client, number, slots):
    return {"role": rng.choice(["student", "admin"])}


def consent(rng, client, number, slots):
    role = rng.choice(["student", "admin"])
    return {"type": rng.choice(CONSENTS), "granted": rng.random() < 0.6, "role": role}


def roster(rng, client, number, slots):
    students = [slots.name(slot) for slot in range(SLOTS) if rng.random() < 0.5]
    students += [common_student(i) for i in range(COMMON) if rng.random() < 0.2]
    teachers = [teacher_of(client, i) for i in range(TEACHERS) if rng.random() < 0.6]
    return {"cohort": cohort_of(client, rng.randrange(COHORTS)), "teachers": teachers, "students": students}


def roster_delete(rng, client, number, slots):
    return {"cohort": cohort_of(client, rng.randrange(COHORTS))}


def look(rng, client, number, slots):
    """At a student of any client, whom the share chooses."""
    return {"share": rng.random(), "slot": rng.randrange(SLOTS), "role": rng.choice(["student", "admin"])}


def teacher_read(rng, client, number, slots):
    """By a teacher of any client, about one of that client's students or a common one."""
    common = rng.randrange(COMMON) if rng.random() < 0.3 else None
    return {"share": rng.random(), "teacher": rng.randrange(TEACHERS), "slot": rng.randrange(SLOTS), "common": common}


def batch(rng, client, number, slots):
    requests = {f"batch-{client}-{number}-{i}": some_components(rng) for i in range(3)}
    return {"requests": requests, "key": f"batch-{client}-{number}"}


def erase(rng, client, number, slots):
    return {"returns": rng.random() < 0.5, "consent": rng.choice(["student", "admin"])}


def nothing(rng, client, number, slots):
    return {}


KINDS = {  # kind: weight, details
    "ingest": (28, ingest),
    "bulk": (5, bulk),
    "calculate": (9, calculate),
    "query": (14, query),
    "teacher_read": (14, teacher_read),
    "stranger_read": (4, nothing),
    "history": (6, query),
    "predict": (3, nothing),
    "consent": (5, consent),
    "roster": (6, roster),
    "roster_delete": (1, roster_delete),
    "export": (2, query),
    "batch": (0.7, batch),
    "erase": (1, erase),
}
READS = {"look": (1, look), "teacher_read": (1, teacher_read)}  # of clients that no write ever holds up


def operations(seed, client, kinds=None):
    """All operations of a client, without end."""
    kinds = kinds or KINDS
    rng, slots = random.Random(f"{seed}/client/{client}"), Slots(client)
    weights = [weight for weight, _ in kinds.values()]
    for number in itertools.count():
        [kind] = rng.choices(list(kinds), weights)
        slot = rng.randrange(SLOTS)
        student = slots.use(slot)
        details = kinds[kind][1](rng, client, number, slots)
        yield Operation(number, kind, details.pop("student", None) or student, details)
        if kind == "erase" and not details["returns"]:
            slots.end(slot)


def faults(seed, kinds):
    """All faults, without end; each kind once before any comes again."""
    rng = random.Random(f"{seed}/faults")
    while kinds:
        for kind in rng.sample(list(kinds), len(kinds)):
            yield Fault(kind, rng.uniform(1, 5), rng.uniform(0.3, 5), rng.randrange(1 << 30))
