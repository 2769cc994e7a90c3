# SPDX-License-Identifier: GPL-3.0-or-later
"""The real sidecar, with a Redis of its own as broker and the shipped Resiliency file."""
import json
import os
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest
import redis
import yaml
from harness.binaries import ROOT
from harness.client import Client
from harness.ports import free_port
from harness.real import built
from harness.wait import wait_for

API_TOKEN = "token of the sidecar's API"
SHIPPED = ROOT / "k8s" / "components" / "dapr" / "dapr.yaml"


def shipped_resiliency():
    documents = yaml.safe_load_all(SHIPPED.read_text())
    [found] = [item for item in documents if item["kind"] == "Resiliency"]
    del found["metadata"]["namespace"]
    return found


def component(broker_port):
    settings = {"redisHost": f"127.0.0.1:{broker_port}", "consumerID": "mastery-engine"}
    return {
        "apiVersion": "dapr.io/v1alpha1",
        "kind": "Component",
        "metadata": {"name": "pubsub"},
        "spec": {
            "type": "pubsub.redis",
            "version": "v1",
            "metadata": [{"name": name, "value": value} for name, value in settings.items()],
        },
    }


class Broker:
    """A Redis that is reached by TCP, as the sidecar needs it."""

    def __init__(self):
        self.port = free_port()
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self.client = redis.Redis(port=self.port)
        wait_for(self.is_up, "broker up")

    def is_up(self):
        try:
            return self.client.ping()
        except redis.RedisError:
            return False

    def pending(self, topic="learning.events"):
        """Number of events that the sidecar has not acknowledged, delivered or not."""
        for group in self.client.xinfo_groups(topic):
            if group["name"] == b"mastery-engine":
                return group["pending"] + (group["lag"] or 0)
        return -1

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Daprd:
    def __init__(self, program, engine, broker, folder):
        self.engine, self.port, self.log = engine, free_port(), folder / "daprd.log"
        (folder / "pubsub.yaml").write_text(yaml.safe_dump(component(broker.port)))
        (folder / "resiliency.yaml").write_text(yaml.safe_dump(shipped_resiliency()))
        ports = {name: free_port() for name in ("grpc", "internal", "metrics")}
        self.command = [
            program, "--app-id", "mastery-engine", "--app-protocol", "http",
            "--app-port", engine.dapr_url.rsplit(":", 1)[1],
            "--enable-app-health-check", "--app-health-check-path", "/health",
            "--app-health-probe-interval", "1",
            "--dapr-http-port", str(self.port), "--dapr-grpc-port", str(ports["grpc"]),
            "--dapr-internal-grpc-port", str(ports["internal"]), "--metrics-port", str(ports["metrics"]),
            "--dapr-listen-addresses", "127.0.0.1", "--dapr-internal-grpc-listen-address", "127.0.0.1",
            "--placement-host-address", "", "--scheduler-host-address", "",
            "--dapr-graceful-shutdown-seconds", "1",
            "--read-buffer-size", "64Ki", "--resources-path", str(folder),
        ]  # fmt: skip
        self.process = None

    def start(self):
        environment = {
            **os.environ,
            "APP_API_TOKEN": self.engine.values["APP_API_TOKEN"],
            "DAPR_API_TOKEN": API_TOKEN,
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, env=environment, stdout=log, stderr=log)
        wait_for(self.is_subscribed, f"subscribed, see {self.log}", 60)
        return self

    def is_subscribed(self):
        try:
            request = urllib.request.Request(
                f"http://127.0.0.1:{self.port}/v1.0/metadata", headers={"dapr-api-token": API_TOKEN}
            )
            with urllib.request.urlopen(request) as response:
                return bool(json.load(response).get("subscriptions"))
        except OSError:
            return False

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        self.process.wait()

    def publish(self, body, content_type="application/json", headers=None, **metadata):
        query = "&".join(f"metadata.{name}={value}" for name, value in metadata.items())
        client = Client(f"http://127.0.0.1:{self.port}")
        try:
            response = client.request(
                "POST", f"/v1.0/publish/pubsub/learning.events?{query}",
                body=body if isinstance(body, (bytes, str)) else json.dumps(body),
                headers={"dapr-api-token": API_TOKEN, "Content-Type": content_type, **(headers or {})},
            )  # fmt: skip
        finally:
            client.close()
        assert response.status == 204, (response.status, response.body)


@pytest.fixture(scope="session")
def program():
    return built(Path(__file__).parent)


@pytest.fixture
def broker():
    running = Broker()
    yield running
    running.stop()


@pytest.fixture
def own_engine(start_engine):
    return start_engine(POOL_SIZE=2)


@pytest.fixture
def daprd(program, own_engine, broker, tmp_path):
    running = Daprd(program, own_engine, broker, tmp_path).start()
    yield running
    running.kill()
