# SPDX-License-Identifier: GPL-3.0-or-later
"""REDIS_URL names sentinels: the engine finds the master, follows it to another server, and is not led
astray by a sentinel that is away, wrong, or alone."""
import contextlib

import pytest
from harness.ctl import run_ctl
from harness.engine import fresh_id
from harness.load import Load
from harness.ports import free_port
from harness.redis_server import TcpRedis
from harness.redis_tls import SecureRedis
from harness.sentinels import NAME, Guarded, Sentinel, SentinelStandIn
from harness.tls import Authority
from harness.wait import wait_for


def ready(pool):
    return pool.request("GET", "/ready").status == 200


def reason(pool):
    return pool.request("GET", "/ready").json.get("reason", "")


@pytest.fixture
def pair():
    """(master, replica), which may not have the link yet."""
    with TcpRedis() as master, TcpRedis() as replica:
        replica.follow(master)
        yield master, replica


@pytest.fixture
def stand_ins():
    """stand_ins(port, …): a stand-in of a sentinel for each port that one names."""
    with contextlib.ExitStack() as stack:
        yield lambda *names: [stack.enter_context(SentinelStandIn(name)) for name in names]


def url_of(sentinels, scheme="redis", database="", host="127.0.0.1"):
    hosts = ",".join(f"{host}:{sentinel.port}" for sentinel in sentinels)
    return f"{scheme}+sentinel://{hosts}/{NAME}{database}"


def peers(server):
    """Connections by TCP that are not of replicas or sentinels."""
    clients = server.client().client_list(_type="normal")
    return [one for one in clients if one["laddr"].endswith(f":{server.port}") and "sentinel" not in one["name"]]


def drop_connections(server):
    """As when the network between engine and Redis was away for a moment."""
    for one in peers(server):
        server.client().client_kill_filter(_id=one["id"])


# Real sentinels


def test_master_is_found_followed_and_nothing_acknowledged_is_lost(start_pool, start_worker):
    """The master is killed while clients write. With STORE_WAIT_REPLICAS=1 each write that was answered
    with 200 is there afterwards. The worker and mastery-ctl use the new master, too."""
    with Guarded(replicas=2) as group:
        pool = start_pool(group.url, size=2, STORE_WAIT_REPLICAS=1)
        wait_for(lambda: ready(pool), "ready")

        def write(*_):
            student = fresh_id()
            return pool.calculate(student).status, student

        def stored():
            return [student for status, student in list(load.results) if status == 200]

        with Load(4, write) as load:
            wait_for(lambda: len(stored()) >= 50, "writes before")
            old = group.master()
            old.stop()
            wait_for(lambda: group.master() is not old, "the sentinels have promoted a replica")
            before = len(stored())
            wait_for(lambda: len(stored()) >= before + 50, "writes after")
        assert not load.errors, load.errors[:3]
        for student in stored():  # one of the processes may not have found the new master yet
            assert wait_for(lambda: (status := pool.query(student).status) != 503 and status, "back") == 200
        assert run_ctl(pool.environment, "schema").returncode == 0
        start_worker(pool)
        worker = lambda: pool.request("GET", "/ready").json["dependencies"]["worker"]
        wait_for(lambda: worker() == "healthy", "the worker uses the new master")


def test_password_and_tls_of_sentinels(start_pool, tmp_path):
    authority = Authority(tmp_path)
    lines = ["requirepass s3cret", f"sentinel auth-pass {NAME} hidden"]
    with SecureRedis(authority, "--requirepass", "hidden") as server, Sentinel(
        server.port, *lines, secure=authority, password="s3cret"
    ) as sentinel:
        url = url_of([sentinel], "rediss")
        settings = {"REDIS_CA_FILE": authority.path, "REDIS_PASSWORD": "hidden"}
        pool = start_pool(url, REDIS_SENTINEL_PASSWORD="s3cret", **settings)
        wait_for(lambda: ready(pool), "ready")
        assert pool.calculate(fresh_id()).status == 200
        for password, words in ((None, "require a password"), ("wrong", "refuse REDIS_SENTINEL_PASSWORD")):
            pool = start_pool(url, REDIS_SENTINEL_PASSWORD=password, **settings)
            wait_for(lambda: words in reason(pool), words)
        pool = start_pool(url_of([sentinel]), REDIS_SENTINEL_PASSWORD="s3cret")
        wait_for(lambda: "must begin with rediss" in reason(pool), "no TLS")


def test_wrong_master_name_and_wrong_kinds_of_server_are_named(start_pool):
    with TcpRedis() as server, Sentinel(server.port) as sentinel:
        rows = [
            (url_of([sentinel]).replace(NAME, "other"), "the sentinels know no master with the name"),
            (f"redis://127.0.0.1:{sentinel.port}", "the server is a sentinel: REDIS_URL must"),
            (f"redis+sentinel://127.0.0.1:{server.port}/{NAME}", "is no sentinel: write"),
        ]
        for url, words in rows:
            pool = start_pool(url)
            wait_for(lambda: words in reason(pool), words)
            result = run_ctl(pool.environment, "schema")
            assert result.returncode != 0 and words in result.stderr, result.stderr


# Sentinels that do not agree or are away


def test_a_sentinel_that_names_a_replica_is_outvoted(start_pool, pair, stand_ins):
    master, replica = pair
    pool = start_pool(url_of(stand_ins(replica.port, master.port, master.port)))
    wait_for(lambda: ready(pool), "ready")
    assert pool.calculate(fresh_id()).status == 200
    assert not peers(replica)


def test_a_lone_sentinel_that_names_a_replica_is_not_believed(start_pool, pair, stand_ins):
    master, replica = pair
    [sentinel] = stand_ins(replica.port)
    pool = start_pool(url_of([sentinel]))
    wait_for(lambda: "is a replica" in reason(pool), "not believed")
    assert pool.calculate(fresh_id()).status == 503
    sentinel.names = master.port
    wait_for(lambda: ready(pool), "the master is found")


def test_what_a_minority_names_is_not_tried_while_the_master_is_away(start_pool, pair, stand_ins):
    """It was cut off, and knows a server that is a master no more, or does not know so itself."""
    other, away = pair[0], free_port()
    sentinels = stand_ins(other.port, away, away)
    deciding = sentinels[2].answer

    def answer_last():
        wait_for(lambda: sentinels[0].asked > sentinels[2].asked, "the minority has answered")
        return deciding()

    sentinels[2].answer = answer_last
    pool = start_pool(url_of(sentinels))
    wait_for(lambda: sentinels[0].asked > 4, "tried several times")
    assert not ready(pool) and not peers(other)


def test_a_reply_without_end_is_cut_off(start_pool, pair, stand_ins):
    master, _ = pair
    sentinels = stand_ins(master.port)
    sentinels[0].answer = lambda: b"$2000000000\r\n" + bytes(100_000)
    pool = start_pool(url_of(sentinels))
    wait_for(lambda: reason(pool) == "a reply of a sentinel is too long", "cut off")


def test_a_text_of_the_sentinels_is_for_the_log_alone(start_pool, pair, stand_ins):
    master, _ = pair
    sentinels = stand_ins(master.port)
    sentinels[0].answer = lambda: b"-NOPERM User inner-name has no permissions\r\n"
    pool = start_pool(url_of(sentinels))
    wait_for(lambda: "inner-name" in pool.log_path.read_text(), "in the log")
    assert "inner-name" not in pool.request("GET", "/ready").text


def test_all_named_servers_are_tried_in_turn(start_pool, pair, stand_ins):
    """No majority: one of two names a server that is not there."""
    master, _ = pair
    pool = start_pool(url_of(stand_ins(free_port(), master.port)))
    wait_for(lambda: ready(pool), "ready")


def test_sentinels_that_are_away_or_silent_do_not_count(start_pool, pair, stand_ins):
    """One is away, one accepts and never answers, one answers."""
    master, _ = pair
    sentinels = stand_ins(master.port, master.port, master.port)
    sentinels[0].stop()
    sentinels[1].answer = lambda: b""
    pool = start_pool(url_of(sentinels, database="/3"), STORE_CONNECT_TIMEOUT_MS=1000)
    wait_for(lambda: ready(pool), "ready")
    student = fresh_id()
    assert pool.calculate(student).status == 200
    assert "db3" in master.client().info("keyspace")


def test_a_known_master_is_used_while_all_sentinels_are_away(start_pool, pair, stand_ins):
    master, _ = pair
    sentinels = stand_ins(master.port, master.port)
    pool = start_pool(url_of(sentinels))
    wait_for(lambda: ready(pool), "ready")
    for sentinel in sentinels:
        sentinel.stop()
    before = master.client().info("stats")["total_connections_received"]
    drop_connections(master)
    wait_for(lambda: peers(master), "connected anew")
    wait_for(lambda: ready(pool), "ready without sentinels")
    assert master.client().info("stats")["total_connections_received"] > before
    assert pool.calculate(fresh_id()).status == 200


def test_no_sentinel_at_start(start_pool, pair, stand_ins):
    master, _ = pair
    sentinels = stand_ins(master.port)
    sentinels[0].stop()
    pool = start_pool(url_of(sentinels))
    assert pool.calculate(fresh_id()).status == 503
    wait_for(lambda: "Connection refused" in pool.log_path.read_text(), "the log says why")
    sentinels[0].start()
    wait_for(lambda: ready(pool), "ready")


def test_a_master_that_becomes_a_replica_is_left(start_pool, pair, stand_ins):
    """READONLY or ROLE shows it; the connection itself stays."""
    master, replica = pair
    sentinels = stand_ins(master.port, master.port, master.port)
    pool = start_pool(url_of(sentinels))
    wait_for(lambda: ready(pool), "ready")
    wait_for(lambda: replica.link() == "up", "replica follows")
    student = fresh_id()
    assert pool.calculate(student).status == 200
    master.client().execute_command("FAILOVER")
    for sentinel in sentinels:
        sentinel.names = replica.port
    wait_for(lambda: replica.client().role()[0] == "master", "swapped")
    wait_for(lambda: ready(pool) and peers(replica), "the new master is used")
    assert pool.calculate(fresh_id()).status == 200
    assert pool.query(student).status == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_master_that_was_cut_off_from_the_sentinels_is_left(start_pool, pair, stand_ins, host):
    """It does not know itself that another server is the master now, and replies as before. One sentinel
    alone cannot cause this. A name must be looked up first, which takes a heartbeat more."""
    master, other = pair
    sentinels = stand_ins(master.port, master.port, master.port)
    pool = start_pool(url_of(sentinels, host=host), STORE_CONNECT_TIMEOUT_MS=1000)
    wait_for(lambda: ready(pool), "ready")
    other.client().execute_command("REPLICAOF", "NO", "ONE")
    sentinels[0].names, asked = other.port, sentinels[0].asked
    wait_for(lambda: sentinels[0].asked >= asked + 2, "asked again, and again after the answer")
    assert peers(master) and not peers(other)
    for sentinel in sentinels:
        sentinel.names = other.port
    wait_for(lambda: peers(other) and not peers(master), "the other one is used")
    wait_for(lambda: ready(pool), "ready")
    assert pool.calculate(fresh_id()).status == 200
