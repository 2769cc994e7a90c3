# SPDX-License-Identifier: GPL-3.0-or-later
"""Boxes about Kubernetes: objects, pods, probes, configuration, roll-back."""
import base64
import os
import re

from verify.cluster import ALL_PODS, ENGINE_PODS, podman_pod
from verify.local import ROOT, lines_of
from verify.outcome import Failed, ForPerson, NotFound, joined, judge

DEPLOYMENTS = ("mastery-engine", "mastery-worker")
SECRETS = ("JWT_SECRET", "token", "CALLBACK_SECRET", "REDIS_PASSWORD", "AUDIT_KEY")
LEAST_BYTES = {"JWT_SECRET": 32, "AUDIT_KEY": 32}  # of each line, as the engine requires
REVISION = "deployment.kubernetes.io/revision"


def shows(v, kind, condition, evidence, *name):
    """Judges what kubectl get prints: of the object mastery-engine, of one with another name, or a list."""
    source, found = v.cluster.get(kind, *(name or ["mastery-engine"]))
    return judge(condition(found), f"{source}: {evidence(found)}")


def namespace(v):
    evidence = "{metadata[name]} is {status[phase]}".format_map
    return shows(v, "namespace", lambda found: found["status"]["phase"] == "Active", evidence, v.namespace)


def settings(found):
    return ", ".join(sorted(found["data"]))


def configmap(v):
    return shows(v, "configmap", lambda found: {"REDIS_URL", "ENVIRONMENT"} <= set(found["data"]), settings, "mastery-engine-config")


def settings_of_cluster(v):
    return v.cluster.get("configmap", "mastery-engine-config")[1]["data"]


def secret(v):
    """The manifests mount each key as a file, and the engine refuses the example's values and short ones."""
    source, found = v.cluster.get("secret", "mastery-engine-secrets")
    values = {name: base64.b64decode(text) for name, text in (found.get("data") or {}).items()}
    least = lambda name: LEAST_BYTES.get(name, 1)
    lines = lambda name: values.get(name, b"").strip(b"\n").split(b"\n")
    bad = [n for n in SECRETS if b"change me" in lines(n) or min(map(len, lines(n))) < least(n)]
    return judge(not bad, f"{source}: missing, too short or the example's: {', '.join(bad)}" if bad else
                 f"{source}: {', '.join(sorted(values))}")  # fmt: skip


def replicas(v, name):
    """(wanted, ready, all, of this version)"""
    found = v.cluster.get("deployment", name)[1]
    counts = (found["status"].get(count, 0) for count in ("readyReplicas", "replicas", "updatedReplicas"))
    return found["spec"]["replicas"], *counts


def deployment(v):
    """Both Deployments, and that the commit that the pods run is the one that URL answers with."""
    counts = {name: replicas(v, name) for name in DEPLOYMENTS}
    seen = ", ".join(f"{name}: {ready} of {wanted} ready" for name, (wanted, ready, _, _) in counts.items())
    judge(all(ready == wanted > 0 for wanted, ready, _, _ in counts.values()), f"kubectl get deployment: {seen}")
    commit, unknown = v.cluster.running_commit
    if unknown:
        raise ForPerson(f"the pods run commit {v.commit}, with which {v.url} answers ({unknown}); {seen}")
    return f"kubectl get deployment: {seen}; the pods run commit {commit}, as {v.url} does"


def pods_count(v):
    """An autoscaler is free to choose another number of replicas."""
    counts = {name: replicas(v, name) for name in DEPLOYMENTS}
    seen = [f"{name}: {present} of {wanted}, {updated} of this version" for name, (wanted, _, present, updated) in counts.items()]
    good = all(present == updated == wanted for wanted, _, present, updated in counts.values())
    return judge(good, f"kubectl get deployment: {', '.join(seen)}")


def ports(v):
    of = lambda found: {port.get("name"): port["port"] for port in found["spec"]["ports"]}
    return shows(v, "service", lambda found: 8005 in of(found).values(), lambda found: joined(of(found)))


def is_present(pod):
    """Pods that have ended (evicted ones) or are being deleted stay in the list, but serve no more."""
    return pod["status"]["phase"] not in ("Failed", "Succeeded") and "deletionTimestamp" not in pod["metadata"]


def pods_of_cluster(v, selector=ALL_PODS):
    """(description, pods that are to run)"""
    source, found = v.cluster.get("pods", *selector)
    present = [pod for pod in found["items"] if is_present(pod)]
    judge(present, f"{source}: there is none")
    return source, present


def pods(v):
    """(description, pods): the one of podman where there is no cluster and POD names it."""
    pod = os.environ.get("POD")
    if not pod or v.cluster:
        return pods_of_cluster(v)
    source, found = podman_pod(v.podman, pod)
    return source, found["items"]


def statuses(pod):
    """Those of its containers; of the sidecar too where it is an init container that goes on running. None
    before a node has the pod."""
    found, status = [], pod["status"]
    for name in ("containerStatuses", "initContainerStatuses"):
        found += [s for s in status.get(name, []) if name == "containerStatuses" or s["name"] == "daprd"]
    return found


def state_of(pod):
    """As the column STATUS of kubectl get pods."""
    waiting = [s["state"]["waiting"]["reason"] for s in statuses(pod) if "waiting" in s.get("state", {})]
    return " ".join([pod["status"]["phase"], *dict.fromkeys(waiting)])


def pods_running(v):
    source, found = pods(v)
    states = {pod["metadata"]["name"]: state_of(pod) for pod in found}
    return judge(set(states.values()) == {"Running"}, f"{source}: {joined(states)}")


def ready_containers(pod):
    return [status["name"] for status in statuses(pod) if status["ready"]]


def pods_ready(v):
    """Two containers, or three with the sidecar: all that there are."""
    source, found = pods(v)
    counts = {p["metadata"]["name"]: (len(ready_containers(p)), len(statuses(p))) for p in found}
    seen = ", ".join(f"{name} {ready}/{total}" for name, (ready, total) in counts.items())
    return judge(all(ready == total > 0 for ready, total in counts.values()), f"{source}: {seen}")


def pods_restarts(v):
    source, found = pods(v)
    most = max((status["restartCount"] for pod in found for status in statuses(pod)), default=0)
    return judge(most < 3, f"{source}: at most {most}")


def startup_probe(v):
    if not v.cluster:
        v.get("/ready").expect(200, lambda body: body["status"] == "ready")
        return f"what the probe asks for is so: GET /ready is 200 ({v.cluster.missing})"
    v.cluster.output("exec", "deployment/mastery-engine", "-c", "app", "--", "./scripts/k8s-startup-probe.sh")
    return "k8s-startup-probe.sh in the pod ends with 0"


def startup_in_time(v):
    """The kubelet restarts a container whose startup probe has not succeeded in its time: one that is `started`
    was in time. The moment when the pod became ready last says nothing: it is ready again after an outage."""
    source, found = pods_of_cluster(v, ENGINE_PODS)
    [app] = [c for c in found[0]["spec"]["containers"] if c["name"] == "app"]
    probe = app["startupProbe"]
    most = probe.get("initialDelaySeconds", 0) + probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3)
    late = [p["metadata"]["name"] for p in found if not any(s["name"] == "app" and s.get("started") for s in statuses(p))]
    judge(not late, f"{source}: not started: {', '.join(late)}")
    return judge(most <= 120, f"{source}: all are started; their probe allows {most} s")


def pods_use(v, column, unit, limit):
    """Columns of kubectl top: name, CPU in m, memory in Mi or Gi."""
    try:
        _, output = v.cluster.output("top", "pods", *ALL_PODS, "--no-headers")
    except Failed as problem:
        if "Metrics API not available" in str(problem):
            raise ForPerson(f"each pod uses less than {limit}{unit} (the cluster has no metrics-server)") from problem
        raise
    cells = [line.split()[column] for line in output.splitlines()]
    judge(cells, "kubectl top shows no pod")
    most = max(int(re.match(r"\d+", cell)[0]) * (1024 if cell.endswith("Gi") else 1) for cell in cells)
    return judge(most < limit, f"at most {most}{unit}")


def optional(v, kind, question):
    """(description, object mastery-engine of a kind that overlays/dev leaves out). Production needs it."""
    try:
        return v.cluster.get(kind, "mastery-engine")
    except NotFound as missing:
        if settings_of_cluster(v).get("ENVIRONMENT") == "production":
            raise
        raise ForPerson(f"{question} ({missing})") from missing


def hpa(v):
    return optional(v, "hpa", "there is no autoscaler: is the number of pods to be fixed?")


def judge_scaling(source, found):
    """Without metrics the autoscaler exists and scales nothing: ScalingActive is False."""
    target = found["spec"]["scaleTargetRef"]
    bad = [c for c in found.get("status", {}).get("conditions", []) if c["type"] != "ScalingLimited" and c["status"] != "True"]
    judge(not bad, bad and f"{source}: {bad[0]['type']} is {bad[0]['status']}: {bad[0].get('message', bad[0].get('reason'))}")
    return judge(target["name"] == "mastery-engine", f"{source}: scales {target['kind']} {target['name']}")


def hpa_works(v):
    return judge_scaling(*hpa(v))


def hpa_metrics(v):
    source, found = hpa(v)
    resources = [metric["resource"] for metric in found["spec"]["metrics"] if "resource" in metric]
    value = lambda target: target.get("averageUtilization") or target.get("averageValue")
    targets = {resource["name"]: value(resource["target"]) for resource in resources}
    return judge(targets, f"{source}: {joined(targets)}")


def hpa_range(v):
    source, found = hpa(v)
    works = judge_scaling(source, found)
    low, high = found["spec"]["minReplicas"], found["spec"]["maxReplicas"]
    now = found.get("status", {}).get("currentReplicas", "unknown")
    return judge(low < high, f"{works}, {low} to {high}, now {now}")


def pdb(v):
    return optional(v, "pdb", "there is no disruption budget: may a drain of a node end all pods?")


def pdb_exists(v):
    source, found = pdb(v)
    healthy, wanted = found["status"].get("currentHealthy", 0), found["status"].get("desiredHealthy", 1)
    return judge(healthy >= wanted, f"{source}: {healthy} healthy, {wanted} wanted")


def pdb_available(v):
    source, found = pdb(v)
    least = found["spec"].get("minAvailable", "not set")
    return judge(re.fullmatch(r"[1-9]\d*|[1-9]\d?%|100%", str(least)), f"{source}: minAvailable {least}")


def manifest(v, name):
    """The text of k8s/NAME.yaml without its comments."""
    path = ROOT / f"k8s/{name}.yaml"
    if not path.exists():
        raise ForPerson(f"kubectl get {name} -n {v.namespace} ({v.cluster.missing}, and there is no k8s/{name}.yaml)")
    return re.sub(r"(?m)^ *#.*\n", "", path.read_text())


def config_environment(v):
    if v.cluster:
        return configmap(v)
    text = manifest(v, "configmap")
    missing = [n for n in ("ENVIRONMENT", "REDIS_URL", "JWT_ALGORITHM") if not lines_of(text, f"  {n}: .")]
    judge(not missing, f"k8s/configmap.yaml lacks {' '.join(missing)}")
    return f"k8s/configmap.yaml has {len(lines_of(text, '  [A-Z_]+: '))} settings"


def config_resources(v):
    if v.cluster:
        source, found = v.cluster.get("deployment", "mastery-engine")
        own = [c for c in found["spec"]["template"]["spec"]["containers"] if c["name"] != "daprd"]
        limits = {c["name"]: c.get("resources", {}).get("limits", {}) for c in own}
        seen = ", ".join(f"{name} {limit.get('cpu')} {limit.get('memory')}" for name, limit in limits.items())
        return judge(all({"cpu", "memory"} <= set(limit) for limit in limits.values()), f"{source}: {seen}")
    text = manifest(v, "deployment")
    limits = re.findall(r"(?m)^ *limits:\n *cpu: *(\d+m)\n *memory: *(\d+Mi)$", text)
    seen = ", ".join(f"{cpu} {memory}" for cpu, memory in limits)
    judge(len(limits) >= len(lines_of(text, " +image: ")), f"k8s/deployment.yaml: limits: {seen}")
    return f"k8s/deployment.yaml: limits of its containers: {seen}"


def rollback_previous(v):
    """A rollout that changed settings alone leaves a revision of the same image: no earlier version."""
    source, found = v.cluster.get("replicasets", *ENGINE_PODS)
    images = {
        int(item["metadata"]["annotations"][REVISION]): next(
            c["image"] for c in item["spec"]["template"]["spec"]["containers"] if c["name"] == "app"
        )
        for item in found["items"]
        if REVISION in item["metadata"].get("annotations", {})
    }
    judge(images, f"{source}: none of a Deployment")
    running = images[max(images)]
    earlier = {revision: image for revision, image in sorted(images.items()) if image != running}
    if not earlier:
        why = "this is the first deployment" if len(images) == 1 else f"revisions {joined(images)} have one image"
        raise ForPerson(f"how to go back is decided: {why}, {running}, so no earlier version can be rolled back to")
    return f"{source}: {joined(earlier)}; now {running}"


def rollback_command(v):
    """The server tries it and changes nothing."""
    try:
        _, output = v.cluster.output("rollout", "undo", "deployment/mastery-engine", "--dry-run=server")
    except Failed as problem:
        if "no rollout history found" in str(problem):
            raise ForPerson("how to go back is decided: this is the first deployment, there is nothing to undo") from problem
        raise
    judge("skipped rollback" not in output, output.strip())
    return f"tried with --dry-run=server: {output.strip()}"
