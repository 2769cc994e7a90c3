# SPDX-License-Identifier: GPL-3.0-or-later
"""STORE_WAIT_REPLICAS on a Redis Cluster: a response waits for the replicas of each node that has a write of the
request, by whichever request's script it was made (hazards X3)."""

import pytest
from harness.at_once import scripts_run, send_at_once
from harness.cloudevents import BATCH, own
from harness.events import event
from harness.model import scores
from harness.pool import Pool
from harness.process import paused
from harness.redis_cluster import Cluster
from harness.store import students_on, tagged
from harness.wait import wait_for


@pytest.fixture(scope="module")
def cluster():
    """Only the first master has a replica. A replica that is stopped by a test is no failure of it."""
    with Cluster(replicas_of=(0,), cluster_node_timeout=60000) as running:
        yield running


@pytest.fixture(scope="module")
def pool(cluster):
    """One process, so that requests about a student meet in it."""
    with Pool(cluster.url, STORE_WAIT_REPLICAS=1, STORE_ROUND_TIMEOUT_MS=2000) as running:
        yield running


def statement(student, number):
    return "/api/v1/mastery/calculate", {"student_id": student, "components": scores(number / 100)}


def learning_event(student, _):
    return "/api/v1/mastery/ingest", event(student=student)


def list_of_events(student, _):
    return "/api/v1/events", [own(event(student=student)) for _ in range(2)], BATCH


def outcome(response):
    return response.status, response.json["error"]["code"]


@pytest.mark.parametrize("kind", [statement, learning_event, list_of_events])
def test_a_change_that_anothers_script_wrote_waits_for_its_replicas_too(cluster, pool, kind):
    master, replica = cluster.masters[0], cluster.replicas[0]
    [student] = students_on(cluster, master, 1)
    wait_for(lambda: pool.calculate(student).status == 200, "confirmed by the replica")
    requests = [statement(student, 50)] + [kind(student, number) for number in range(6)]
    changes = lambda: master.client().xlen(tagged(student, "journal"))
    before, changes_before = scripts_run(master.client()), changes()
    with paused(replica):
        responses = send_at_once(pool, master, requests)
    assert {outcome(response) for response in responses} == {(503, "NOT_REPLICATED")}, responses
    assert changes() - changes_before == 1 + (12 if kind is list_of_events else 6), "each is stored all the same"
    writes = scripts_run(master.client()) - before
    assert writes < len(requests), "no request was written by the script of another"
    wait_for(lambda: pool.calculate(student).status == 200, "confirmed again")


def test_a_list_waits_for_the_replicas_of_all_its_nodes(cluster, pool):
    """The second master has no replica that could confirm."""
    [on_first] = students_on(cluster, cluster.masters[0], 1)
    [on_second] = students_on(cluster, cluster.masters[1], 1)
    send = lambda *students: pool.request(
        "POST",
        "/api/v1/events",
        json=[own(event(student=student)) for student in students],
        token=pool.token("root", "admin"),
        CONTENT_TYPE=BATCH,
    )
    wait_for(lambda: send(on_first).status == 202, "confirmed")
    for students in ((on_first, on_second), (on_second, on_first), (on_second,)):
        assert outcome(send(*students)) == (503, "NOT_REPLICATED"), students
    assert send(on_first).status == 202
