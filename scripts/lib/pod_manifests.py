# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifests of an overlay in the form that `podman kube play` needs on one host.

    pod_manifests.py NAME SECRET_FILE [SETTING=VALUE]...     prints them
    pod_manifests.py --redis-conf                            prints the overlay's redis.conf

Names get "-NAME" appended, because podman's volumes and secrets belong to the host; settings are added to the
ConfigMap; pods are in the host's network, so the worker's two ports are the engine's plus two. The rest is as
Kubernetes gets it. RESTART_POLICY is that of the pods.
"""
import base64
import os
import sys
from pathlib import Path

import yaml

import kustomize

ROOT = Path(__file__).resolve().parents[2]
DEPLOYMENTS = ("mastery-engine", "mastery-worker")
CONFIG = "mastery-engine-config"


def pod_name(item, name):
    return f"{item['metadata']['name'].removeprefix('mastery-')}-{name}"


def adapt_container(container, pod):
    container.pop("ports", None)  # none are mapped in the host's network
    for entry in container["envFrom"]:
        entry["configMapRef"]["name"] += f"-{pod}"
    for mount in container["volumeMounts"]:
        mount["name"] += f"-{pod}"


def adapt_deployment(item, name):
    pod, spec = pod_name(item, name), item["spec"]["template"]["spec"]
    item["metadata"]["name"] += f"-{name}"
    spec["restartPolicy"] = os.environ.get("RESTART_POLICY", "Always")
    for volume in spec["volumes"]:
        volume["name"] += f"-{pod}"
        if "secret" in volume:
            volume["secret"]["secretName"] += f"-{name}"
    for container in spec["containers"]:
        adapt_container(container, pod)


def config_of(config, deployment, name, settings):
    """A ConfigMap for each pod: in this version of podman it takes precedence over a container's own `env`."""
    values = {**config["data"], **settings}
    if deployment["metadata"]["name"] == "mastery-worker":
        for port in ("PORT", "DAPR_PORT"):
            values[port] = str(int(values[port]) + 2)
    metadata = {"name": f"{CONFIG}-{pod_name(deployment, name)}"}
    return {**config, "metadata": metadata, "data": values}


def adapt_secret(secret, name):
    """This version of podman does not decode a Secret's data: it gets the decoded value, which must be valid
    base64 itself (letters and digits, four by four)."""
    secret["metadata"]["name"] += f"-{name}"
    for key, text in secret["data"].items():
        value = base64.b64decode(text)
        if base64.b64encode(base64.b64decode(value, validate=True)) != value:
            raise SystemExit(f"pod: the secret {key} must consist of letters and digits, in groups of four")
        secret["data"][key] = value.decode()
    return secret


def overlay_objects(overlay):
    return {(item["kind"], item["metadata"]["name"]): item for item in kustomize.build(ROOT / "k8s/overlays" / overlay)}


def adapted(name, secret, settings, overlay="dev"):
    named = overlay_objects(overlay)
    yield adapt_secret(secret, name)
    for deployment in (named["Deployment", wanted] for wanted in DEPLOYMENTS):
        yield config_of(named["ConfigMap", CONFIG], deployment, name, settings)
        adapt_deployment(deployment, name)
        yield deployment


def redis_conf(overlay="dev"):
    return overlay_objects(overlay)["ConfigMap", "mastery-redis"]["data"]["redis.conf"]


def main(name, secret_file, *settings):
    [secret] = kustomize.read(Path(secret_file))
    settings = dict(setting.split("=", 1) for setting in settings)
    yaml.safe_dump_all(adapted(name, secret, settings), sys.stdout, sort_keys=False)


if __name__ == "__main__":
    if sys.argv[1:] == ["--redis-conf"]:
        print(redis_conf())
    else:
        main(*sys.argv[1:])
