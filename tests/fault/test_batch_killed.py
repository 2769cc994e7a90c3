# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 of workers, again and again, while many batches are under way: each item has one result,
each batch completes, and progress never runs back or beyond (fault 2 of the hazards)."""
import os
import random
import signal

from harness.batches import ENDED, Batches, fresh_ids, stating
from harness.load import Load
from harness.pool import PoolClient
from harness.process import pause, resume
from harness.redis_server import RedisServer
from harness.wait import wait_for
from harness.worker import Worker

BATCHES = int(os.environ.get("MASTERY_TEST_BATCHES", "1"))  # more to do after each blow
STUDENTS = int(os.environ.get("MASTERY_TEST_BATCH_STUDENTS", "200"))
KILLS = 20


class Watch:
    """Asks for the status of each batch, and holds what it says against what it said before."""

    def __init__(self, batches, expected):
        self.batches, self.expected = batches, expected  # batch -> number of students
        self.last = {}

    def look(self, batch):
        now, total = self.batches.status(batch), self.expected[batch]
        before = self.last.get(batch)
        assert now["total_students"] == total
        assert 0 <= now["processed_students"] <= total
        assert now["failed_count"] == 0
        if before:
            assert now["processed_students"] >= before["processed_students"], "backwards"
            assert before["status"] not in ENDED or now["status"] == before["status"]
        self.last[batch] = now
        return now["status"] in ENDED

    def all_ended(self):
        return all([self.look(batch) for batch in self.expected])


def submit_all(batches, count, students):
    """By batch its students; batches of states and of ids alike, in all priorities."""
    found = {}
    for _ in range(count):
        names = fresh_ids(students)
        priority = random.choice(("low", "normal", "high"))
        found[batches.submit(stating(names, 0.5, priority=priority))] = names
    return found


def assert_each_once(batches, submitted):
    for batch, names in submitted.items():
        status = batches.status(batch)
        assert status["status"] == "completed" and status["processed_students"] == len(names)
        results = batches.results(batch)
        assert [result["student_id"] for result in results] == names
        assert {result["mastery_result"]["mastery_score"] for result in results} == {0.5}


def assert_stated_once(pool, store, submitted, sample=40):
    """What was done has been done once: one statement, and one entry of the journal turned."""
    names = [name for students in submitted.values() for name in students]
    for name in random.Random(1).sample(names, min(sample, len(names))):
        history = Batches(PoolClient(pool)).get(f"/api/v1/mastery/history/{name}")["history"]
        assert [day["sample_size"] for day in history] == [1], name
    assert not store.xlen("queue:{dead}")


def start_workers(pool, count, **settings):
    return [
        Worker(pool.environment, pool.folder, f"worker-{number}", **settings).start()
        for number in range(count)
    ]


def test_workers_killed_over_and_over_leave_each_result_once(start_pool, redis_server):
    """A blow whenever something has been done since the last one, and more to do after each."""
    pool = start_pool()
    batches, submitted = Batches(PoolClient(pool)), {}
    watch = Watch(batches, {})
    workers = start_workers(pool, 2)

    def more():
        submitted.update(submit_all(batches, BATCHES, STUDENTS))
        watch.expected.update({batch: len(names) for batch, names in submitted.items()})

    def gets_on():
        return watch.all_ended() or processed() > done

    def processed():
        return sum(status["processed_students"] for status in watch.last.values())

    try:
        for iteration in range(KILLS):
            more()
            done = processed()
            wait_for(gets_on, "the rest gets on")
            workers[iteration % 2].kill()
            workers[iteration % 2].start()
        wait_for(watch.all_ended, "all batches ended", timeout=300)
    finally:
        for worker in workers:
            worker.kill()
    assert_each_once(batches, submitted)
    assert_stated_once(pool, redis_server.client(), submitted)


class FirstKept:
    """Watches a worker's line to Redis, and cuts it off behind the first results it keeps."""

    def __init__(self):
        self.found = False

    def __call__(self, command):
        cut = self.found
        self.found |= b"batch:{" in command and b"mastery_score" in command
        return not cut


def test_progress_shows_what_is_kept_and_another_worker_goes_on_from_there(
    start_pool, stand_in, redis_server
):
    pool = start_pool()
    batches = Batches(PoolClient(pool))
    stand_in.watch = FirstKept()
    submitted = submit_all(batches, 1, STUDENTS)
    [batch] = submitted
    watch = Watch(batches, {batch: STUDENTS})
    workers = start_workers(pool, 1, REDIS_URL=stand_in.url)
    try:
        wait_for(
            lambda: not watch.look(batch) and watch.last[batch]["processed_students"],
            "the first results",
        )
        kept = batches.results(batch)
        assert 0 < len(kept) == watch.last[batch]["processed_students"] < STUDENTS
        workers[0].kill()
        workers += start_workers(pool, 1)
        wait_for(watch.all_ended, "the rest is done")
    finally:
        for worker in workers:
            worker.kill()
    assert [result for result in batches.results(batch) if result in kept] == kept
    assert_each_once(batches, submitted)
    assert_stated_once(pool, redis_server.client(), submitted)


def test_stopped_worker_that_comes_back_doubles_nothing(start_pool, redis_server):
    """SIGSTOP until another has taken its jobs over, then SIGCONT."""
    pool = start_pool()
    batches = Batches(PoolClient(pool))
    [worker] = start_workers(pool, 1)
    others = []
    try:
        submitted = submit_all(batches, 4, STUDENTS)
        wait_for(
            lambda: any(batches.status(b)["processed_students"] for b in submitted),
            "the first results",
        )
        pause(worker.pid)
        others = start_workers(pool, 1)
        for batch in submitted:
            batches.wait(batch)
        resume(worker.pid)
        wait_for(lambda: worker.drain(signal.SIGTERM) == 0, "the stopped one went on")
    finally:
        for one in (worker, *others):
            one.kill()
    assert_each_once(batches, submitted)
    assert_stated_once(pool, redis_server.client(), submitted)


def test_redis_killed_amid_batches(start_pool):
    with RedisServer("--appendonly", "yes", "--appendfsync", "always") as server:
        pool = start_pool(redis_url=server.url)
        batches = Batches(PoolClient(pool))
        submitted = submit_all(batches, 4, STUDENTS)
        [worker] = start_workers(pool, 1)
        try:
            for _ in range(2):
                done = sum(batches.status(b)["processed_students"] for b in submitted)
                wait_for(
                    lambda: all(batches.status(b)["status"] in ENDED for b in submitted)
                    or sum(batches.status(b)["processed_students"] for b in submitted) > done,
                    "the rest gets on",
                )
                server.stop()
                server.start()
                wait_for(lambda: batches.client.get("/ready").status == 200, "pool back")
            for batch in submitted:
                batches.wait(batch)
        finally:
            worker.kill()
        assert_each_once(batches, submitted)
        assert_stated_once(pool, server.client(), submitted)


def test_many_batches_at_once_from_many_callers(start_pool, redis_server):
    """Submitted and watched by several callers while two workers do them."""
    pool = start_pool(size=2)
    submitted = {}

    def submit(_caller, iteration):
        if iteration < 5:
            batches = Batches(PoolClient(pool))
            submitted.update(submit_all(batches, 1, 100))

    workers = start_workers(pool, 2)
    try:
        with Load(5, submit, pause=0.01) as load:
            wait_for(lambda: len(submitted) == 25, "all submitted")
        assert not load.errors, load.errors[:3]
        batches = Batches(PoolClient(pool))
        for batch in list(submitted):
            batches.wait(batch)
    finally:
        for worker in workers:
            worker.kill()
    assert_each_once(batches, submitted)
    assert_stated_once(pool, redis_server.client(), submitted)
