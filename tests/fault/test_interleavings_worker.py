# SPDX-License-Identifier: GPL-3.0-or-later
"""Every job of the worker, with each of its commands to Redis lost, repeated, and held back while another
worker does the job: the store is then as after one worker that nothing disturbed."""
import concurrent.futures
import contextlib
import functools
import itertools
import json
import queue
import re
import time
from types import SimpleNamespace

import pytest
from harness import audit
from harness.batches import stating
from harness.binaries import ROOT
from harness.engine import fresh_id
from harness.events import event
from harness.interleavings import Commands, assert_equal, plain, snapshot
from harness.model import scores
from harness.packed import mark_of, mark_record, marks, with_bytes
from harness.pool import Pool
from harness.receiver import Receiver
from harness.redis_server import RedisServer, RedisStandIn
from harness.sidecar import Sidecar
from harness.store import (
    dead_letters,
    is_turned_and_published,
    put_dead_letter,
    put_event_job,
    shard_of,
    student_key,
    tagged,
    tombstone,
)
from harness.wait import wait_for
from harness.worker import Worker

V1 = "/api/v1/"
DAY_MS = 86400_000
SECRET = "a secret for callbacks, of more than thirty-two bytes"
# What becomes of the worker or its connection, with the action at the command.
WAYS = {
    "before": "before",  # the connection ends before the command, and the same worker goes on
    "after": "after",  # the connection ends after it
    "repeat": "repeat",  # the command is executed twice
    "killed": "hold",  # the worker dies before the command, and another one does the job
    "late": "hold",  # held until another worker has done the job, and executed then
}
OTHER = "m"  # a second student of a batch
SITES = 4  # points at the same time, each with a Redis and a worker of its own: they mostly wait
# Those of the journal and of the retention have rows of their own.
POLLS = {"XREAD", "XTRIM", "journal_process", "queue_read", "queue_claim", "queue_requeue_due", "queue_renew"}
# Kept for the process, not for what it has done, or looked at otherwise.
VOLATILE = (b":lease", b"schema", b"audit:heads", b":audit", b":pseudonym", b"workers", b"queue:{dead}", b"erasures:epoch", b"calibration")


class Site:
    """A Redis, an undisturbed pool by which work is made, a sidecar and a receiver of callbacks."""

    def __enter__(self):
        self._stack = contextlib.ExitStack()
        enter = self._stack.enter_context
        self.redis_server = enter(RedisServer())
        self.redis, self.texts = self.redis_server.client(decode=False), self.redis_server.client()
        self.stand_in = enter(RedisStandIn(self.redis_server.path))
        self.commands = Commands(self.stand_in)
        self.sidecar, self.receiver = enter(Sidecar()), enter(Receiver())
        settings = {"CALLBACK_ALLOW_HTTP": 1, "CALLBACK_ALLOW_PRIVATE": 1, "CALLBACK_SECRET": SECRET}
        settings |= {"DAPR_HTTP_PORT": self.sidecar.port, "DAPR_RETRY_MS": 10, "STORE_BREAKER_OPEN_MS": 50}
        self.pool = enter(Pool(self.redis_server.url, CALLBACK_HOSTS=self.receiver.hosts(), **settings))
        self.workers, self.made = [], {}
        return self

    def __exit__(self, *_):
        self.stop()
        self._stack.close()

    def request(self, method, path, body=None):
        token = self.pool.token("root", "admin")
        response = self.pool.request(method, V1 + path, json=body, token=token)
        assert 200 <= response.status < 300, response
        return response

    def start(self, disturbed=False, **settings):
        if disturbed:
            settings["REDIS_URL"] = self.stand_in.url
        worker = Worker(self.pool.environment, self.pool.folder, f"worker-{len(self.workers)}", **settings)
        self.workers.append(worker.start())
        return worker

    def stop(self):
        self.commands.release()
        for worker in self.workers:
            worker.kill()

    def clear(self):
        self.stop()
        self.redis.flushall()
        self.sidecar.published.clear()
        self.sidecar.mode = "ok"
        self.receiver.calls.clear()

    def end_leases(self):
        """As if the time had passed after which a worker takes over from one that is silent."""
        for key in self.redis.scan_iter("*:lease"):
            self.redis.delete(key)
        self.redis.delete("workers")
        for level in ("high", "normal", "low"):
            with contextlib.suppress(Exception):  # there is no such queue
                for job in self.redis.xpending_range(key := f"queue:{{batch}}:{level}", "workers", "-", "+", 9):
                    ids = [job["message_id"]]
                    self.redis.xclaim(key, "workers", job["consumer"], 0, ids, idle=60_000, justid=True)


def has(*parts, once=("queue_read",), names=None):
    """Whether a command has a key in which one of the texts stands; they may name the stage's subjects. Of
    the commands by which a worker asks for work again and again, those in `once` count the first time.
    names: of the commands that count; None: any."""

    def belongs(stage, name, keys):
        if name in POLLS and (name not in once or name in stage.commands.trace):
            return False
        texts = [part.format(**vars(stage)).encode() for part in parts]
        return (names is None or name in names) and any(text in key for key in keys[:8] for text in texts)

    return belongs


class Job:
    """prepare(site, stage): makes the work. is_done(site, stage): whether nothing is left of it. state: what it
    has led to, beside the store. last: the command with which it ends. settings: of the workers.
    next_pass: what fails is left for the next pass, which a new worker makes."""

    def __init__(self, name, prepare, belongs, is_done, last, state=lambda *_: [], next_pass=False, **settings):
        self.name, self.prepare, self.belongs, self.is_done = name, prepare, belongs, is_done
        self.last, self.state, self.next_pass, self.settings = last, state, next_pass, settings


def new_stage(site):
    """The student is in another shard than OTHER, so that two stages never differ by who shares a list."""
    student = next(name for name in iter(fresh_id, None) if shard_of(name) != shard_of(OTHER))
    names = {student: "STUDENT", tombstone(student): "TOMBSTONE"}
    return SimpleNamespace(commands=site.commands, student=student, shard=shard_of(student), names=names)


def size(redis, key):
    sizes = {"none": lambda _: 0, "stream": redis.xlen, "zset": redis.zcard, "hash": redis.hlen}
    return sizes[redis.type(key)](key)


def is_empty(*keys):
    """Whether there is nothing in any of them; `{shard}` is the student's."""
    return lambda site, stage: not any(size(site.texts, key.replace("{shard}", f"{{{stage.shard}}}")) for key in keys)


# Journal and outbox


def make_changes(site, stage):
    site.request("POST", "mastery/calculate", {"student_id": stage.student, "components": scores(0.5)})
    site.request("POST", "mastery/ingest", event(student=stage.student))


def make_broken_entry(site, stage):
    make_changes(site, stage)
    site.texts.xadd(tagged(stage.student, "journal"), {"e": f"not an entry, {stage.student}"})


def refuse_events(site, stage):
    make_changes(site, stage)
    site.sidecar.mode = "forbidden"


def published(site, stage):
    """Each event once, in the order of the first time: it is published at least once."""
    events = {item["id"]: item for item in site.sidecar.events(stage.student)}
    return [f"{item['type']} {item['data']['revision']}" for item in events.values()]


def records_of_changes(site, stage):
    return sorted(kind for kind in ("calculated", "event") for _ in range(audit.count_of(site.texts, t=kind)))


def letters(site, stage):
    """A dead letter may be there twice, when the worker dies before it has removed what the letter is about."""
    texts = [f"{letter['source']} {json.dumps(letter['event'])}" for letter in dead_letters(site.texts)]
    return sorted({plain(text, stage.names) for text in texts})


# Jobs of the queue

QUEUES = [f"queue:{{batch}}:{name}" for name in ("high", "normal", "low", "later")]
A_JOB = has("queue:{{batch}}", "queue:{{dead}}", "batch:", "student:{student}")
WAITING = has("queue:{{batch}}", "queue:{{dead}}", "student:{student}", once=("queue_requeue_due", "queue_read"))
LEFT = has("queue:{{batch}}", "queue:{{dead}}", "student:{student}", once=("queue_claim",))
NO_JOBS = is_empty(*QUEUES)


def submit(site, stage, **more):
    make_changes(site, stage)
    stage.batch = site.request("POST", "batch/mastery", stating([stage.student, OTHER], **more)).json["batch_id"]
    stage.names[stage.batch] = "BATCH"


def batch_is_done(site, stage):
    return site.texts.hget(f"batch:{{{stage.batch}}}", "status") == "completed" and NO_JOBS(site, stage)


def results(site, stage):
    status = site.request("GET", f"batch/mastery/{stage.batch}").json
    return [str({name: value for name, value in status.items() if name.endswith("_count") or name == "status"})]


def queue_event(site, stage):
    make_changes(site, stage)
    put_event_job(site.texts, event(student=stage.student))


def wait_for_event(site, stage):
    """It has failed once, and its time has come."""
    make_changes(site, stage)
    letter = put_dead_letter(site.texts, event(student=stage.student))
    site.texts.zadd(QUEUES[3], {f"0 event 1 1-1 {letter}": 1})


def leave_event(site, stage):
    """A worker that has died had it."""
    queue_event(site, stage)
    site.texts.xgroup_create(QUEUES[0], "workers", "0")
    site.texts.xreadgroup("workers", "dead", {QUEUES[0]: ">"})
    site.end_leases()


def queue_callback(site, stage):
    submit(site, stage, callback_url=site.receiver.url())
    stage.names[str(site.receiver.port)] = "PORT"
    site.request("DELETE", f"batch/mastery/{stage.batch}")
    site.redis.delete(*QUEUES)
    site.texts.xadd(QUEUES[0], {"k": "callback", "b": json.dumps({"batch": stage.batch}), "t": "0"})


def queue_broken(site, stage):
    make_changes(site, stage)
    put_event_job(site.texts, "no event")


def calls(site, _):
    return sorted({call.json["status"] for call in site.receiver.calls})


# What was begun and not ended


def begin_erasure(site, stage):
    make_changes(site, stage)
    site.texts.set(tombstone(stage.student), "erasing")
    site.texts.zadd("erasures", {stage.student: 1})


def erasure_is_done(site, stage):
    """What fails is tried again in a minute."""
    return not site.texts.zadd("erasures", {stage.student: 1}, xx=True) and not site.texts.exists("erasures")


def cut_roster(site, stage):
    """The record says what the links do not."""
    make_changes(site, stage)
    stage.cohort = fresh_id("c")
    stage.names[stage.cohort] = "COHORT"
    body = {"name": "c", "teacher_ids": ["t1", "t2"], "student_ids": [stage.student]}
    site.request("PUT", f"cohorts/{stage.cohort}", body)
    site.texts.srem("teacher:{t1}:cohorts", stage.cohort)
    site.texts.srem(tagged(stage.student, f"student:{stage.student}:cohorts"), stage.cohort)
    site.texts.zadd("unfinished", {f"cohort {stage.cohort}": 1})


def cut_batch(site, stage):
    submit(site, stage)
    site.redis.delete(*QUEUES)
    site.texts.zadd("unfinished", {f"batch {stage.batch}": 1})


def is_finished(site, stage):
    """What fails is tried again after five seconds."""
    for entry in site.texts.zrange("unfinished", 0, -1):
        site.texts.zadd("unfinished", {entry: 1}, xx=True)
    return not site.texts.exists("unfinished")


def cut_batch_is_done(site, stage):
    return is_finished(site, stage) and batch_is_done(site, stage)


# Retention and the audit log


def age_everything(site, stage):
    make_changes(site, stage)
    old_ms = int(time.time() * 1000) - 95 * DAY_MS
    site.texts.xadd(f"{{{stage.shard}}}:student:{stage.student}:events", {"e": "{}"}, id=f"{old_ms}-0")
    counted, (bucket, record) = student_key(stage.student, ":counted"), mark_record("old", old_ms // DAY_MS)
    site.texts.hset(counted, bucket, (with_bytes(site.texts).hget(counted, bucket) or b"") + record)
    site.texts.xadd("queue:{dead}", {"e": "{}"}, id=f"{old_ms}-0")
    site.texts.zadd(tagged(stage.student, "retention"), {stage.student: 0})  # as it was due long ago


def nothing_is_old(site, stage):
    return mark_of("old") not in marks(site.texts, stage.student) and not site.texts.xlen("queue:{dead}")


def events_are_young(site, stage):
    ids = [one for one, _ in with_bytes(site.texts).xrange(student_key(stage.student, ":events"))]
    return nothing_is_old(site, stage) and all(int(one[:13]) > (time.time() - 90 * 86400) * 1000 for one in ids)


def let_prediction_come_true(site, stage):
    """A prediction about yesterday, and a score of the day before it."""
    now = int(time.time() * 1000)
    yesterday = time.strftime("%Y-%m-%d", time.gmtime(now / 1000 - 86400))
    site.request("POST", "mastery/ingest", event(student=stage.student, at_ms=now - 2 * DAY_MS))
    made = {"made_at": now - 8 * DAY_MS, "target_day": yesterday, "model": "projection/2.0.0"}
    predicted = {**made, "predicted": 0.5, "lower": 0, "upper": 1}
    site.texts.xadd(tagged(stage.student, f"student:{stage.student}:predictions"), predicted)


def make_record(site, stage, at_ms=None):
    fields = dict.fromkeys(audit.FIELDS, "") | {"a": "root", "t": "cohort-put", "s": "1", "d": "{}", "n": "1"}
    site.texts.xadd(audit.log_key(stage.student), fields, id=f"{at_ms}-0" if at_ms else "*")


def is_sealed(site, stage):
    return audit.sealed(site.texts)


def seals_are_intact(site, _):
    result = audit.ctl_audit(site.pool, "verify", AUDIT_DAYS="1")
    assert result.returncode == 0, result.stdout
    return [str(len(audit.records(site.texts)))]


def count_reads(site, stage):
    """Without the journal's entries, whose counts would come before or after the first segment is closed."""
    make_changes(site, stage)
    site.texts.delete(tagged(stage.student, "journal"))
    # its entries would add the student, or the scan of the retention does so at some time
    site.texts.zadd(tagged(stage.student, "retention"), {stage.student: 10**6})
    for _ in range(3):
        assert site.pool.query(stage.student).status == 200
    wait_for(lambda: audit.count_of(site.texts, t="read") == 3, "the reads are counted")


def reads_of_all(site, _):
    return [str(audit.count_of(site.texts, t="read"))]


def seal_old_records(site, stage):
    """Made once, since it takes a worker."""
    if "sealed" not in site.made:
        make_record(site, stage, int(time.time() * 1000) - 3 * DAY_MS)
        worker = site.start(AUDIT_SEAL_S=1)
        wait_for(lambda: is_sealed(site, stage), "sealed")
        make_record(site, stage)
        wait_for(lambda: is_sealed(site, stage), "sealed")
        worker.kill()
        site.made["sealed"] = stage.student, {key: site.redis.dump(key) for key in site.redis.scan_iter("*audit*")}
        site.clear()
    stage.student, dumps = site.made["sealed"]
    stage.shard = shard_of(stage.student)
    for key, dump in dumps.items():
        site.redis.restore(key, 0, dump)


def old_seal_is_gone(site, stage):
    return site.texts.xlen(tagged(stage.student, "audit:segments")) == 1


OLD = has(":events", ":counted", "queue:{{dead}}", "{student}", names=("SCAN", "student_trim_marks"))
JOBS = [
    Job(
        "journal", make_changes, has("{{{shard}}}:journal", once=("journal_process",)),
        is_empty("{shard}:journal", "{shard}:outbox"), "journal_process", records_of_changes,
    ),
    Job(
        "journal: a broken entry", make_broken_entry,
        has("{{{shard}}}:journal", "queue:{{dead}}", once=("journal_process",)),
        is_empty("{shard}:journal"), "journal_process",
    ),
    Job(
        "outbox", make_changes, has("{{{shard}}}:outbox"), is_empty("{shard}:journal", "{shard}:outbox"),
        "outbox_remove", published,
    ),
    Job(
        "outbox: a refused event", refuse_events, has("{{{shard}}}:outbox", "queue:{{dead}}"),
        is_empty("{shard}:journal", "{shard}:outbox"), "outbox_remove",
    ),
    Job("batch", submit, A_JOB, batch_is_done, "queue_finish", results),
    Job("event", queue_event, A_JOB, NO_JOBS, "queue_finish"),
    Job("event: one that waits", wait_for_event, WAITING, NO_JOBS, "queue_finish"),
    Job("event: of a dead worker", leave_event, LEFT, NO_JOBS, "queue_finish"),
    Job("event: a broken one", queue_broken, has("queue:{{"), NO_JOBS, "queue_finish"),
    Job("callback", queue_callback, A_JOB, NO_JOBS, "queue_finish", calls),
    Job("retention", age_everything, OLD, events_are_young, "student_trim_marks", next_pass=True),
    Job(
        "audit_segments: counts", count_reads, has("{{{shard}}}:audit:counts"),
        is_empty("{shard}:audit:counts"), "audit_segment_close", reads_of_all, AUDIT_SEAL_S=1,
    ),
    Job(
        "audit_maintenance: retention", seal_old_records, has("{{{shard}}}:audit:segments"), old_seal_is_gone,
        "audit_segment_trim", seals_are_intact, AUDIT_DAYS=1, AUDIT_SEAL_S=1,
    ),
    Job(
        "calibration", let_prediction_come_true,
        has("{student}:predictions", "calibration", names=("XREVRANGE", "SET")),
        lambda site, _: site.texts.exists("calibration"), "SET", lambda site, _: [site.texts.get("calibration")],
    ),
    Job(
        "audit_segments", make_record, has("{{{shard}}}:audit", "audit:heads"), is_sealed, "HSET", seals_are_intact,
        AUDIT_SEAL_S=1,
    ),
    Job(
        "erasures", begin_erasure, has("{student}", "erasures", "batches", "queue:{{dead}}"),
        erasure_is_done, "ZREM",
    ),
    Job(
        "unfinished: a cohort", cut_roster, has("unfinished", "{student}:", "cohort", "teacher"),
        is_finished, "ZREM", STORE_ROUND_TIMEOUT_MS=1000,
    ),
    Job("unfinished: a batch", cut_batch, has("unfinished", "batch:{{"), cut_batch_is_done, "ZREM", results),
]
# Ticks of the loop that do no job of their own: of the process, without commands, or driven by the kinds above; and
# the seals of schema number 1 (test_schema_1_audit.py). Archiving writes files beside Redis (test_audit_archive.py).
NO_JOB = {"alive", "heartbeat", "leases", "journal_wait", "sidecar", "jobs", "seals", "audit_archiving"}


def test_every_job_is_driven():
    """What the loop of the worker runs, and each kind of job in the queue."""
    text = (ROOT / "app/worker/loop.c").read_text()
    ticks = set(re.findall(r"^    (\w+)_tick\(&worker->", text, re.MULTILINE))
    kinds = set(re.findall(r'\{STR_INIT\("(\w+)"\), job_\w+', text))
    begun = set(re.findall(r'= STR_INIT\("(\w+)"\)', (ROOT / "app/store/unfinished.c").read_text()))
    assert len(ticks) > 10 and len(kinds) > 2 and len(begun) > 1
    assert {job.name.split(":")[0] for job in JOBS} == (ticks - NO_JOB) | kinds
    assert {job.name.split(" a ")[1] for job in JOBS if job.name.startswith("unfinished")} == begun


def begin(site, job, at=None, way=None):
    """A worker with the work before it."""
    site.clear()
    stage = new_stage(site)
    job.prepare(site, stage)
    site.commands.belongs = functools.partial(job.belongs, stage)
    site.commands.aim(at, WAYS.get(way))
    return stage, site.start(disturbed=True, **job.settings)


def state_of(site, job, stage):
    return job.state(site, stage) + letters(site, stage) + snapshot(site.redis, stage.names, VOLATILE)


def is_done(site, job, stage):
    return job.is_done(site, stage) and is_turned_and_published(site.texts)


def wait_done(site, job, stage):
    try:
        wait_for(lambda: is_done(site, job, stage), f"{job.name} done")
    except AssertionError as error:
        logs = [worker.log()[-2000:] for worker in site.workers if worker.alive()]
        raise AssertionError("\n".join([*snapshot(site.redis, stage.names), *logs])) from error


def drain(worker):
    wait_for(lambda: worker.lines("worker.started"), "the worker can be told to end")
    assert worker.drain() == 0


def count(site, job):
    """The commands of an undisturbed worker, up to the last one of the job, and the state after it."""
    stage, worker = begin(site, job)
    wait_done(site, job, stage)
    drain(worker)
    trace = list(site.commands.trace)
    return trace[: len(trace) - trace[::-1].index(job.last)], state_of(site, job, stage)


def drive(site, job, way, at):
    """Disturbs the worker at that command; the stage when the job is done. None: the command did not come."""
    stage, worker = begin(site, job, at, way)
    reached = lambda: site.commands.reached.is_set()
    wait_for(lambda: reached() or job.is_done(site, stage), "the command")
    if not reached():
        return None
    if way == "killed":
        worker.kill()
        site.stand_in.drop_all()
    if way in ("killed", "late"):
        site.end_leases()
        site.start(**job.settings)
    elif job.next_pass:  # which this worker would make only a day later, and another one only with its lease
        site.commands.release()
        drain(worker)
        site.start(**job.settings)
    wait_done(site, job, stage)
    if worker.alive():
        site.commands.release()
        drain(worker)
    if not is_done(site, job, stage) and not any(other.alive() for other in site.workers):
        site.start(**job.settings)  # a worker that has lost a reply may list the work anew, for the next run
    wait_done(site, job, stage)
    for other in site.workers:
        if other.alive():
            drain(other)
    return stage


def assert_point(sites, job, trace, expected, way, at):
    site = sites.get()
    try:
        stage = wait_for(lambda: drive(site, job, way, at), f"command {at} of {trace} reached")
        assert_equal(state_of(site, job, stage), expected, f"{job.name}: {way}, command {at} of {trace}")
    finally:
        sites.put(site)


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_each_command_of_a_job(job, record_property):
    with contextlib.ExitStack() as stack:
        sites = queue.Queue()
        for _ in range(SITES):
            sites.put(stack.enter_context(Site()))
        trace, expected = count(sites.queue[0], job)
        points = list(itertools.product(WAYS, range(1, len(trace) + 1)))
        with concurrent.futures.ThreadPoolExecutor(SITES) as pool:
            list(pool.map(lambda point: assert_point(sites, job, trace, expected, *point), points))
        record_property("interleavings", (job.name, len(trace), len(WAYS)))
