# SPDX-License-Identifier: GPL-3.0-or-later
"""REDIS_URL names a Redis Cluster: all programs work on it, slots may be moved under load, and a node that is
away harms its own students alone (hazards R12)."""
import collections

import pytest
from harness.ctl import run_ctl
from harness.load import Load
from harness.pool import Pool
from harness.redis_cluster import Cluster, slot_of
from harness.redis_server import TcpRedis
from harness.store import students_on, tagged
from harness.wait import wait_for


@pytest.fixture(scope="module")
def cluster():
    """The first master has two replicas, the others none."""
    with Cluster(replicas_of=(0, 0), cluster_node_timeout=2000) as running:
        yield running


@pytest.fixture(scope="module")
def pool(cluster):
    with Pool(cluster.url) as running:
        yield running


def journal(student):
    return tagged(student, "journal")


def score_of(response):
    """None for a response that says nothing about what the store has now."""
    fresh = response.status == 200 and response.headers["X-Cache"] != "STALE"
    return response.json["mastery_score"] if fresh else None


def ready(pool):
    response = pool.request("GET", "/ready")
    return response.status, response.json["status"]


def write_in_turn(pool, students):
    """A call for Load: writes a score and reads it again. (student, score, status of the write)."""

    def call(caller, iteration):
        score = round((iteration % 997) / 1000, 3)
        written = pool.calculate(students[caller], (score,) * 4)
        assert written.status in (200, 503), written
        if written.status == 503:
            assert written.headers["Retry-After"]
        else:
            found = score_of(pool.query(students[caller]))
            assert found in (None, score), f"{found} instead of {score}"
        return students[caller], score, written.status

    return call


def test_every_program_works_on_all_nodes(cluster, pool, start_worker, stand_in_sidecar):
    start_worker(pool, stand_in_sidecar)
    wait_for(lambda: ready(pool) == (200, "ready"), "connected to all nodes")
    students = [student for master in cluster.masters for student in students_on(cluster, master, 2)]
    for number, student in enumerate(students):
        assert pool.calculate(student, (number / 10,) * 4).status == 200
        assert score_of(pool.query(student)) == number / 10
    for student in students:
        wait_for(lambda student=student: stand_in_sidecar.events(student), "the worker has published the change")
    exported = run_ctl(pool.environment, "export", students[-1])
    assert exported.returncode == 0 and students[-1] in exported.stdout, exported
    erased = run_ctl(pool.environment, "erase", students[0])
    assert erased.returncode == 0, erased
    assert pool.query(students[0]).status == 404
    per_node = collections.Counter(cluster.master_of(journal(student)).port for student in students)
    assert set(per_node.values()) == {2}, "the students are on all nodes"


def test_slots_are_moved_under_load(cluster, pool):
    """Away from a node and back, with all keys: every confirmed write is there."""
    source = cluster.master_of("{00}:journal")
    target = next(server for server in cluster.masters if server.port != source.port and server.is_master())
    students = students_on(cluster, source, 4)
    slots = sorted({slot_of(journal(student)) for student in students})
    with Load(len(students), write_in_turn(pool, students)) as load:
        wait_for(lambda: len(load.results) > 20, "writes")
        for _ in range(3):
            for here, there in ((source, target), (target, source)):
                for slot in slots:
                    cluster.move_slot(slot, here, there)
                done = len(load.results)
                wait_for(lambda done=done: len(load.results) > done + 10, "writes with the slots at another node")
    assert not load.errors, load.errors[:3]
    assert sum(status == 200 for _, _, status in load.results) > 60
    for student in students:
        last = [score for who, score, status in load.results if who == student and status == 200][-1]
        assert score_of(pool.query(student)) == last


def test_no_confirmed_write_is_lost_with_a_master(cluster):
    """STORE_WAIT_REPLICAS=1: the replica that takes over has what was confirmed."""
    lost, other = cluster.masters[:2]
    assert lost.client().info("replication")["connected_slaves"] == 2, "one takes over, the other confirms"
    students = students_on(cluster, lost, 2)
    [unmoved] = students_on(cluster, other, 1)
    with Pool(cluster.url, STORE_WAIT_REPLICAS=1) as pool, Pool(cluster.url) as steady_pool:
        with Load(2, write_in_turn(pool, students)) as load, Load(1, write_in_turn(steady_pool, [unmoved])) as steady:
            good = lambda: [one for one in load.results if one[2] == 200]
            wait_for(lambda: len(good()) > 20, "confirmed writes")
            lost.stop()
            wait_for(lambda: any(status == 503 for _, _, status in load.results), "writes are refused")
            done = len(good())
            wait_for(lambda: len(good()) > done + 20, "writes on the new master")
        assert not load.errors and not steady.errors, (load.errors[:3], steady.errors[:3])
        assert all(status == 200 for _, _, status in steady.results), "students of another node"
        for student in students:
            writes = [(score, status) for who, score, status in load.results if who == student]
            confirmed = max(i for i, (_, status) in enumerate(writes) if status == 200)
            # A write that was refused afterwards may have been executed.
            assert score_of(pool.query(student)) in {score for score, _ in writes[confirmed:]}


def test_a_node_without_replica_harms_its_students_alone(cluster, pool):
    lonely = cluster.masters[2]
    [student] = students_on(cluster, lonely, 1)
    other = next(server for server in cluster.servers if server.is_up() and server.is_master() and server.port != lonely.port)
    [unmoved] = students_on(cluster, other, 1)
    assert pool.calculate(student).status == 200
    lonely.stop()
    wait_for(lambda: ready(pool) == (200, "degraded"), "/ready says degraded")
    for _ in range(5):
        refused = pool.calculate(student)
        assert refused.status == 503 and refused.headers["Retry-After"], refused
        assert pool.calculate(unmoved, (0.5,) * 4).status == 200
        assert score_of(pool.query(unmoved)) == 0.5
    lonely.start()
    wait_for(lambda: ready(pool) == (200, "ready"), "/ready says ready")
    wait_for(lambda: pool.calculate(student).status == 200, "the node serves its students again")


def test_a_cluster_given_as_one_server_is_refused(cluster, pool):
    url = f"redis://127.0.0.1:{next(server for server in cluster.servers if server.is_up()).port}"
    result = run_ctl({**pool.environment, "REDIS_URL": url}, "schema")
    assert result.returncode == 3 and "redis://host:port,host:port/?cluster" in result.stderr, result


def test_one_server_given_as_a_cluster_is_refused(pool):
    with TcpRedis() as server:
        environment = {**pool.environment, "REDIS_URL": f"redis://127.0.0.1:{server.port}/?cluster"}
        result = run_ctl(environment, "schema")
    assert result.returncode == 3 and "without ?cluster" in result.stderr, result
