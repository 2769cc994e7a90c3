# SPDX-License-Identifier: GPL-3.0-or-later
"""Boxes about Dapr: the sidecar in the pods, its components, the delivery of events."""
import re

from verify.kubernetes import manifest, pods_of_cluster, ready_containers, settings_of_cluster
from verify.outcome import ForPerson, joined, judge

ERROR_OF_DAPRD = re.compile(r'level=(error|fatal)|"level":"(error|fatal)"')


def annotations_of_cluster(v):
    """(description, annotations of the pods); ForPerson where neither pods nor settings have a sidecar."""
    source, found = v.cluster.get("deployment", "mastery-engine")
    annotations = found["spec"]["template"]["metadata"].get("annotations", {})
    if annotations.get("dapr.io/enabled") != "true":
        port = settings_of_cluster(v).get("DAPR_HTTP_PORT", "0")
        judge(port == "0", f"{source}: dapr.io/enabled is not true, but DAPR_HTTP_PORT is {port}")
        raise ForPerson(f"Dapr is not configured here; is it to be? ({source}: dapr.io/enabled is not true)")
    return source, annotations


def containers_of(pod):
    return [c["name"] for c in pod["spec"]["containers"] + pod["spec"].get("initContainers", [])]


def sidecar_in_pods(v, containers=containers_of):
    """Judges whether daprd is among the containers of each pod that the function names."""
    annotations_of_cluster(v)
    source, found = pods_of_cluster(v)
    names = {pod["metadata"]["name"]: containers(pod) for pod in found}
    seen = ", ".join(f"{name}: {' '.join(present)}" for name, present in names.items())
    return judge(all("daprd" in present for present in names.values()), f"{source}: {seen}")


def running(v):
    """Without a cluster the worker's observation: it checks the sidecar every five seconds."""
    if v.cluster:
        return sidecar_in_pods(v, ready_containers)
    response = v.get("/ready")
    if response.holds(response.status, lambda body: body["dependencies"]["dapr"] == "not_configured"):
        raise ForPerson("Dapr is not configured here; is it to be?")
    judge(response.holds(response.status, lambda body: body["dependencies"]["dapr"] == "healthy"), str(response))
    return "GET /ready: the worker has asked the sidecar, dapr healthy"


def components(v):
    annotations_of_cluster(v)
    source, found = v.cluster.get("components.dapr.io")
    types = {item["metadata"]["name"]: item["spec"]["type"] for item in found["items"]}
    return judge(any(kind.startswith("state.") for kind in types.values()), f"{source}: {joined(types)}")


def errors(v):
    annotations_of_cluster(v)
    lines = v.cluster.log_lines("daprd")
    judge(lines, "daprd has no log")
    found = [line for line in lines if ERROR_OF_DAPRD.search(line)]
    return judge(not found, found[0] if found else f"none in {len(lines)} lines")


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
    if v.cluster:
        source, annotations = annotations_of_cluster(v)
        seen = ", ".join(f"{name}={value}" for name, value in annotations.items() if name.startswith("dapr.io/"))
        judge(annotations.get("dapr.io/app-id") == "mastery-engine", f"{source}: {seen}")
        return f"{source}: {seen}; {delivery_of_cluster(v)}"
    text = manifest(v, "deployment")
    good = 'dapr.io/enabled: "true"' in text and re.search("(?m)dapr.io/app-id: mastery-engine$", text)
    judge(good, "k8s/deployment.yaml does not enable Dapr for the app-id mastery-engine")
    return f"k8s/deployment.yaml: {text.count('dapr.io/')} annotations, enabled, app-id mastery-engine; {delivery_of_manifests(v)}"


def redis_of_cluster(v):
    """(Redis of Dapr's state store, REDIS_URL)"""
    components = v.cluster.get("components.dapr.io")[1]["items"]
    fields = [f for c in components if c["spec"]["type"] == "state.redis" for f in c["spec"]["metadata"]]
    return first(f["value"] for f in fields if f["name"] == "redisHost"), settings_of_cluster(v).get("REDIS_URL", "")


def redis_of_manifests(v):
    component = manifest(v, "dapr").partition("type: state.redis")[2]
    hosts = re.findall(r"- name: redisHost\n *value: *(\S+)", component)
    return first(hosts), first(re.findall(r"(?m)^  REDIS_URL: (.*)$", manifest(v, "configmap")))


def config_redis(v):
    """The engine keeps its state in Redis itself; Dapr's component must be the same Redis."""
    if v.cluster:
        annotations_of_cluster(v)
    store, url = redis_of_cluster(v) if v.cluster else redis_of_manifests(v)
    judge(store and store in url, f'Dapr\'s state store is "{store}", REDIS_URL {url}')
    return f"Dapr's state store and REDIS_URL are both {store}"
