# SPDX-License-Identifier: GPL-3.0-or-later
"""Each overlay, applied to a real API server."""
import json
import urllib.error

import pytest
from conftest import K8S
from control_plane import LIMIT_S
from harness.wait import wait_for

ENGINE, WORKER = "mastery-engine", "mastery-worker"


def pods_wanted(cluster):
    """Those that the Deployments and the StatefulSet are to have, once the autoscaler has chosen its number."""
    scaled = cluster.items("hpa")
    workloads = cluster.items("deployments") + cluster.items("statefulsets")
    replicas = {item["metadata"]["name"]: item["spec"]["replicas"] for item in workloads}
    for scaler in scaled:
        name, least = scaler["spec"]["scaleTargetRef"]["name"], scaler["spec"]["minReplicas"]
        replicas[name] = max(replicas[name], least)
    return sum(replicas.values())


def wait_for_pods(cluster):
    all_there = lambda: len(cluster.items("pods")) == pods_wanted(cluster)
    wait_for(all_there, f"{pods_wanted(cluster)} pods", LIMIT_S)
    return cluster.items("pods")


def warnings(cluster, reason):
    return [event["message"] for event in cluster.items("events") if event["reason"] == reason]


def test_it_has_no_unknown_field_and_no_warning(applied):
    _, _, done = applied
    assert done.returncode == 0 and not done.stderr, done
    assert all(line.endswith(" created") for line in done.stdout.splitlines()), done.stdout


def test_all_its_pods_are_created(applied):
    """Pod Security, the service account and all else that admits pods."""
    cluster, _, _ = applied
    pods = wait_for_pods(cluster)
    assert not warnings(cluster, "FailedCreate")
    for pod in pods:
        assert "serviceaccount" not in json.dumps(pod["spec"]["volumes"]).lower(), "no token of the Kubernetes API"


def contents(cluster, folder):
    """What the server has of an overlay's objects, without what controllers write."""
    shown = json.loads(cluster.do("get", "-k", folder, "-o", "json"))["items"]
    return [{name: part for name, part in item.items() if name not in ("metadata", "status")} for item in shown]


def test_applied_again_it_changes_nothing(applied):
    """Also where the server fills in fields or leaves some out, which kubectl diff would show for ever."""
    cluster, folder, _ = applied
    wait_for_pods(cluster)
    before = contents(cluster, folder)
    cluster.do("apply", "--validate=strict", "-k", folder)
    assert contents(cluster, folder) == before
    assert cluster.do("diff", "-k", folder) == ""
    assert cluster.do("diff", "--server-side", "-k", folder) == ""


def test_the_controllers_know_its_autoscaler_budget_and_addresses(applied):
    cluster, _, _ = applied
    wait_for_pods(cluster)
    for scaler in cluster.items("hpa"):
        able = lambda scaler=scaler: {
            c["type"]: c["status"] for c in cluster.get("hpa", scaler["metadata"]["name"])["status"].get("conditions") or []
        }.get("AbleToScale")
        wait_for(lambda able=able: able() == "True", "autoscaler found its Deployment", LIMIT_S)
        found = cluster.get("deployment", scaler["spec"]["scaleTargetRef"]["name"])
        assert found["spec"]["replicas"] == scaler["spec"]["minReplicas"]
    for budget in cluster.items("pdb"):
        replicas = cluster.get("deployment", ENGINE)["spec"]["replicas"]
        expected = lambda budget=budget: cluster.get("pdb", budget["metadata"]["name"])["status"]["expectedPods"]
        wait_for(lambda expected=expected, replicas=replicas: expected() == replicas, "pods of the budget", LIMIT_S)
    addresses = [address for service in cluster.items("services") for address in service["spec"]["clusterIPs"]]
    assert addresses and all(address.startswith("10.96.") for address in addresses)


# ---- with the sidecar ----


def with_sidecar(folder):
    return folder.name != "dev"


def test_restricted_holds_with_the_sidecar(applied, injector):
    """New pods of the same Deployments, with what Dapr's injector makes of them."""
    cluster, folder, _ = applied
    wait_for_pods(cluster)
    injector()
    cluster.do("-n", "learnflow", "delete", "pods", "--all", "--wait=false")
    changed = lambda: cluster.items("pods", "-l", "dapr.io/sidecar-injected=true")
    names = lambda: sorted({pod["metadata"]["labels"]["app"] for pod in changed()})
    if not with_sidecar(folder):
        wait_for_pods(cluster)
        assert not changed()
        return
    wait_for(lambda: names() == [ENGINE, WORKER], "pods with the sidecar", LIMIT_S)
    for pod in changed():
        assert "daprd" in [c["name"] for c in pod["spec"]["containers"]]
    assert not warnings(cluster, "FailedCreate")


def test_a_sidecar_with_capabilities_has_no_pod(applied, injector):
    """What docs/kubernetes.md says of Dapr's default."""
    cluster, folder, _ = applied
    if not with_sidecar(folder):
        return
    wait_for_pods(cluster)
    injector("keep-capabilities")
    cluster.do("-n", "learnflow", "delete", "pods", "-l", f"app={ENGINE}", "--wait=false")
    wait_for(lambda: warnings(cluster, "FailedCreate"), "no pod is created", LIMIT_S)
    assert 'violates PodSecurity "restricted:latest"' in warnings(cluster, "FailedCreate")[0]


# ---- eviction, as kubectl drain does it ----

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
