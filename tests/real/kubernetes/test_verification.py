# SPDX-License-Identifier: GPL-3.0-or-later
"""scripts/verify-deployment.sh with a real kubectl and API server. The tests write the status of pods, as there is no
kubelet: the boxes that look into a pod, or at the metrics of one, are not looked at."""
import json
import subprocess

import pytest
from conftest import K8S
from control_plane import LIMIT_S
from harness.binaries import ROOT
from harness.wait import wait_for

ENGINE, WORKER = "mastery-engine", "mastery-worker"
LOOKED_AT = (
    "config. kubernetes.namespace kubernetes.configmap kubernetes.secrets kubernetes.deployment kubernetes.service "
    "kubernetes.sidecar kubernetes.cluster-ip kubernetes.ports kubernetes.pdb kubernetes.hpa-metrics pods. dapr.running "
    "dapr.components health.start-time rollback.previous rollback.command"
).split()
# A process in a pod tells its commit, and there is none.
# Nothing can be undone on the first deployment.
FOR_A_PERSON = {"kubernetes.deployment", "rollback.previous", "rollback.command"}


def run_pod(cluster, pod, waiting=None):
    """Has the pod be ready, or one of its containers waiting for a reason."""
    statuses = [
        {
            "name": c["name"], "image": c["image"], "imageID": "", "ready": True, "started": True, "restartCount": 0,
            "state": {"running": {"startedAt": "2026-01-15T10:00:00Z"}},
        }
        for c in pod["spec"]["containers"]
    ]  # fmt: skip
    if waiting:
        statuses[0] |= {"ready": False, "started": False, "state": {"running": None, "waiting": {"reason": waiting}}}
    ready = "False" if waiting else "True"
    conditions = [{"type": name, "status": ready} for name in ("Ready", "ContainersReady")]
    status = {"phase": "Pending" if waiting else "Running", "conditions": conditions, "containerStatuses": statuses}
    cluster.set_status("pods", pod["metadata"]["name"], status)


def engine_pods(cluster):
    return cluster.items("pods", "-l", f"app={ENGINE}")


def ready_replicas(cluster, name):
    found = cluster.get("deployment", name)
    return found["status"].get("readyReplicas", 0) == found["spec"]["replicas"] == found["status"].get("replicas")


def healthy_pods(cluster):
    return cluster.get("pdb", ENGINE)["status"].get("currentHealthy")


@pytest.fixture
def deployed(cluster, injector):
    """overlays/production with the sidecar, all its pods ready."""
    injector()
    cluster.do("apply", "-f", K8S / "00-namespace.yaml")
    made = subprocess.run([ROOT / "scripts/make-k8s-secrets"], env=cluster.environment(), stdout=subprocess.PIPE, text=True, check=True)
    cluster.do("apply", "-f", "-", text=made.stdout)
    cluster.do("apply", "-k", K8S / "overlays/production")
    wait_for(lambda: len(cluster.items("pods")) == 5, "two pods of each and one of Redis", LIMIT_S)
    for pod in cluster.items("pods"):
        run_pod(cluster, pod)
    wait_for(lambda: all(ready_replicas(cluster, name) for name in (ENGINE, WORKER)), "Deployments ready", LIMIT_S)
    wait_for(lambda: healthy_pods(cluster) == 2, "pods of the budget healthy", LIMIT_S)
    return cluster


def results(cluster, engine, user="admin"):
    """{id: result}, and {id: evidence}"""
    environment = {name: str(value) for name, value in engine.values.items() if value is not None}
    done = subprocess.run(
        [ROOT / "scripts/verify-deployment.sh", "--json", "--only", ",".join(LOOKED_AT), engine.base_url],
        env={**environment, **cluster.environment(user)}, capture_output=True, text=True, check=False, timeout=LIMIT_S,
    )  # fmt: skip
    boxes = json.loads(done.stdout)["boxes"]
    return {box["id"]: box["result"] for box in boxes}, {box["id"]: box["evidence"] for box in boxes}


def test_a_sound_deployment_is_ticked(deployed, engine):
    found, evidence = results(deployed, engine)
    other = {i: (result, evidence[i]) for i, result in found.items() if result != "ticked"}
    assert set(other) == FOR_A_PERSON and {result for result, _ in other.values()} == {"person"}, other


def pull_fails(cluster):
    run_pod(cluster, engine_pods(cluster)[0], "ImagePullBackOff")
    wait_for(lambda: not ready_replicas(cluster, ENGINE), "a pod is not ready", LIMIT_S)


def remove_secret(cluster):
    patch = json.dumps([{"op": "remove", "path": "/data/AUDIT_KEY"}])
    cluster.do("-n", "learnflow", "patch", "secret", "mastery-engine-secrets", "--type=json", "-p", patch)


def publish_service(cluster):
    cluster.do("-n", "learnflow", "patch", "service", ENGINE, "-p", '{"spec": {"type": "NodePort"}}')


def delete(*what):
    return lambda cluster: cluster.do("-n", "learnflow", "delete", *what)


FAULTS = {
    "an image that cannot be pulled": (pull_fails, {"kubernetes.deployment", "pods.status", "pods.ready", "health.start-time"}),
    "a secret without one of its keys": (remove_secret, {"config.secrets", "kubernetes.secrets"}),
    "a service that is published": (publish_service, {"kubernetes.service", "kubernetes.service-created"}),
    "no policy of delivery": (delete("resiliencies.dapr.io", ENGINE), {"config.dapr"}),
    "no disruption budget": (delete("pdb", ENGINE), {"kubernetes.pdb", "kubernetes.pdb-available"}),
}


@pytest.mark.parametrize("plant, boxes", FAULTS.values(), ids=FAULTS)
def test_a_fault_fails_its_boxes_and_no_others(deployed, engine, plant, boxes):
    plant(deployed)
    found, evidence = results(deployed, engine)
    failed = {i: evidence[i] for i, result in found.items() if result == "failed"}
    assert set(failed) == boxes, failed


def test_what_a_viewer_may_not_see_is_for_a_person(deployed, engine):
    binding = ("clusterrolebinding", "learnflow-viewer")
    deployed.do("create", *binding, "--clusterrole=view", "--group=viewers")
    try:
        found, evidence = results(deployed, engine, "viewer")
    finally:
        deployed.do("delete", *binding)
    assert "failed" not in found.values(), {i: evidence[i] for i, result in found.items() if result == "failed"}
    for i in ("config.secrets", "kubernetes.secrets"):
        assert found[i] == "person" and "lacks the right to get secrets in learnflow" in evidence[i]
