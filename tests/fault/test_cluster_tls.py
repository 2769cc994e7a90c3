# SPDX-License-Identifier: GPL-3.0-or-later
"""REDIS_URL is rediss://…/?cluster: all nodes are reached by TLS alone, and require a client certificate."""
import pytest
from harness.ctl import run_ctl
from harness.pool import Pool
from harness.redis_cluster import Cluster, slot_of
from harness.store import students_on, tagged
from harness.tls import Authority
from harness.wait import wait_for


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def cluster(authority):
    """Only the first master has a replica."""
    with Cluster(replicas_of=(0,), authority=authority, cluster_node_timeout=2000) as running:
        yield running


@pytest.fixture(scope="module")
def settings(authority):
    certificate, key = authority.issue("engine")
    return {"REDIS_CA_FILE": authority.path, "REDIS_CERT_FILE": certificate, "REDIS_KEY_FILE": key}


@pytest.fixture(scope="module")
def pool(cluster, settings):
    with Pool(cluster.url, **settings) as running:
        wait_for(lambda: ready(running), "connected to all nodes")
        yield running


def ready(pool):
    return pool.request("GET", "/ready").json["status"] == "ready"


def reason(pool):
    return pool.request("GET", "/ready").json.get("reason", "")


def score_of(pool, student):
    return pool.query(student).json["mastery_score"]


def test_every_program_works_on_all_nodes(cluster, pool, start_worker, stand_in_sidecar):
    start_worker(pool, stand_in_sidecar)
    students = [student for master in cluster.masters for student in students_on(cluster, master, 1)]
    for student in students:
        assert pool.calculate(student, (0.5,) * 4).status == 200
        assert score_of(pool, student) == 0.5
        wait_for(lambda student=student: stand_in_sidecar.events(student), "the worker has published the change")
        exported = run_ctl(pool.environment, "export", student)
        assert exported.returncode == 0 and student in exported.stdout, exported


def test_moved_slots_are_followed(cluster, pool):
    source, target = cluster.masters[1:]
    [student] = students_on(cluster, source, 1)
    slot = slot_of(tagged(student, "journal"))
    assert pool.calculate(student, (0.1,) * 4).status == 200
    for score, here, there in ((0.2, source, target), (0.3, target, source)):
        cluster.move_slot(slot, here, there)
        assert pool.calculate(student, (score,) * 4).status == 200
        assert score_of(pool, student) == score


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"REDIS_CERT_FILE": None, "REDIS_KEY_FILE": None}, "REDIS_CERT_FILE"),
        ({"REDIS_CA_FILE": None}, "is not signed by an authority of REDIS_CA_FILE"),
        ({"REDIS_TLS_NAME": "elsewhere.example.org"}, "is for another name"),
    ],
    ids=["no-certificate", "another-authority", "another-name"],
)
def test_what_tls_refuses_is_named(cluster, settings, start_pool, wrong, words):
    pool = start_pool(cluster.url, **{**settings, **wrong})
    wait_for(lambda: words in reason(pool), lambda: f"{words} in /ready: {reason(pool)}")
    result = run_ctl(pool.environment, "schema")
    assert result.returncode == 3 and words in result.stderr, result


def test_nodes_with_tls_given_without_it_are_refused(cluster, pool):
    url = cluster.url.replace("rediss://", "redis://")
    without = {name: value for name, value in pool.environment.items() if not name.startswith("REDIS_")}
    result = run_ctl({**without, "REDIS_URL": url}, "schema")
    assert result.returncode == 3 and "rediss://" in result.stderr, result


def test_a_replica_that_takes_over_is_followed(cluster, pool):
    lost = cluster.masters[0]
    [student] = students_on(cluster, lost, 1)
    assert pool.calculate(student, (0.4,) * 4).status == 200
    wait_for(lambda: lost.client().execute_command("WAIT", 1, 100) == 1, "the replica has it")
    lost.stop()
    wait_for(lambda: pool.calculate(student, (0.6,) * 4).status == 200, "writes on the new master")
    assert score_of(pool, student) == 0.6
