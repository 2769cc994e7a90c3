# SPDX-License-Identifier: GPL-3.0-or-later
"""Callbacks of batches: told once it has ended, signed, tried again; and never to anywhere else."""
import hashlib
import hmac
import subprocess
import time

import pytest
from harness.batches import PATH, Batches, fresh_ids, stating
from harness.binaries import bin_dir
from harness.pool import Pool, PoolClient
from harness.receiver import Receiver
from harness.redis_server import RedisServer
from harness.store import dead_letters
from harness.wait import wait_for

SECRET = "a secret for callbacks, of more than thirty-two bytes"
OPEN = {"CALLBACK_ALLOW_HTTP": 1, "CALLBACK_ALLOW_PRIVATE": 1}


@pytest.fixture
def receiver():
    with Receiver() as running:
        yield running


@pytest.fixture
def start(start_pool):
    """start(hosts, **settings): a pool that may call back there, and its batches."""

    def begin(hosts, **settings):
        pool = start_pool(CALLBACK_HOSTS=hosts, CALLBACK_SECRET=SECRET, **settings)
        return pool, Batches(PoolClient(pool))

    return begin


def no_jobs(store):
    """At one moment: a job moves from a queue to those that wait, and back."""
    streams = [f"queue:{{batch}}:{level}" for level in ("high", "normal", "low")]
    script = "for i = 2, 4 do if redis.call('XLEN', KEYS[i]) > 0 then return 1 end end return redis.call('EXISTS', KEYS[1])"
    return store.eval(script, 4, "queue:{batch}:later", *streams) == 0


def assert_signed(call, secret=SECRET):
    at = call.headers["x-timestamp"]
    expected = hmac.new(secret.encode(), f"{at}.".encode() + call.body, hashlib.sha256)
    assert call.headers["x-signature-256"] == "sha256=" + expected.hexdigest()
    assert abs(time.time() - int(at)) < 600


NORMAL = "queue:{batch}:normal"


def submit(batches, url, students=None, **more):
    return batches.submit(stating(students or fresh_ids(3), callback_url=url, **more))


def test_callback_tells_the_status_signed(start, start_worker, receiver, store):
    pool, batches = start(receiver.hosts(), **OPEN)
    trace = "0af7651916cd43dd8448eb211c80319c"
    body = stating(fresh_ids(300), callback_url=receiver.url(path="/a/b?c=d%20e"))
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    submitted = batches.client.post(PATH, body, headers=headers).json
    batch = submitted["batch_id"]
    start_worker(pool)
    wait_for(lambda: receiver.calls, "called back")
    wait_for(lambda: no_jobs(store), "nothing left to do")
    [call] = receiver.calls
    status = batches.status(batch)
    assert call.path == "/a/b?c=d%20e"
    assert call.json == {**status, "correlation_id": submitted["correlation_id"]}
    assert call.json["status"] == "completed" and call.json["processed_students"] == 300
    assert call.headers["content-type"] == "application/json"
    assert call.headers["user-agent"] == "mastery-engine"
    assert call.headers["traceparent"][3:35] == trace
    assert_signed(call)
    assert not dead_letters(store)


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_every_end_is_told(start, start_worker, receiver, store, end):
    pool, batches = start(receiver.hosts(), **OPEN)
    if end == "failed":
        batch = batches.submit({"student_ids": fresh_ids(2), "callback_url": receiver.url()})
    else:
        batch = submit(batches, receiver.url(), fresh_ids(500))
        assert batches.client.delete(f"{PATH}/{batch}").status == 202
    start_worker(pool)
    wait_for(lambda: receiver.calls, "called back")
    wait_for(lambda: no_jobs(store), "nothing left to do")
    [call] = receiver.calls
    assert call.json["status"] == end and call.json["batch_id"] == batch
    assert_signed(call)


def test_batch_that_was_given_up_is_told(start, start_worker, receiver, store):
    pool, batches = start(receiver.hosts(), **OPEN)
    batch = submit(batches, receiver.url())
    items = f"batch:{{{batch}}}:items"
    store.hset(items, next(iter(store.hgetall(items))), "x")
    start_worker(pool)
    wait_for(lambda: receiver.calls, "called back")
    assert receiver.calls[0].json["status"] == "failed"


def test_callback_is_tried_again(start, start_worker, receiver, store):
    receiver.responses = [500, 404, 302]
    pool, batches = start(receiver.hosts(), **OPEN)
    submit(batches, receiver.url())
    start_worker(pool)
    wait_for(lambda: len(receiver.calls) == 4, "taken at last")
    wait_for(lambda: no_jobs(store), "nothing left to do")
    for call in receiver.calls:
        assert_signed(call)
    assert len({call.body for call in receiver.calls}) == 1
    assert not dead_letters(store)


def test_redirects_are_not_followed(start, start_worker, receiver, store):
    with Receiver() as elsewhere:
        receiver.responses = [(307, {"Location": elsewhere.url()}, b"")] * 2
        pool, batches = start(f"{receiver.hosts()},{elsewhere.hosts()}", **OPEN)
        submit(batches, receiver.url())
        start_worker(pool)
        wait_for(lambda: len(receiver.calls) == 3, "asked the first one again")
        assert not elsewhere.connections


def test_answer_that_is_too_long_counts_by_its_status(start, start_worker, receiver, store):
    long = b"x" * (8 << 20)
    receiver.responses = [(500, {}, long), (200, {}, long)]
    pool, batches = start(receiver.hosts(), **OPEN)
    submit(batches, receiver.url())
    start_worker(pool)
    wait_for(lambda: len(receiver.calls) == 2, "tried again")
    wait_for(lambda: no_jobs(store), "nothing left to do")
    assert len(receiver.calls) == 2 and not dead_letters(store)


def test_receivers_that_do_not_answer_hold_up_nothing_else(start, start_worker, receiver, store):
    """More of them than there are jobs at a time; each is given five seconds."""
    pool, batches = start(receiver.hosts(), **OPEN)
    receiver.gate.clear()
    slow = {submit(batches, receiver.url(), fresh_ids(1)) for _ in range(20)}
    start_worker(pool)
    wait_for(lambda: receiver.waiting == 4, "some are being told")
    batches.wait(batches.submit(stating(fresh_ids(70))))
    receiver.gate.set()
    wait_for(lambda: no_jobs(store), "all are told in the end")
    assert receiver.most_waiting == 4
    assert {call.json["batch_id"] for call in receiver.calls} == slow
    assert not dead_letters(store)


def test_worker_that_dies_over_a_batch_it_gives_up_leaves_the_call_to_another(
    start, start_worker, receiver, stand_in, store
):
    """It has noted that the batch has failed, and dies before it could put the call in its queue."""
    pool, batches = start(receiver.hosts(), **OPEN)
    batch = submit(batches, receiver.url())
    [(job, fields)] = store.xrange(NORMAL)
    store.xadd(NORMAL, {**fields, "t": "25"})  # as often as it may be tried
    store.xdel(NORMAL, job)
    stand_in.watch = lambda command: b"callback\r\n" not in command
    cut = start_worker(pool, REDIS_URL=stand_in.url)
    wait_for(lambda: store.hget(f"batch:{{{batch}}}", "status") == "failed", "given up")
    wait_for(lambda: dead_letters(store), "buried")
    cut.kill()
    start_worker(pool)
    wait_for(lambda: receiver.calls, "called back")
    assert receiver.calls[0].json["status"] == "failed"
    wait_for(lambda: no_jobs(store), "nothing left to do")
    assert len(receiver.calls) == 1


def put_off_often(store, batch, tries=19):
    """The callback of the batch has failed so many times."""
    store.zadd("queue:{batch}:later", {f'1 callback {tries} 1-1 {{"batch":"{batch}"}}': 1})


def test_callback_that_never_succeeds_is_a_dead_letter_and_may_be_retried(
    start, start_worker, receiver, store
):
    receiver.responses = [503] * 2
    pool, batches = start(receiver.hosts(), **OPEN)
    batch = submit(batches, receiver.url())
    assert batches.client.delete(f"{PATH}/{batch}").status == 202
    store.delete("queue:{batch}:normal")
    put_off_often(store, batch)
    start_worker(pool)
    [letter] = wait_for(lambda: dead_letters(store), "dead")
    assert letter["reason"] == "job: callback: answered with 503"
    assert letter["source"] == "queue:callback" and letter["event"]["batch"] == batch
    receiver.responses = []
    result = subprocess.run(
        [str(bin_dir() / "mastery-ctl"), "dead", "retry", "all"],
        env=pool.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "1 put back\n"
    wait_for(lambda: len(receiver.calls) == 2, "called again")
    assert receiver.calls[1].json["status"] == "cancelled"


def test_batch_without_a_callback_calls_nobody(start, start_worker, receiver, store):
    pool, batches = start(receiver.hosts(), **OPEN)
    batch = batches.submit(stating(fresh_ids(2)))
    start_worker(pool)
    batches.wait(batch)
    store.xadd("queue:{batch}:high", {"k": "callback", "b": f'{{"batch":"{batch}"}}', "t": "0"})
    wait_for(lambda: no_jobs(store), "nothing left to do")
    assert not receiver.connections and not dead_letters(store)


# Where they may go


REFUSED = [
    "http://hooks.example/ended",
    "https:/hooks.example/ended",
    "https:///hooks.example/ended",
    "https://hooks.example:8443/ended",
    "https://hooks.example:80/",
    "https://hooks.example.evil/",
    "https://evil.example/hooks.example",
    "https://evil.example/?hooks.example",
    "https://evil.example#hooks.example",
    "https://hooks.example@evil.example/",
    "https://user@hooks.example/",
    "https://user:secret@hooks.example/",
    "https://:secret@hooks.example/",
    "https://hooks.example\\@evil.example/",
    "https://hooks.example./",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://127.0.0.1/",
    "https://2130706433/",
    "https://0177.0.0.1/",
    "https://0x7f.1/",
    "https://127.1/",
    "https://localhost/",
    "ftp://hooks.example/",
    "file:///etc/passwd",
    "file://hooks.example/etc/passwd",
    "gopher://hooks.example/_x",
    "dict://hooks.example/",
    "javascript:alert(1)",
    "//hooks.example/",
    "hooks.example",
    "https://",
    "https:///ended",
    "https://hooks.example:99999/",
    "https://hooks example/",
    "https://*/",
]


@pytest.fixture(scope="module")
def strict():
    """A pool for all of them: nothing is done."""
    settings = {"CALLBACK_HOSTS": "hooks.example, other.example:8443", "CALLBACK_SECRET": SECRET}
    with RedisServer() as server, Pool(server.url, **settings) as pool:
        yield PoolClient(pool)


@pytest.mark.parametrize("url", REFUSED)
def test_url_that_leads_elsewhere_is_refused(strict, url):
    response = strict.post(PATH, {"student_ids": ["a"], "callback_url": url})
    assert response.status == 400, response
    [error] = response.json["error"]["details"]["errors"]
    assert error["field"] == "callback_url" and error["message"]


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example",
        "https://HOOKS.example/ended?x=1",
        "https://hooks.example:443/",
        "https://other.example:8443/x",
    ],
)
def test_url_that_is_configured_is_taken(strict, url):
    assert strict.post(PATH, {"student_ids": ["a"], "callback_url": url}).status == 202


def test_without_hosts_there_are_no_callbacks(start_pool):
    response = PoolClient(start_pool()).post(
        PATH, {"student_ids": ["a"], "callback_url": "https://hooks.example/"}
    )
    assert response.status == 400
    assert response.json["error"]["details"]["errors"][0]["field"] == "callback_url"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0177.0.0.1", "0x7f.0.0.1", "127.1", "[::1]"],
)
def test_address_that_is_not_public_is_never_connected_to(
    start, start_worker, receiver, store, host
):
    """The name is allowed; what it stands for is not, as after a rebinding."""
    names = ("127.0.0.1", "localhost", "[::1]")
    pool, batches = start(receiver.hosts(*names), CALLBACK_ALLOW_HTTP=1)
    batch = submit(batches, receiver.url(host))
    start_worker(pool)
    [letter] = wait_for(lambda: dead_letters(store), "dead at once")
    assert letter["source"] == "queue:callback"
    assert letter["reason"] == "job: callback: its address is not public"
    assert not receiver.connections
    assert batches.status(batch)["status"] == "completed"


def test_sidecars_own_connection_is_not_borrowed(
    start, start_worker, stand_in_sidecar, store
):
    """A connection to the same address that is kept open for others opens no door."""
    host = f"127.0.0.1:{stand_in_sidecar.port}"
    pool, batches = start(host, CALLBACK_ALLOW_HTTP=1)
    start_worker(pool, stand_in_sidecar)
    [student] = fresh_ids(1)
    pool.calculate(student)
    wait_for(lambda: len(stand_in_sidecar.events(student)) == 2, "published")
    submit(batches, f"http://{host}/v1.0/publish/pubsub/topic", [student])
    [letter] = wait_for(lambda: dead_letters(store), "dead")
    assert "not public" in letter["reason"]
    wait_for(lambda: len(stand_in_sidecar.events(student)) == 4, "published")
    assert len(stand_in_sidecar.attempts) == 4


def test_workers_own_configuration_counts(start, start_worker, receiver, store):
    """What was allowed when it was submitted may not be any more."""
    pool, batches = start(receiver.hosts(), **OPEN)
    submit(batches, receiver.url())
    start_worker(pool, CALLBACK_HOSTS="hooks.example")
    [letter] = wait_for(lambda: dead_letters(store), "dead")
    assert "its host is not one that callbacks may go to" in letter["reason"]
    assert not receiver.connections


# TLS


def test_callback_over_tls(start, start_worker):
    with Receiver(tls=True) as receiver:
        pool, batches = start(receiver.hosts(), CALLBACK_ALLOW_PRIVATE=1)
        submit(batches, receiver.url())
        start_worker(pool, CALLBACK_CA_FILE=receiver.certificate)
        wait_for(lambda: receiver.calls, "called back")
        assert_signed(receiver.calls[0])


def test_certificate_that_nobody_vouches_for_is_not_believed(start, start_worker, store):
    with Receiver(tls=True) as receiver:
        pool, batches = start(receiver.hosts(), CALLBACK_ALLOW_PRIVATE=1)
        submit(batches, receiver.url())
        start_worker(pool)
        wait_for(lambda: store.exists("queue:{batch}:later"), "put off")
        assert receiver.connections and not receiver.calls
