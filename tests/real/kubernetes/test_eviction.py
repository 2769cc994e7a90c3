# SPDX-License-Identifier: GPL-3.0-or-later
"""Eviction, as kubectl drain does it."""
import urllib.error

import pytest
from conftest import K8S
from control_plane import LIMIT_S
from harness.wait import wait_for
from pods import ENGINE, wait_for_pods

READY, NOT_READY = "True", "False"


def run_pod(cluster, name, ready):
    conditions = [{"type": "Ready", "status": ready}, {"type": "ContainersReady", "status": ready}]
    cluster.set_status("pods", name, {"phase": "Running", "conditions": conditions})


def evict(cluster, name):
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "learnflow"}}
    cluster.request("POST", f"/api/v1/namespaces/learnflow/pods/{name}/eviction", body)


def test_the_budget_keeps_ready_pods_and_no_others(cluster):
    cluster.do("apply", "-k", K8S / "overlays/production")
    wait_for_pods(cluster)
    good, bad = [pod["metadata"]["name"] for pod in cluster.items("pods", "-l", f"app={ENGINE}")]
    run_pod(cluster, good, READY)
    run_pod(cluster, bad, NOT_READY)
    healthy = lambda: cluster.get("pdb", ENGINE)["status"].get("currentHealthy") == 1
    wait_for(healthy, "one pod is healthy", LIMIT_S)
    with pytest.raises(urllib.error.HTTPError, match="429"):
        evict(cluster, good)
    evict(cluster, bad)
