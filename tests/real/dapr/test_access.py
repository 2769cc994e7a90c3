# SPDX-License-Identifier: GPL-3.0-or-later
"""Access control by the shipped policy, with certificates of sentry: one application may call the operations of the
contract and no others, another none."""
import json
import subprocess

import pytest
import yaml
from conftest import shipped
from harness.ports import free_port
from harness.wait import wait_for

NAMESPACE = "learnflow"


class Sentry:
    """Gives each sidecar a certificate in its name."""

    def __init__(self, programs, folder):
        self.port, self.folder, self.credentials = free_port(), folder, folder / "credentials"
        self.credentials.mkdir()
        (folder / "sentry.yaml").write_text(yaml.safe_dump(
            {"apiVersion": "dapr.io/v1alpha1", "kind": "Configuration", "metadata": {"name": "s"}, "spec": {}}))  # fmt: skip
        self.command = [
            programs / "sentry", "--mode", "standalone", "--port", str(self.port), "--listen-address", "127.0.0.1",
            "--healthz-port", str(free_port()), "--healthz-listen-address", "127.0.0.1", "--enable-metrics=false",
            "--issuer-credentials", self.credentials, "--config", folder / "sentry.yaml",
        ]  # fmt: skip

    def __enter__(self):
        with (self.folder / "sentry.log").open("wb") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        wait_for((self.credentials / "ca.crt").is_file, f"sentry's authority, see {self.folder}/sentry.log")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def options(self):
        """Of a sidecar that gets its certificate here."""
        return {
            "options": ["--enable-mtls", "--sentry-address", f"127.0.0.1:{self.port}"],
            "environment": {"NAMESPACE": NAMESPACE, "DAPR_TRUST_ANCHORS": (self.credentials / "ca.crt").read_text()},
        }


@pytest.fixture
def sentry(programs, tmp_path):
    with Sentry(programs, tmp_path) as running:
        yield running


def operations():
    """(path, method) of each operation that the shipped policy allows."""
    [policy] = shipped("Configuration")["spec"]["accessControl"]["policies"]
    return [(item["name"], verb) for item in policy["operations"] for verb in item["httpVerb"]]


def outcome(response):
    """refused: by the engine's sidecar; the engine's own responses have a correlation id."""
    if response.status == 403 and b"correlation_id" not in response.body:
        assert b"access control" in response.body or b"PermissionDenied" in response.body, response
        return "refused"
    assert b"correlation_id" in response.body or response.status in (200, 400, 405), response
    return "passed"


def test_policy_lets_one_app_call_the_contract(own_engine, engine_daprd, new_daprd, sentry):
    policy = {"accessControl": shipped("Configuration")["spec"]["accessControl"], "mtls": {"enabled": True}}
    daprd = engine_daprd(own_engine, spec=policy, **sentry.options()).start()
    callers = {
        name: new_daprd(name, callees=[daprd], spec={"mtls": {"enabled": True}}, **sentry.options()).start()
        for name in ("learnflow-gateway", "another-app")
    }
    more = [("/api/v1/mastery/query", "POST"), ("/dapr/events", "POST"), ("/metrics", "GET"), ("/process", "GET")]

    def outcomes(name, calls):
        body = json.dumps({"intent": "mastery_calculation", "payload": {"student_id": "s"}})
        return {outcome(callers[name].invoke(path, body, method)) for path, method in calls}

    assert outcomes("learnflow-gateway", operations()) == {"passed"}
    assert outcomes("learnflow-gateway", more) == {"refused"}
    assert outcomes("another-app", operations() + more) == {"refused"}
