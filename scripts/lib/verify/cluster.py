# SPDX-License-Identifier: GPL-3.0-or-later
"""The deployment as kubectl, or podman for a single pod, shows it."""
import os
import shutil

from verify.local import ROOT, parse_json, run_program
from verify.outcome import Failed, ForPerson


class Cluster:
    """False where kubectl reaches no cluster with the namespace; then `missing` says why."""

    def __init__(self, namespace):
        self.namespace, self.missing = namespace, ""
        if not shutil.which("kubectl"):
            self.missing = "no kubectl here"
        elif self.run("get", "namespace", namespace, "-o", "name")[0] != 0:
            self.missing = f"kubectl reaches no namespace {namespace} from here"

    def __bool__(self):
        return not self.missing

    def run(self, *arguments):
        """(exit status, standard output, last line of standard error)"""
        return run_program("kubectl", "--request-timeout=10s", "-n", self.namespace, *arguments)

    def require(self, command):
        """ForPerson with the command to run, where there is no cluster."""
        if not self:
            raise ForPerson(f"{command} ({self.missing})")

    def get(self, *what):
        """(description, object) of kubectl get."""
        command = f"kubectl get {' '.join(what)}"
        self.require(f"{command} -n {self.namespace}")
        status, output, error = self.run("get", *what, "-o", "json")
        if status != 0:
            raise Failed(f"{command}: {error}")
        return command, parse_json(output)


def podman_command():
    """That of the tree, which knows where scripts/pod keeps its images; PODMAN names another."""
    own = ROOT / "scripts/lib/podman"
    return [os.environ.get("PODMAN") or (str(own) if os.access(own, os.X_OK) else "podman")]


def podman_pod(podman, name):
    """(description, pod) in the form of kubectl get pods, as far as podman has it."""
    _, ids, error = run_program(*podman, "ps", "--all", "--quiet", "--filter", f"pod={name}")
    found = None
    if ids:
        _, output, error = run_program(*podman, "inspect", *ids.split())
        found = parse_json(output)
    if not found:
        raise Failed(f"podman knows no pod {name}: {error}")
    statuses = [
        {
            "name": container["Name"].removeprefix(f"{name}-"),
            "ready": container["State"]["Running"],
            "restartCount": container["RestartCount"],
        }
        for container in found
        if not container["IsInfra"]
    ]
    phase = "Running" if statuses and all(status["ready"] for status in statuses) else "Failed"
    pod = {"metadata": {"name": name}, "spec": {"containers": statuses}}
    return f"podman pod {name}", {"items": [pod | {"status": {"containerStatuses": statuses, "phase": phase}}]}
