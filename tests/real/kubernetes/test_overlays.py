# SPDX-License-Identifier: GPL-3.0-or-later
"""Each overlay, applied to a real API server."""
import json

from control_plane import LIMIT_S
from harness.wait import wait_for
from pods import ENGINE, WORKER, wait_for_pods


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


def test_applied_again_by_the_server_it_changes_nothing(applied):
    """The first time takes over the fields that kubectl has set for itself (docs/kubernetes.md)."""
    cluster, folder, _ = applied
    apply = lambda *options: cluster.do("apply", "--server-side", *options, "-k", folder)
    apply("--force-conflicts")
    before = contents(cluster, folder)
    apply()
    assert contents(cluster, folder) == before
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
