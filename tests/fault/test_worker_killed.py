# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 of everything in the middle of events: each acknowledged one counts exactly once, and the
outbox is complete, at least once, in order (faults 2, 3 and 20 of the hazards)."""
import contextlib
import os
import random
import signal
import time

import pytest
from harness.engine import fresh_id
from harness.events import random_events
from harness.load import Load
from harness.model import Student, assert_agrees
from harness.packed import event_texts
from harness.pool import PoolClient
from harness.process import pause, resume
from harness.redis_server import RedisServer
from harness.store import is_turned_and_published
from harness.wait import assert_typical, wait_for
from harness.worker import SidecarProcess, Worker

EVENTS = int(os.environ.get("MASTERY_TEST_WORKER_EVENTS", "3000"))
CALLERS, STUDENTS = 6, 12
BLOWS = max(12, EVENTS // 250)
INGEST = "/api/v1/mastery/ingest"


def one_event(rng, student):
    [event] = random_events(rng, student, 1, days=20)
    return event


class Senders:
    """Callers that send random events, each again until it is acknowledged. An event of a student
    may come from any of them. They send `events` of them, and on while go_on."""

    def __init__(self, pool, callers=CALLERS, students=STUDENTS, events=EVENTS):
        self.pool, self.go_on = pool, True
        self.clients = [PoolClient(pool, keep=True) for _ in range(callers)]
        self.students = {fresh_id(): Student() for _ in range(students)}
        self.events, self.begun, self.acknowledged, self.repeats = events, 0, [], 0
        self._random = [random.Random(caller) for caller in range(callers)]
        self._pending = [None] * callers

    def send(self, caller, _iteration):
        event = self._pending[caller]
        if event is None:
            if self.begun >= self.events and not self.go_on:
                time.sleep(0.05)
                return
            self.begun += 1
            student = self._random[caller].choice(list(self.students))
            event = self._pending[caller] = one_event(self._random[caller], student)
        try:
            response = self.clients[caller].post(INGEST, event)
        except (OSError, AssertionError):
            self.repeats += 1
            time.sleep(0.02)
            return
        if response.status == 202:
            self.acknowledged.append(event)
            self.students[event["student_id"]].ingest(event)
            self._pending[caller] = None
        else:
            assert response.status == 503, response
            self.repeats += 1
            time.sleep(0.02)

    def got_on(self):
        """A condition: more has been acknowledged since this call."""
        before = len(self.acknowledged)
        return lambda: len(self.acknowledged) > before

    def done(self):
        self.go_on = False
        return len(self.acknowledged) >= self.events and not any(self._pending)

    def assert_states(self):
        """Each state is the independent model's, over what was acknowledged."""
        client = PoolClient(self.pool, keep=True)
        for student, model in self.students.items():
            if model.events:
                assert_agrees(client, student, model)

    def expected(self):
        """By student, the ids that were acknowledged."""
        return {student: set(model.events) for student, model in self.students.items()}


def waiting(store):
    keys = [*store.scan_iter("*:journal", count=1000), *store.scan_iter("*:outbox", count=1000)]
    return sum(store.xlen(key) for key in keys)


def assert_published(events, expected):
    """Complete, at least once, and the first of each in the order of the student's revisions."""
    updates, seen_ids = {}, set()
    for item in events:
        if item["id"] not in seen_ids and item["type"] == "mastery.updated":
            updates.setdefault(item["subject"], []).append(item)
        seen_ids.add(item["id"])
    for student, ids in expected.items():
        found = updates.get(student, [])
        assert {item["data"]["event_id"] for item in found} == ids, "not complete"
        revisions = [item["data"]["revision"] for item in found]
        assert revisions == list(range(1, len(ids) + 1)), "not in order"


def assert_kept(store, expected):
    """The students' streams for the export: each event exactly once."""
    for student, ids in expected.items():
        if not ids:
            continue
        kept = event_texts(store, student)
        assert len(kept) == len(ids), "kept twice, or not at all"
        assert all(any(f'"{name}"' in text for text in kept) for name in list(ids)[:50])


@contextlib.contextmanager
def workers(pool, sidecar, count=2, **settings):
    settings = {"DAPR_HTTP_PORT": sidecar.port, "DAPR_RETRY_MS": 20, **settings}
    started = [
        Worker(pool.environment, pool.folder, f"worker-{i}", **settings).start()
        for i in range(count)
    ]
    try:
        yield started
    finally:
        for worker in started:
            worker.kill()


class Chaos:
    """What is done to whom, in turn, while events come in."""

    def __init__(self, pool, server, sidecar, started, redis_signal):
        self.pool, self.server, self.sidecar = pool, server, sidecar
        self.workers, self.redis_signal = started, redis_signal
        self.done = {}

    def kill_worker(self, iteration):
        worker = self.workers[iteration % len(self.workers)]
        worker.kill()
        time.sleep(0.1)
        worker.start()

    def kill_pool(self, iteration):
        pids = self.pool.pids()
        if pids:
            os.kill(pids[iteration % len(pids)], signal.SIGKILL)

    def kill_sidecar(self, _iteration):
        self.sidecar.kill()
        time.sleep(0.3)
        self.sidecar.start()

    def restart_redis(self, _iteration):
        self.server.process.send_signal(self.redis_signal)
        self.server.process.wait()
        if self.server.path.exists():
            self.server.path.unlink()
        time.sleep(0.3)
        self.server.start()

    def strike(self, iteration):
        every = [
            self.kill_worker,
            self.kill_pool,
            self.kill_sidecar,
            self.kill_pool,
            self.kill_worker,
            self.restart_redis,
        ]
        blow = every[iteration % len(every)]
        blow(iteration)
        self.done[blow.__name__] = self.done.get(blow.__name__, 0) + 1


@pytest.mark.parametrize(
    "fsync, redis_signal",
    [("always", signal.SIGKILL), ("everysec", signal.SIGTERM)],
    ids=["always-killed", "everysec-restarted"],
)
def test_everything_killed_and_every_event_counted_once(start_pool, fsync, redis_signal):
    """With everysec Redis is told to end, not killed: what it may lose otherwise is documented."""
    options = ("--appendonly", "yes", "--appendfsync", fsync)
    with RedisServer(*options) as server, SidecarProcess() as sidecar:
        pool = start_pool(redis_url=server.url, size=2, may_crash=True)
        senders = Senders(pool)
        with workers(pool, sidecar) as started:
            chaos = Chaos(pool, server, sidecar, started, redis_signal)
            with Load(CALLERS, senders.send, pause=0.002) as load:
                for iteration in range(BLOWS):
                    wait_for(senders.got_on(), "further events acknowledged")
                    time.sleep(0.2)
                    chaos.strike(iteration)
                wait_for(senders.done, "all acknowledged", timeout=300)
            assert not load.errors, load.errors[:3]
            assert senders.repeats > 0, "nobody noticed anything"
            wait_for(lambda: is_turned_and_published(server.client()), "all turned and published")
            assert set(chaos.done) == {
                "kill_worker",
                "kill_pool",
                "kill_sidecar",
                "restart_redis",
            }
            expected = senders.expected()
            assert sum(map(len, expected.values())) == len(senders.acknowledged) >= EVENTS
            senders.assert_states()
            assert_kept(server.client(), expected)
            assert_published(sidecar.events(), expected)
            assert not server.client().xlen("queue:{dead}")


def test_worker_killed_over_and_over_doubles_nothing(start_pool, redis_server):
    """Fault 2: kill -9 twenty times."""
    with SidecarProcess() as sidecar:
        pool = start_pool()
        senders = Senders(pool, events=EVENTS // 2)
        with workers(pool, sidecar, count=1) as [worker]:
            with Load(CALLERS, senders.send) as load:
                for _ in range(20):
                    wait_for(senders.got_on(), "further events acknowledged")
                    time.sleep(0.2)
                    worker.kill()
                    worker.start()
                wait_for(senders.done, "all acknowledged")
            assert not load.errors, load.errors[:3]
            wait_for(lambda: is_turned_and_published(redis_server.client()), "all published")
        expected = senders.expected()
        senders.assert_states()
        assert_kept(redis_server.client(), expected)
        assert_published(sidecar.events(), expected)


def latencies(senders, count):
    """Of so many events."""
    found = []

    def send(caller, _iteration):
        student = list(senders.students)[caller]
        rng = senders._random[caller]
        response = senders.clients[caller].post(INGEST, one_event(rng, student))
        assert response.status == 202
        found.append(response.seconds)

    with Load(4, send, pause=0.002) as load:
        wait_for(lambda: len(found) >= count or load.errors, f"{count} events acknowledged")
    assert not load.errors, load.errors[:3]
    return found


def test_sidecar_that_hangs_leaves_ingest_alone(start_pool, redis_server):
    """SIGSTOP of the sidecar: ingest does not wait for it, and nothing is lost."""
    with SidecarProcess() as sidecar:
        pool = start_pool(size=2)
        senders = Senders(pool)
        with workers(pool, sidecar, count=1, DAPR_TIMEOUT_MS=5000):
            before = latencies(senders, 500)
            pause(sidecar.pid)
            during = latencies(senders, 500)
            assert waiting(redis_server.client()) > len(during) // 2, "it was not hanging"
            resume(sidecar.pid)
            wait_for(lambda: is_turned_and_published(redis_server.client()), "all published")
        assert_typical(during, 0.1)
        published = {item["id"] for item in sidecar.events() if item["type"] == "mastery.updated"}
        assert len(published) >= len(before) + len(during)
