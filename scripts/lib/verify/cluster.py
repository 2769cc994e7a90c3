# SPDX-License-Identifier: GPL-3.0-or-later
"""The deployment as kubectl, or podman for a single pod, shows it."""
import os
import re
import shutil
from functools import cached_property

from verify.local import ROOT, parse_json, run_program
from verify.outcome import Failed, ForPerson, NotFound, same_commit

ENGINE_PODS = ("-l", "app=mastery-engine")
ALL_PODS = ("-l", "app in (mastery-engine,mastery-worker)")
DENIED = re.compile(r'cannot (\w+) resource "([^"]+)"(?: in API group "([^"]*)")?')
LOG_LINES = 2000  # the last ones of a container's log
ABSENT = re.compile(r"\(NotFound\)|the server doesn't have a resource type")


class Cluster:
    """False where kubectl reaches no cluster with the namespace; then `missing` says why. url and commit are those
    of the deployment that is verified: its pods must run that commit."""

    def __init__(self, namespace, url, commit):
        self.namespace, self.url, self.commit, self.missing = namespace, url, commit, ""
        if not shutil.which("kubectl"):
            self.missing = "no kubectl here"
            return
        status, _, error = self.run("get", "namespace", namespace, "-o", "name")
        # Who has rights in the namespace alone is refused the namespace itself.
        if status != 0 and not DENIED.search(error):
            self.missing = f"kubectl reaches no namespace {namespace} from here"

    def __bool__(self):
        return not self.missing

    def run(self, *arguments):
        """(exit status, standard output, last line of standard error)"""
        return run_program("kubectl", "--request-timeout=10s", "-n", self.namespace, *arguments)

    def outcome_of(self, command, error):
        """The exception for a command that failed: a right that the user lacks says nothing of the deployment."""
        if denied := DENIED.search(error):
            verb, resource, group = denied.groups()
            right = f"{verb} {resource}{f'.{group}' if group else ''}"
            return ForPerson(f"{command}: this kubectl's user lacks the right to {right} in {self.namespace}")
        return (NotFound if ABSENT.search(error) else Failed)(f"{command}: {error}")

    @cached_property
    def running_commit(self):
        """(commit that a pod runs, None), or ("", the exception that says why it is not known)"""
        command = ("exec", "deployment/mastery-engine", "-c", "app", "--", "mastery-ctl", "--version")
        status, output, error = self.run(*command)
        commit = re.search(r"\((\S+)\)", output)
        if status == 0 and commit:
            return commit[1], None
        return "", self.outcome_of(f"kubectl {' '.join(command)}", error or output.strip())

    def same_commit(self):
        """Whether a pod runs the commit of the deployment, or which is not known."""
        commit = self.running_commit[0]
        return not commit or commit == self.commit or same_commit(commit, self.commit)

    def require(self, command):
        """ForPerson with the command to run, where there is no cluster; Failed if it is another deployment's."""
        if not self:
            raise ForPerson(f"{command} -n {self.namespace} ({self.missing})")
        if not self.same_commit():
            raise Failed(
                f"{self.url} does not lead to the pods in {self.namespace}: it answers with commit "
                f"{self.commit or 'unknown'}, they run {self.running_commit[0]}"
            )

    def output(self, *arguments):
        """(description, standard output) of a kubectl command that must succeed."""
        command = f"kubectl {' '.join(arguments)}"
        self.require(command)
        status, output, error = self.run(*arguments)
        if status != 0:
            raise self.outcome_of(command, error or output.strip())
        return command, output

    def get(self, *what):
        """(description, object) of kubectl get."""
        _, output = self.output("get", *what, "-o", "json")
        return f"kubectl get {' '.join(what)}", parse_json(output)

    def log_lines(self, *containers):
        """The last lines of these containers in all pods, the worker's too. A container that has not started has no
        log: its error is a line without the prefix."""
        options = ("--all-containers", "--prefix", "--ignore-errors", f"--tail={LOG_LINES}")
        _, output = self.output("logs", *ALL_PODS, *options)
        return re.findall(rf"(?m)^\[pod/[^/\]]+/(?:{'|'.join(containers)})\] (.*)", output)


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
