# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifests of k8s/: what Kubernetes would only say when it is too late."""
import base64
import copy
import re
import subprocess
import sys
from pathlib import Path

import pytest
import redis as redis_client
import yaml
from harness.binaries import ROOT, bin_dir, sanitizer_options
from harness.contract import ROWS
from harness.wait import LIMIT_S, wait_for

sys.path.insert(0, str(ROOT / "scripts/lib"))
import kustomize  # noqa: E402

K8S = ROOT / "k8s"
OVERLAYS = ["dev", "production", "cluster", "redis-cluster"]
ENGINE, WORKER, REDIS = "mastery-engine", "mastery-worker", "mastery-redis"
UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def settings_of_engine():
    table = (ROOT / "app/base/config.def").read_text()
    rows = re.findall(r"^(TEXT|SECRET|INT|NUMBER|CHOICE)\((\w+)", table, re.MULTILINE)
    return {name: kind for kind, name in rows}


def settings_of(script):
    """The names that stand in the comment at the top of a script."""
    text = (ROOT / "scripts" / script).read_text()
    head = "\n".join(line for line in text.splitlines() if line.startswith("#   "))
    return set(re.findall(r"\b[A-Z][A-Z_]{3,}\b", head))


@pytest.fixture(scope="module", params=OVERLAYS)
def items(request):
    return {
        (item["kind"], item["metadata"]["name"]): item
        for item in kustomize.build(K8S / "overlays" / request.param)
    }


def workloads(items):
    kinds = ("Deployment", "StatefulSet")
    return [item for (kind, _), item in items.items() if kind in kinds]


def pod_spec(item):
    return item["spec"]["template"]["spec"]


def containers(items):
    return [
        (item, container) for item in workloads(items) for container in pod_spec(item)["containers"]
    ]


def number(quantity):
    """500m, 2, 64Mi as a number."""
    text = str(quantity)
    if text.endswith("m"):
        return int(text[:-1]) / 1000
    return int(text[:-2]) * UNITS[text[-2:]] if text[-2:] in UNITS else float(text)


# ---- that they can be applied ----


def test_top_level_is_what_kubectl_apply_takes():
    """kubectl apply -f k8s/ reads the files of this folder alone, in the order of their names."""
    paths = sorted(path for path in K8S.iterdir() if path.suffix in (".yaml", ".yml", ".json"))
    found = [item for path in paths for item in kustomize.read(path)]
    assert found[0]["kind"] == "Namespace" and found[0]["metadata"]["name"] == "learnflow"
    assert {"Kustomization", "Secret"}.isdisjoint(item["kind"] for item in found)
    base = kustomize.build(K8S / "base")
    dapr = kustomize.read(K8S / "components/dapr/dapr.yaml")
    assert sorted(map(kustomize.identity, found), key=str) == sorted(
        map(kustomize.identity, base + dapr), key=str
    )
    for name in ("configmap.yaml", "deployment.yaml"):  # the checklist names them
        assert (K8S / name).exists()
    # A Deployment before its ServiceAccount has no pod until its controller tries again.
    kinds = [item["kind"] for item in found]
    assert max(kinds.index(kind) for kind in ("ServiceAccount", "ConfigMap")) < kinds.index("Deployment")


def test_each_file_of_a_kustomization_is_there_and_used():
    used = set()
    for path in K8S.rglob("kustomization.yaml"):
        [kustomization] = kustomize.read(path)
        for name in kustomization.get("resources", []) + kustomization.get("components", []):
            assert (path.parent / name).exists(), f"{path}: {name}"
            used.add((path.parent / name).resolve())
        for patch in kustomization.get("patches", []):
            assert (path.parent / patch["path"]).is_file(), f"{path}: {patch}"
            used.add((path.parent / patch["path"]).resolve())
    files = {path.resolve() for path in K8S.rglob("*.yaml") if path.name != "kustomization.yaml"}
    assert files - used == {path.resolve() for path in (K8S / "examples").iterdir()}


def test_a_patch_that_finds_nothing_is_told():
    with pytest.raises(SystemExit, match="finds 0"):
        kustomize.apply_patch([], {"kind": "Service", "metadata": {"name": "x"}})


def test_all_is_in_the_namespace(items):
    for item in items.values():
        if item["kind"] != "Namespace":
            assert item["metadata"]["namespace"] == "learnflow", item["metadata"]


def test_what_was_asked_for_is_there(items):
    wanted = {
        ("Namespace", "learnflow"), ("ConfigMap", f"{ENGINE}-config"), ("Deployment", ENGINE),
        ("Deployment", WORKER), ("Service", ENGINE), ("NetworkPolicy", ENGINE),
        ("ServiceAccount", ENGINE),
    }  # fmt: skip
    assert wanted <= set(items)
    if items["ConfigMap", f"{ENGINE}-config"]["data"]["ENVIRONMENT"] == "production":
        kinds = {kind for kind, _ in items}
        assert {
            "HorizontalPodAutoscaler", "PodDisruptionBudget", "ServiceMonitor", "PrometheusRule", "Component",
            "Resiliency", "Configuration",
        } <= kinds  # fmt: skip


# ---- restricted Pod Security ----


def violations(spec):
    """What the restricted profile has against a pod."""
    pod = spec.get("securityContext", {})
    found = [f"{name} is set" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    allowed = {"configMap", "emptyDir", "secret", "projected", "persistentVolumeClaim"}
    found += [f"volume {v['name']}" for v in spec["volumes"] if not allowed & set(v)]
    for container in spec["containers"]:
        own = container.get("securityContext", {})
        both = {**pod, **own}
        checks = {
            "privilege escalation": own.get("allowPrivilegeEscalation") is False,
            "capabilities": own.get("capabilities") == {"drop": ["ALL"]},
            "root": both.get("runAsNonRoot") is True and both.get("runAsUser", 0) > 0,
            "seccomp": both.get("seccompProfile", {}).get("type") == "RuntimeDefault",
            "root file system": own.get("readOnlyRootFilesystem") is True,
            "privileged": not own.get("privileged"),
            "host port": not any("hostPort" in port for port in container.get("ports", [])),
        }
        found += [f"{container['name']}: {name}" for name, good in checks.items() if not good]
    return found


def test_pods_are_restricted(items):
    labels = items["Namespace", "learnflow"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    for item in workloads(items):
        assert violations(pod_spec(item)) == [], item["metadata"]["name"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda spec: spec["securityContext"].pop("runAsNonRoot"),
        lambda spec: spec["securityContext"].update(runAsUser=0),
        lambda spec: spec["securityContext"].pop("seccompProfile"),
        lambda spec: spec["containers"][0]["securityContext"].pop("allowPrivilegeEscalation"),
        lambda spec: spec["containers"][0]["securityContext"].pop("capabilities"),
        lambda spec: spec["containers"][1]["securityContext"].update(runAsUser=0),
        lambda spec: spec["volumes"].append({"name": "x", "hostPath": {"path": "/"}}),
        lambda spec: spec.update(hostNetwork=True),
    ],
)
def test_what_is_not_restricted_is_seen(spoil):
    [item] = [item for item in kustomize.read(K8S / "base/deployment.yaml")]
    spec = copy.deepcopy(pod_spec(item))
    spoil(spec)
    assert violations(spec)


def test_no_pod_has_a_token_for_the_api(items):
    for item in workloads(items):
        assert pod_spec(item)["automountServiceAccountToken"] is False
        account = items["ServiceAccount", pod_spec(item)["serviceAccountName"]]
        assert account["automountServiceAccountToken"] is False


def test_redis_comes_after_what_its_pod_needs():
    """docs/kubernetes.md applies this file alone, in its order: no pod is created before its account."""
    kinds = [item["kind"] for item in kustomize.read(K8S / "components/redis/redis.yaml")]
    assert max(kinds.index(kind) for kind in ("ServiceAccount", "ConfigMap")) < kinds.index("StatefulSet")


# ---- resources ----


def test_limits_of_the_checklist(items):
    """Under 500m and 512Mi for a pod, Dapr's sidecar included."""
    for item in workloads(items):
        found = {"cpu": 0.0, "memory": 0.0}
        for container in pod_spec(item)["containers"]:
            limits, requests = (container["resources"][name] for name in ("limits", "requests"))
            for name in found:
                assert number(requests[name]) <= number(limits[name])
                found[name] += number(limits[name])
        notes = item["spec"]["template"]["metadata"].get("annotations", {})
        if notes.get("dapr.io/enabled") == "true":
            for name in found:
                found[name] += number(notes[f"dapr.io/sidecar-{name}-limit"])
        assert found["cpu"] < 0.5 and found["memory"] < 512 * 2**20, (item["metadata"], found)


def test_memory_volumes_are_bounded_and_fit_into_their_containers(items):
    """What is written there counts as memory of the container."""
    for item in workloads(items):
        spec = pod_spec(item)
        sizes = {v["name"]: v["emptyDir"] for v in spec["volumes"] if "emptyDir" in v}
        for volume in sizes.values():
            assert volume["medium"] == "Memory" and number(volume["sizeLimit"]) > 0
        for container in spec["containers"]:
            names = [m["name"] for m in container["volumeMounts"] if m["name"] in sizes]
            total = sum(number(sizes[name]["sizeLimit"]) for name in names)
            assert total < number(container["resources"]["limits"]["memory"]) * 0.6


# ---- settings ----


def test_settings_are_known_and_none_is_secret(items):
    engine = settings_of_engine()
    known = set(engine) | settings_of("render-nginx") | settings_of("serve-pool")
    known |= settings_of("pre-stop")
    data = items["ConfigMap", f"{ENGINE}-config"]["data"]
    assert set(data) <= known, set(data) - known
    assert not [name for name in data if engine.get(name) == "SECRET"]
    assert all(isinstance(value, str) for value in data.values()), "ConfigMaps hold texts"


def test_what_the_engine_needs_is_set(items):
    """Every setting that the pods cannot do without, in each container that is an engine."""
    data = items["ConfigMap", f"{ENGINE}-config"]["data"]
    assert {"ENVIRONMENT", "LOG_LEVEL", "REDIS_URL", "DAPR_HTTP_PORT", "PORT"} <= set(data)
    for item, container in containers(items):
        if container["command"][0] in ("serve-pool", "mastery-worker"):
            given = {entry["name"]: entry["value"] for entry in container["env"]}
            assert {"JWT_SECRET_FILE", "REDIS_PASSWORD_FILE", "METRICS_FILE"} <= set(given)
            known = settings_of_engine()
            for name in given:
                assert name.removesuffix("_FILE") in known or name in known | {"POOL_SIZE": ""}


@pytest.mark.parametrize(
    "container, program", [("app", "mastery-fcgi"), ("metrics", "mastery-fcgi"), ("worker", "mastery-worker")]
)
def test_the_engine_takes_the_settings(items, tmp_path, container, program):
    """They are given to the built binary as the pod would."""
    data = dict(items["ConfigMap", f"{ENGINE}-config"]["data"])
    for name in kustomize.read(K8S / "examples/secrets.yaml")[0]["stringData"]:
        (tmp_path / name).write_text("0123456789" * 4)
    [found] = [entry for _, entry in containers(items) if entry["name"] == container]
    for entry in found["env"]:
        folder = r"^/(etc/mastery-engine/secrets|run/mastery-metrics)\b"
        data[entry["name"]] = re.sub(folder, str(tmp_path), entry["value"])
    catalogue = {"RECOMMENDATIONS_FILE": str(ROOT / "conf/recommendations.json")}
    result = subprocess.run(
        [str(bin_dir() / program), "--check"], env={**data, **catalogue, **sanitizer_options()},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("workload", [ENGINE, "mastery-worker"])
def test_nginx_takes_the_settings(items, tmp_path, workload):
    [own] = [
        container.get("env", []) for item, container in containers(items)
        if container["command"][0] == "serve-nginx" and item["metadata"]["name"] == workload
    ]  # fmt: skip
    data = items["ConfigMap", f"{ENGINE}-config"]["data"] | {e["name"]: e["value"] for e in own}
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "FCGI_SOCKET": "/run/mastery-engine/engine.sock",
        "NGINX_RUNTIME_DIR": str(tmp_path), "MASTERY_CTL": str(bin_dir() / "mastery-ctl"),
        "NGINX_WORKERS": "2",  # serve-nginx
        **data, "NGINX_REFUSALS_DIR": str(tmp_path / "refusals"),
    }  # fmt: skip
    assert data["NGINX_REFUSALS_DIR"] == "/run/mastery-engine/refusals", "in the folder that both containers have"
    subprocess.run(
        [str(ROOT / "scripts/render-nginx"), str(tmp_path / "conf")], env=environment, check=True
    )
    listening = (tmp_path / "conf/nginx.conf").read_text()
    assert "listen 127.0.0.1:8006" in listening
    # The kubelet's probe goes to the pod's first address, which may be one of IPv6.
    assert "listen 0.0.0.0:8005" in listening and "listen [::]:8005" in listening


def test_nginx_has_the_memory_that_its_limits_are_checked_against(items):
    """render-nginx refuses limits that could exceed it."""
    common = items["ConfigMap", f"{ENGINE}-config"]["data"]
    for item, container in containers(items):
        if container["command"][0] != "serve-nginx":
            continue
        own = {entry["name"]: entry["value"] for entry in container.get("env", [])}
        data = {**common, **own}
        assert int(data["NGINX_MEMORY_MIB"]) * 2**20 <= number(container["resources"]["limits"]["memory"])
        [mount] = [m for m in container["volumeMounts"] if m["mountPath"] == "/run/mastery-nginx"]
        [volume] = [v for v in pod_spec(item)["volumes"] if v["name"] == mount["name"]]
        assert number(volume["emptyDir"]["sizeLimit"]) == int(data["NGINX_TEMP_MIB"]) * 2**20


def test_secrets_are_files_of_the_secret(items):
    keys = set(kustomize.read(K8S / "examples/secrets.yaml")[0]["stringData"])
    for item, container in containers(items):
        for entry in container.get("env", []):
            if "secrets/" in entry.get("value", ""):
                assert entry["value"].rpartition("/")[2] in keys, entry
                mounts = {m["mountPath"]: m for m in container["volumeMounts"]}
                mount = mounts[entry["value"].rpartition("/")[0]]
                assert mount["readOnly"] is True
    for item in workloads(items):
        for volume in pod_spec(item)["volumes"]:
            if "secret" in volume:
                assert volume["secret"]["secretName"] == f"{ENGINE}-secrets"
                assert volume["secret"]["defaultMode"] == 0o440


def test_nothing_secret_stands_in_the_manifests():
    for path in K8S.rglob("*.yaml"):
        for item in kustomize.read(path):
            if item["kind"] == "Secret":
                assert path.parent.name == "examples"
                assert set(item["stringData"].values()) == {"change me"}
        assert not re.search(r"(?i)(password|secret|token): *[0-9a-f]{16}", path.read_text())


def test_secrets_are_made_at_random():
    made = [
        yaml.safe_load(subprocess.check_output([str(ROOT / "scripts/make-k8s-secrets")]))
        for _ in range(2)
    ]
    [example] = kustomize.read(K8S / "examples/secrets.yaml")
    for secret in made:
        assert secret["metadata"]["name"] == f"{ENGINE}-secrets"
        assert secret["metadata"]["namespace"] == "learnflow"
        assert set(secret["data"]) == set(example["stringData"])
    values = [base64.b64decode(text) for secret in made for text in secret["data"].values()]
    assert len(set(values)) == len(values) and all(len(value) == 64 for value in values)


EXISTING = """#!/bin/sh
echo "$@" >>"$0.calls"
echo '{found}'
exit {status}
"""


@pytest.mark.parametrize(
    "found, status, refused",
    [
        ("secret/mastery-engine-secrets", 0, True),
        ('Error from server (Forbidden): secrets "x" is forbidden: User "viewer" cannot get resource "secrets"', 1, True),
        ("", 0, False),
        ("The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?", 1, False),
    ],
)
def test_secrets_in_use_are_not_replaced_unless_told(tmp_path, found, status, refused):
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(EXISTING.format(found=found, status=status))
    kubectl.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    make = lambda *options: subprocess.run(
        [ROOT / "scripts/make-k8s-secrets", *options], env=environment, capture_output=True, text=True, check=False
    )
    result = make()
    assert (result.returncode, result.stdout == "") == ((1, True) if refused else (0, False))
    assert ("--replace" in result.stderr) == refused
    assert "-n learnflow get secret mastery-engine-secrets" in (tmp_path / "kubectl.calls").read_text()
    assert len(yaml.safe_load(make("--replace").stdout)["data"]) == 5


def serves(client):
    """A wrong password raises: the server is there."""
    try:
        return client.ping()
    except redis_client.exceptions.AuthenticationError:
        raise
    except redis_client.exceptions.ConnectionError:  # the socket is not there, or nothing listens at it yet
        return False


@pytest.mark.parametrize("password", ["plain", "two words", "quote\"s and 'quotes'", "back\\slash # no comment", "$(id) `id` %s"])
def test_redis_takes_any_password(tmp_path, password):
    """The container's command writes the password into a file of redis.conf's form, and starts redis-server."""
    redis = {(i["kind"]): i for i in kustomize.read(K8S / "components/redis/redis.yaml")}
    [container] = pod_spec(redis["StatefulSet"])["containers"]
    (tmp_path / "REDIS_PASSWORD").write_text(f"{password}\n")
    socket = tmp_path / "redis.sock"
    (tmp_path / "redis.conf").write_text(f"include {tmp_path}/password.conf\nport 0\nunixsocket {socket}\nsave ''\n")
    *shell, script = container["command"]
    for folder in ("/etc/redis-secrets", "/run/redis", "/etc/redis"):
        script = script.replace(f"{folder}/", f"{tmp_path}/")
    with subprocess.Popen([*shell, script], stdout=subprocess.DEVNULL, cwd=tmp_path) as server:
        try:
            client = redis_client.Redis(unix_socket_path=str(socket), password=password)
            wait_for(lambda: server.poll() is not None or serves(client), "Redis serving")
            assert server.poll() is None and client.ping()
        finally:
            server.kill()


def test_the_prometheus_operator_has_the_rules_of_conf():
    made = subprocess.check_output([ROOT / "scripts/make-prometheus-rule"], text=True)
    wanted = "run scripts/make-prometheus-rule >k8s/components/prometheus/rules.yaml"
    assert (K8S / "components/prometheus/rules.yaml").read_text() == made, wanted
    groups = yaml.safe_load(made)["spec"]["groups"]
    files = [ROOT / "conf/prometheus" / f"{name}.yml" for name in ("recording", "alerts")]
    assert groups == [group for path in files for group in yaml.safe_load(path.read_text())["groups"]]


# ---- what belongs together ----


def labels_of(item):
    return item["spec"]["template"]["metadata"]["labels"]


def selected(items, selector):
    wanted = selector.get("matchLabels", selector)
    return [item for item in workloads(items) if wanted.items() <= labels_of(item).items()]


def test_selectors_find_their_pods(items):
    for item in workloads(items):
        assert selected(items, item["spec"]["selector"]) == [item]
    for (kind, name), item in items.items():
        if kind == "Service":
            [found] = selected(items, item["spec"]["selector"])
            assert found["metadata"]["name"] == name
        if kind == "PodDisruptionBudget":
            [found] = selected(items, item["spec"]["selector"])
            assert found["metadata"]["name"] == ENGINE and item["spec"]["minAvailable"] >= 1
        if kind == "ServiceMonitor":
            wanted = item["spec"]["selector"]["matchLabels"]
            assert wanted.items() <= items["Service", ENGINE]["metadata"]["labels"].items()
        if kind == "PodMonitor":
            assert selected(items, item["spec"]["selector"])


def test_ports_lead_to_containers(items):
    for (kind, name), item in items.items():
        if kind != "Service":
            continue
        [workload] = selected(items, item["spec"]["selector"])
        ports = {
            port["name"]: port["containerPort"]
            for container in pod_spec(workload)["containers"]
            for port in container.get("ports", [])
        }
        for port in item["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"]
    data = items["ConfigMap", f"{ENGINE}-config"]["data"]
    service = items["Service", ENGINE]["spec"]
    assert service["type"] == "ClusterIP" and service["ports"][0]["port"] == 8005
    assert data["PORT"] == "8005"
    notes = items["Deployment", ENGINE]["spec"]["template"]["metadata"]["annotations"]
    assert notes["dapr.io/app-port"] == data["DAPR_PORT"]


def test_redis_is_where_the_engine_and_dapr_look_for_it(items):
    data = items["ConfigMap", f"{ENGINE}-config"]["data"]
    hosts, rest = re.fullmatch(r"redis://([\w.:,-]+:\d+)/(\d+|\?cluster)", data["REDIS_URL"]).groups()
    if ("Service", REDIS) in items:
        assert hosts == f"{REDIS}:6379"
    for name in ("statestore", "pubsub"):
        if ("Component", name) in items:
            entries = {e["name"]: e for e in items["Component", name]["spec"]["metadata"]}
            assert entries["redisHost"]["value"] == hosts
            assert entries.get("redisType", {}).get("value") == ("cluster" if rest == "?cluster" else None)
            assert entries["redisPassword"]["secretKeyRef"] == {
                "name": f"{ENGINE}-secrets", "key": "REDIS_PASSWORD",
            }  # fmt: skip
            assert items["Component", name]["scopes"] == [ENGINE, WORKER]


def test_the_engine_takes_the_address_of_redis(items):
    data = items["ConfigMap", f"{ENGINE}-config"]["data"]
    settings = {"JWT_SECRET": "x" * 40, "AUDIT_KEY": "y" * 40, "REDIS_URL": data["REDIS_URL"], **sanitizer_options()}
    settings["RECOMMENDATIONS_FILE"] = str(ROOT / "conf/recommendations.json")
    command = [bin_dir() / "mastery-fcgi", "--check"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, env=settings, check=False)
    assert result.returncode == 0, result


def test_one_image_for_all_containers(items):
    images = {c["image"] for item, c in containers(items) if item["metadata"]["name"] != REDIS}
    [image] = images
    version = (ROOT / "VERSION").read_text().strip()
    assert image.endswith(f":{version}")


def test_commands_are_in_the_image(items):
    dockerfile = (ROOT / "Dockerfile").read_text()
    for item, container in containers(items):
        if item["metadata"]["name"] == REDIS:
            continue
        commands = [container["command"]]
        for name in ("startupProbe", "livenessProbe", "readinessProbe"):
            commands.append(container.get(name, {}).get("exec", {}).get("command"))
        hook = container.get("lifecycle", {}).get("preStop", {}).get("exec", {})
        commands.append(hook.get("command"))
        for command in filter(None, commands):
            name = Path(command[0]).name
            assert name == "mastery-worker" or f"scripts/{name}" in dockerfile, command
            if name != "mastery-worker":
                assert (ROOT / "scripts" / name).stat().st_mode & 0o111


# ---- probes and the end of a pod ----


def container_of(items, workload, name):
    [found] = [c for c in pod_spec(items["Deployment", workload])["containers"] if c["name"] == name]
    return found


def test_probes(items):
    app = container_of(items, ENGINE, "app")
    start, live, ready = (app[f"{name}Probe"] for name in ("startup", "liveness", "readiness"))
    assert start["exec"]["command"] == ["./scripts/k8s-startup-probe.sh"]
    assert live["exec"]["command"] == ["./scripts/health-check.sh", "liveness"]
    assert ready["exec"]["command"] == ["./scripts/health-check.sh", "readiness"]
    assert start["periodSeconds"] * start["failureThreshold"] == 120
    assert live["failureThreshold"] >= 3 and live["timeoutSeconds"] > 3
    # Redis that is away for a moment must not take all pods out of the Service (hazards K3).
    assert ready["periodSeconds"] * ready["failureThreshold"] >= 30
    # nginx does not end because the pool does not answer.
    assert container_of(items, ENGINE, "nginx")["livenessProbe"]["tcpSocket"] == {"port": "http"}


def test_a_pod_that_goes_serves_until_nobody_comes(items):
    data = items["ConfigMap", f"{ENGINE}-config"]["data"]
    spec = pod_spec(items["Deployment", ENGINE])
    for name, kind in (("app", "pool"), ("nginx", "nginx")):
        hook = container_of(items, ENGINE, name)["lifecycle"]["preStop"]
        assert hook["exec"]["command"] == ["./scripts/pre-stop", kind]
    longest = int(data["PRE_STOP_SECONDS"]) + 13 + int(data["DRAIN_TIMEOUT_S"])
    assert spec["terminationGracePeriodSeconds"] > longest
    text = (ROOT / "scripts/pre-stop").read_text()
    assert "PRE_STOP_SECONDS + 13" in text
    strategy = items["Deployment", ENGINE]["spec"]["strategy"]["rollingUpdate"]
    assert strategy["maxUnavailable"] == 0 and strategy["maxSurge"] >= 1
    assert pod_spec(items["Deployment", WORKER])["terminationGracePeriodSeconds"] > int(
        data["DRAIN_TIMEOUT_S"]
    )


def test_autoscaler_and_budget_leave_room_to_drain(items):
    if ("HorizontalPodAutoscaler", ENGINE) not in items:
        assert items["Deployment", ENGINE]["spec"]["replicas"] == 1
        return
    scaler = items["HorizontalPodAutoscaler", ENGINE]["spec"]
    assert scaler["scaleTargetRef"]["name"] == ENGINE
    assert "replicas" not in items["Deployment", ENGINE]["spec"], "the autoscaler's to say"
    budget = items["PodDisruptionBudget", ENGINE]["spec"]["minAvailable"]
    assert 1 <= budget < scaler["minReplicas"] < scaler["maxReplicas"]
    # A pod that never becomes ready, as with an image that cannot be pulled, must not block the drain of its node.
    assert items["PodDisruptionBudget", ENGINE]["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_a_node_that_takes_no_pods_is_no_zone_without_pods(items):
    """Otherwise a drained node alone in its zone keeps every new pod pending (DoNotSchedule)."""
    for item in workloads(items):
        for constraint in pod_spec(item).get("topologySpreadConstraints", []):
            if constraint["whenUnsatisfiable"] == "DoNotSchedule":
                assert constraint["nodeTaintsPolicy"] == "Honor"


def test_a_worker_that_cannot_start_stops_the_rollout(items):
    """It exits within two seconds, and would count as available in between."""
    spec = items["Deployment", WORKER]["spec"]
    worker = container_of(items, WORKER, "worker")
    assert spec["minReadySeconds"] == 15
    assert worker["readinessProbe"]["exec"]["command"] == ["./scripts/health-check.sh", "worker"]
    given = {entry["name"]: entry["value"] for entry in worker["env"]}
    assert str(Path(given["ALIVE_FILE"]).parent) in [m["mountPath"] for m in worker["volumeMounts"]]


# ---- network ----


def test_nothing_but_what_is_needed_is_reached(items):
    policy = items["NetworkPolicy", ENGINE]["spec"]
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    inward = {port["port"] for rule in policy["ingress"] for port in rule["ports"]}
    assert 8005 in inward and 8006 not in inward, "the sidecar's port is for the pod alone"
    for rule in policy["ingress"] + policy["egress"]:
        assert rule["ports"] and (rule.get("from") or rule.get("to"))
    callbacks = items["NetworkPolicy", "mastery-worker-callbacks"]["spec"]
    blocks = {p["ipBlock"]["cidr"]: p["ipBlock"].get("except") for rule in callbacks["egress"] for p in rule["to"]}
    assert set(blocks) == {"0.0.0.0/0", "2000::/3"}, "of IPv6 the public addresses alone"
    assert "169.254.0.0/16" in blocks["0.0.0.0/0"], "the cloud's metadata"
    if ("NetworkPolicy", REDIS) in items:
        spec = items["NetworkPolicy", REDIS]["spec"]
        # The server drops an empty list: the manifest would differ from what it stores for ever.
        assert "Egress" in spec["policyTypes"] and "egress" not in spec


# ---- Dapr ----


def test_dapr_annotations_say_what_the_engine_says(items):
    notes = items["Deployment", ENGINE]["spec"]["template"]["metadata"]["annotations"]
    assert all(isinstance(value, str) for value in notes.values())
    assert notes["dapr.io/app-id"] == ENGINE and notes["dapr.io/app-protocol"] == "http"
    assert notes["dapr.io/app-health-check-path"] == "/health"
    assert notes["dapr.io/app-token-secret"] == f"{ENGINE}-secrets", "whose key token Dapr reads"
    data = items["ConfigMap", f"{ENGINE}-config"]["data"]
    if notes["dapr.io/enabled"] == "true":
        assert data["DAPR_HTTP_PORT"] == "3500"
        assert ("Component", data["DAPR_PUBSUB"]) in items
        assert ("Configuration", notes["dapr.io/config"]) in items
    else:
        assert data["DAPR_HTTP_PORT"] == "0"


def test_callers_through_dapr_are_listed(items):
    if ("Configuration", ENGINE) not in items:
        return
    control = items["Configuration", ENGINE]["spec"]["accessControl"]
    assert control["defaultAction"] == "deny" and control["policies"]
    for policy in control["policies"]:
        assert policy["defaultAction"] == "deny"


def operations_of_routes():
    command = [bin_dir() / "mastery-ctl", "dapr-operations"]
    output = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=True, env=sanitizer_options()).stdout
    return yaml.safe_load(output)


def allowed(policy, method, path):
    """As Dapr 1.18 decides (pkg/config/acl_trie.go, pkg/acl/acl.go): the shortest operation that the path
    begins with, whole segments compared, decides; a method that it lacks gets the default action."""
    actions = {operation["name"].lower(): operation for operation in policy["operations"]}
    parts = path.lower().split("/")
    for end in range(2, len(parts) + 1):
        found = actions.get("/".join(parts[:end]))
        if found:
            return method in found["httpVerb"] and found["action"] == "allow"
    return policy["defaultAction"] == "allow"


def test_callers_through_dapr_may_use_each_path_of_the_service_invocation_and_no_other():
    """A path or method that the policy lacks is 403 at the caller (hazards Y11)."""
    [configuration] = dapr_items("Configuration")
    for policy in configuration["spec"]["accessControl"]["policies"]:
        for row in ROWS:
            for path in row.paths:
                invocation = re.match(r"(/api/v1)?/process\b", path) is not None
                assert allowed(policy, row.method, path) == invocation, (row.method, path)
        wanted = "replace them by the output of mastery-ctl dapr-operations"
        assert policy["operations"] == operations_of_routes(), wanted


def dapr_items(kind, path="components/dapr/dapr.yaml"):
    return [item for item in kustomize.read(K8S / path) if item["kind"] == kind]


def test_no_event_is_lost_however_long_the_engine_asks_for_another_delivery():
    """When an inbound policy ends, Dapr acknowledges the event (hazards Y2)."""
    [resiliency] = dapr_items("Resiliency")
    pubsubs = [i["metadata"]["name"] for i in dapr_items("Component") if "pubsub" in i["spec"]["type"]]
    assert pubsubs and ENGINE in resiliency["scopes"]
    for pubsub in pubsubs:
        inbound = resiliency["spec"]["targets"]["components"][pubsub]["inbound"]
        policy = resiliency["spec"]["policies"]["retries"][inbound["retry"]]
        assert policy["maxRetries"] == -1, "the policy ends"
        assert policy["policy"] == "constant", "Dapr ends an exponential one after 15 minutes, -1 or not"
        assert "circuitBreaker" not in inbound, "an open circuit ends the delivery"


def test_an_overlay_with_a_subscription_has_the_policy_for_it(items):
    """The engine's sidecar subscribes to the component DAPR_PUBSUB wherever it is enabled."""
    notes = items["Deployment", ENGINE]["spec"]["template"]["metadata"]["annotations"]
    if notes["dapr.io/enabled"] != "true":
        return
    pubsub = items["ConfigMap", f"{ENGINE}-config"]["data"]["DAPR_PUBSUB"]
    resiliency = items["Resiliency", ENGINE]
    assert "retry" in resiliency["spec"]["targets"]["components"][pubsub]["inbound"]
    assert ENGINE in resiliency["scopes"]


def test_policy_for_calls_of_the_engine_is_the_callers():
    """A sidecar applies targets.apps to what its own app calls: the engine's has no use for it, and a
    timeout shorter than nginx's (12 s) would hide the engine's 504 (hazards Y8)."""
    for item in dapr_items("Resiliency"):
        assert "apps" not in item["spec"]["targets"]
    [example] = dapr_items("Resiliency", "examples/dapr-caller.yaml")
    assert not {ENGINE, WORKER} & set(example["scopes"])
    timeout = example["spec"]["targets"]["apps"][ENGINE]["timeout"]
    assert int(example["spec"]["policies"]["timeouts"][timeout].removesuffix("s")) > 12


def test_subscription_is_the_one_that_the_engine_announces():
    """Dapr uses one subscription of an app for a topic: a manifest beside it has no effect (hazards Y7)."""
    kinds = {item["kind"] for path in K8S.rglob("*.yaml") for item in kustomize.read(path)}
    assert "Configuration" in kinds and "Subscription" not in kinds
