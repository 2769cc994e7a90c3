# SPDX-License-Identifier: GPL-3.0-or-later
"""Boxes about Kubernetes: objects, pods, probes, Dapr, configuration, roll-back."""
import base64
import os
import re
from datetime import datetime

from verify.cluster import podman_pod
from verify.local import ROOT, lines_of
from verify.outcome import Failed, ForPerson, joined, judge

APP = ("-l", "app=mastery-engine")
ERROR_OF_DAPRD = re.compile(r'level=(error|fatal)|"level":"(error|fatal)"')


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


def secret(v):
    signing = lambda found: base64.b64decode(found["data"]["JWT_SECRET"]).split(b"\n")[0]
    return shows(v, "secret", lambda found: len(signing(found)) >= 32, settings, "mastery-engine-secrets")


def replicas(v):
    """(description, wanted, ready, all, of this version)"""
    source, found = v.cluster.get("deployment", "mastery-engine")
    counts = (found["status"].get(name, 0) for name in ("readyReplicas", "replicas", "updatedReplicas"))
    return source, found["spec"]["replicas"], *counts


def deployment(v):
    source, wanted, ready, _, _ = replicas(v)
    return judge(ready == wanted > 0, f"{source}: {ready} of {wanted} ready")


def pods_count(v):
    """An autoscaler is free to choose another number of replicas."""
    source, wanted, _, present, updated = replicas(v)
    return judge(present == updated == wanted, f"{source}: {present} of {wanted}, {updated} of this version")


def ports(v):
    of = lambda found: {port.get("name"): port["port"] for port in found["spec"]["ports"]}
    return shows(v, "service", lambda found: 8005 in of(found).values(), lambda found: joined(of(found)))


def containers_of(pod):
    return [c["name"] for c in pod["spec"]["containers"] + pod["spec"].get("initContainers", [])]


def sidecar_in_pods(v):
    source, found = v.cluster.get("pods", *APP)
    names = {pod["metadata"]["name"]: " ".join(c["name"] for c in pod["spec"]["containers"]) for pod in found["items"]}
    good = found["items"] and all("daprd" in containers_of(pod) for pod in found["items"])
    return judge(good, f"{source}: {', '.join(f'{pod}: {containers}' for pod, containers in names.items())}")


def pods(v):
    """(source, pods): those of podman where there is no cluster and POD names one."""
    pod = os.environ.get("POD")
    source, found = podman_pod(v.podman, pod) if pod and not v.cluster else v.cluster.get("pods", *APP)
    judge(found["items"], f"{source}: there is none")
    return source, found["items"]


def pods_running(v):
    source, found = pods(v)
    phases = {pod["metadata"]["name"]: pod["status"]["phase"] for pod in found}
    return judge(set(phases.values()) == {"Running"}, f"{source}: {joined(phases)}")


def ready_containers(pod):
    return [status["name"] for status in pod["status"]["containerStatuses"] if status["ready"]]


def pods_ready(v):
    """Two containers, or three with the sidecar: all that there are."""
    source, found = pods(v)
    counts = {p["metadata"]["name"]: (len(ready_containers(p)), len(p["status"]["containerStatuses"])) for p in found}
    seen = ", ".join(f"{name} {ready}/{total}" for name, (ready, total) in counts.items())
    return judge(all(ready == total > 0 for ready, total in counts.values()), f"{source}: {seen}")


def pods_restarts(v):
    source, found = pods(v)
    most = max(status["restartCount"] for pod in found for status in pod["status"]["containerStatuses"])
    return judge(most < 3, f"{source}: at most {most}")


def startup_probe(v):
    if not v.cluster:
        v.get("/ready").expect(200, lambda body: body["status"] == "ready")
        return f"what the probe asks for is so: GET /ready is 200 ({v.cluster.missing})"
    status, output, error = v.cluster.run(
        "exec", "deployment/mastery-engine", "-c", "app", "--", "./scripts/k8s-startup-probe.sh"
    )
    judge(status == 0, f"k8s-startup-probe.sh in the pod: {error or output.strip()}")
    return "k8s-startup-probe.sh in the pod ends with 0"


def seconds_to_ready(pod):
    at = lambda text: datetime.fromisoformat(text.replace("Z", "+00:00"))
    [ready] = [c["lastTransitionTime"] for c in pod["status"]["conditions"] if c["type"] == "Ready"]
    return int((at(ready) - at(pod["status"]["startTime"])).total_seconds())


def startup_in_time(v):
    source, found = v.cluster.get("pods", *APP)
    longest = max(map(seconds_to_ready, found["items"]))
    return judge(longest <= 120, f"{source}: ready after at most {longest} s")


def dapr_running(v):
    """Without a cluster the worker's observation: it checks the sidecar every five seconds."""
    if v.cluster:
        source, found = pods(v)
        names = {pod["metadata"]["name"]: ready_containers(pod) for pod in found}
        seen = ", ".join(f"{name}: {' '.join(ready)}" for name, ready in names.items())
        return judge(all("daprd" in ready for ready in names.values()), f"{source}: {seen}")
    response = v.get("/ready")
    if response.holds(response.status, lambda body: body["dependencies"]["dapr"] == "not_configured"):
        raise ForPerson("Dapr is not configured here; is it to be?")
    judge(response.holds(response.status, lambda body: body["dependencies"]["dapr"] == "healthy"), str(response))
    return "GET /ready: the worker has asked the sidecar, dapr healthy"


def dapr_components(v):
    source, found = v.cluster.get("components.dapr.io")
    types = {item["metadata"]["name"]: item["spec"]["type"] for item in found["items"]}
    return judge(any(kind.startswith("state.") for kind in types.values()), f"{source}: {joined(types)}")


def dapr_errors(v):
    v.cluster.require("kubectl logs -l app=mastery-engine -c daprd: no line of level error")
    status, output, error = v.cluster.run("logs", *APP, "-c", "daprd", "--tail=2000")
    judge(status == 0, error)
    lines = output.splitlines()
    found = [line for line in lines if ERROR_OF_DAPRD.search(line)]
    return judge(not found, found[0] if found else f"none in {len(lines)} lines")


def pods_use(v, column, unit, limit):
    """Columns of kubectl top: name, CPU in m, memory in Mi or Gi."""
    v.cluster.require(f"kubectl top pods -n {v.namespace} -l app=mastery-engine")
    _, output, error = v.cluster.run("top", "pods", *APP, "--no-headers")
    cells = [line.split()[column] for line in output.splitlines()]
    judge(cells, f"kubectl top: {error}")
    most = max(int(re.match(r"\d+", cell)[0]) * (1024 if cell.endswith("Gi") else 1) for cell in cells)
    return judge(most < limit, f"at most {most}{unit}")


def hpa_metrics(v):
    source, found = v.cluster.get("hpa", "mastery-engine")
    targets = {metric["resource"]["name"]: metric["resource"]["target"] for metric in found["spec"]["metrics"]}
    value = lambda target: target.get("averageUtilization") or target.get("averageValue")
    return judge(targets, f"{source}: {joined({name: value(target) for name, target in targets.items()})}")


def hpa_range(v):
    source, found = v.cluster.get("hpa", "mastery-engine")
    low, high, status = found["spec"]["minReplicas"], found["spec"]["maxReplicas"], found.get("status", {})
    stuck = any(c["type"] == "AbleToScale" and c["status"] == "False" for c in status.get("conditions", []))
    return judge(low < high and not stuck, f"{source}: {low} to {high}, now {status.get('currentReplicas', 'unknown')}")


def pdb_exists(v):
    source, found = v.cluster.get("pdb", "mastery-engine")
    healthy, wanted = found["status"].get("currentHealthy", 0), found["status"].get("desiredHealthy", 1)
    return judge(healthy >= wanted, f"{source}: {healthy} healthy, {wanted} wanted")


def pdb_available(v):
    source, found = v.cluster.get("pdb", "mastery-engine")
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


def first(texts):
    return next(iter(texts), "")


def policy_is_endless(item, pubsub):
    """Whether a Resiliency delivers the events of a component to the engine without end. Dapr (1.17 and later)
    acknowledges an event when its policy ends, and ends an exponential one after 15 minutes."""
    spec = item["spec"]
    retry = spec.get("targets", {}).get("components", {}).get(pubsub, {}).get("inbound", {}).get("retry")
    policy = spec.get("policies", {}).get("retries", {}).get(retry, {"maxRetries": 0})
    endless = policy.get("policy", "constant") == "constant" and int(policy.get("maxRetries", -1)) < 0
    return endless and "mastery-engine" in item.get("scopes", ["mastery-engine"])


def delivery_of_cluster(v):
    """Each pub/sub component, to which the engine may subscribe, needs an endless policy of delivery."""
    components = v.cluster.get("components.dapr.io")[1]["items"]
    source, found = v.cluster.get("resiliencies.dapr.io")
    pubsubs = [c["metadata"]["name"] for c in components if c["spec"]["type"].startswith("pubsub.")]
    losing = [p for p in pubsubs if not any(policy_is_endless(item, p) for item in found["items"])]
    judge(not losing, f"{source}: no endless inbound policy (constant, maxRetries -1) for {' '.join(losing)}")
    return f"{source}: events are delivered without end"


def delivery_of_manifests(v):
    text = manifest(v, "dapr")
    name = first(re.findall(r"inbound:\n(?: {10,}.*\n)*? *retry: (\w+)", text))
    policy = first(re.findall(rf"(?m)^      {name}:\n((?: {{8}}.*\n)+)", text)) if name else ""
    judge("policy: constant" in policy and "maxRetries: -1" in policy, "k8s/dapr.yaml: the inbound policy ends, or there is none")
    return "k8s/dapr.yaml: events are delivered without end"


def config_dapr(v):
    wanted = {"dapr.io/enabled": "true", "dapr.io/app-id": "mastery-engine"}
    if v.cluster:
        source, found = v.cluster.get("deployment", "mastery-engine")
        annotations = found["spec"]["template"]["metadata"]["annotations"]
        seen = ", ".join(f"{name}={value}" for name, value in annotations.items() if name.startswith("dapr.io/"))
        judge(wanted.items() <= annotations.items(), f"{source}: {seen}")
        return f"{source}: {seen}; {delivery_of_cluster(v)}"
    text = manifest(v, "deployment")
    good = 'dapr.io/enabled: "true"' in text and re.search("(?m)dapr.io/app-id: mastery-engine$", text)
    judge(good, "k8s/deployment.yaml does not enable Dapr for the app-id mastery-engine")
    return f"k8s/deployment.yaml: {text.count('dapr.io/')} annotations, enabled, app-id mastery-engine; {delivery_of_manifests(v)}"


def redis_of_cluster(v):
    """(Redis of Dapr's state store, REDIS_URL)"""
    components = v.cluster.get("components.dapr.io")[1]["items"]
    fields = [f for c in components if c["spec"]["type"] == "state.redis" for f in c["spec"]["metadata"]]
    settings = v.cluster.get("configmap", "mastery-engine-config")[1]["data"]
    return first(f["value"] for f in fields if f["name"] == "redisHost"), settings.get("REDIS_URL", "")


def redis_of_manifests(v):
    component = manifest(v, "dapr").partition("type: state.redis")[2]
    hosts = re.findall(r"- name: redisHost\n *value: *(\S+)", component)
    return first(hosts), first(re.findall(r"(?m)^  REDIS_URL: (.*)$", manifest(v, "configmap")))


def config_redis(v):
    """The engine keeps its state in Redis itself; Dapr's component must be the same Redis."""
    store, url = redis_of_cluster(v) if v.cluster else redis_of_manifests(v)
    judge(store and store in url, f'Dapr\'s state store is "{store}", REDIS_URL {url}')
    return f"Dapr's state store and REDIS_URL are both {store}"


def rollback_previous(v):
    v.cluster.require(f"kubectl rollout history deployment/mastery-engine -n {v.namespace} shows an earlier revision")
    _, output, error = v.cluster.run("rollout", "history", "deployment/mastery-engine")
    revisions = re.findall(r"(?m)^\d+", output)
    judge(len(revisions) >= 2, f"no earlier revision: {error or output.strip()}")
    return f"revisions: {' '.join(revisions)}"


def rollback_command(v):
    command = ("rollout", "undo", "deployment/mastery-engine", "--dry-run=server")
    v.cluster.require(f"kubectl {' '.join(command[:-1])} -n {v.namespace} {command[-1]}")
    status, output, error = v.cluster.run(*command)
    if status != 0:
        raise Failed(error)
    return f"tried with --dry-run=server: {output.strip()}"
