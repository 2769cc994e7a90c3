# SPDX-License-Identifier: GPL-3.0-or-later
"""The real sidecar, with a Redis of its own as broker and the shipped Resiliency file."""
import http.server
import json
import os
import signal
import subprocess
import threading
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
TOPIC = "learning.events"
SHIPPED = ROOT / "k8s/components/dapr/dapr.yaml"


def shipped(kind, path=SHIPPED):
    """The manifest of this kind, without its namespace."""
    [found] = [item for item in yaml.safe_load_all(path.read_text()) if item["kind"] == kind]
    del found["metadata"]["namespace"]
    return found


def component(broker, **settings):
    settings = {"redisHost": f"127.0.0.1:{broker.port}", **settings}
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


def configuration(addresses, **spec):
    """addresses: of the sidecars that are called, by app id; spec: more of it."""
    resolution = {"component": "fixed", "version": "v1", "configuration": addresses}
    return {
        "apiVersion": "dapr.io/v1alpha1",
        "kind": "Configuration",
        "metadata": {"name": "configuration"},
        "spec": {"nameResolution": resolution, **spec},
    }


class Broker:
    """A Redis that is reached by TCP, as the sidecar needs it, and keeps its data when it is killed."""

    def __init__(self, folder):
        self.port, self.folder = free_port(), folder
        self.client = redis.Redis(port=self.port)
        self.start()

    def start(self):
        command = [
            "redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes",
            "--dir", str(self.folder),
        ]  # fmt: skip
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_for(self.is_up, "broker up")

    def is_up(self):
        try:
            return self.client.ping()
        except redis.RedisError:
            return False

    def pending(self, topic=TOPIC):
        """Number of events that the sidecar has not acknowledged, delivered or not."""
        for group in self.client.xinfo_groups(topic):
            if group["name"] == b"mastery-engine":
                return group["pending"] + (group["lag"] or 0)
        return -1

    def kill(self):
        self.process.kill()
        self.process.wait()


class Daprd:
    """A sidecar. app: its app's URL, if it has one; resiliency: a manifest, or None; callees: sidecars that it can
    call; spec: more of its Configuration; settings: of its pub/sub component; options: more of its command line."""

    def __init__(
        self, programs, folder, broker, app_id, app=None, app_token="", port=None, callees=(), spec=None,
        resiliency=shipped("Resiliency"), settings=None, options=(), environment=None,
    ):  # fmt: skip
        self.app_id, self.app, self.process = app_id, app, None
        self.port, self.grpc_port, self.internal_port = port or free_port(), free_port(), free_port()
        folder = folder / app_id
        self.log, resources = folder / "daprd.log", folder / "resources"
        resources.mkdir(parents=True, exist_ok=True)
        settings = {"consumerID": app_id, **(settings or {})}
        self._write(resources / "pubsub.yaml", component(broker, **settings))
        if resiliency:
            self._write(resources / "resiliency.yaml", resiliency)
        addresses = {callee.app_id: f"127.0.0.1:{callee.internal_port}" for callee in callees}
        self._write(folder / "configuration.yaml", configuration(addresses, **(spec or {})))
        self.environment = {
            **os.environ, "DAPR_API_TOKEN": API_TOKEN, "APP_API_TOKEN": app_token, **(environment or {})
        }  # fmt: skip
        self.command = [
            str(programs / "daprd"), "--app-id", app_id, "--app-protocol", "http",
            "--dapr-http-port", str(self.port), "--dapr-grpc-port", str(self.grpc_port),
            "--dapr-internal-grpc-port", str(self.internal_port), "--metrics-port", str(free_port()),
            "--dapr-listen-addresses", "127.0.0.1", "--dapr-internal-grpc-listen-address", "127.0.0.1",
            "--placement-host-address", "", "--scheduler-host-address", "",
            "--dapr-graceful-shutdown-seconds", "1", "--read-buffer-size", "64Ki",
            "--resources-path", str(resources), "--config", str(folder / "configuration.yaml"), *options,
        ]  # fmt: skip
        if app:
            self.command += [
                "--app-port", app.rsplit(":", 1)[1], "--enable-app-health-check",
                "--app-health-check-path", "/health", "--app-health-probe-interval", "1",
            ]  # fmt: skip

    @staticmethod
    def _write(path, content):
        path.write_text(yaml.safe_dump(content))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        self.launch()
        wait_for(self.is_subscribed if self.app else self.is_up, f"ready, see {self.log}", 60)
        return self

    def launch(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, env=self.environment, stdout=log, stderr=log)

    def request(self, method, path, body=None, headers=None):
        client = Client(self.url)
        try:
            return client.request(
                method, path, body=body if body is None or isinstance(body, (bytes, str)) else json.dumps(body),
                headers={"dapr-api-token": API_TOKEN, "Content-Type": "application/json", **(headers or {})},
            )  # fmt: skip
        finally:
            client.close()

    def invoke(self, path, body=None, method="POST", app_id="mastery-engine"):
        return self.request(method, f"/v1.0/invoke/{app_id}/method{path}", body)

    def is_up(self):
        try:
            return self.request("GET", "/v1.0/healthz/outbound").status == 204
        except OSError:
            return False

    def subscriptions(self):
        return self.request("GET", "/v1.0/metadata").json.get("subscriptions")

    def is_subscribed(self):
        try:
            return bool(self.subscriptions())
        except OSError:
            return False

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        self.process.wait()

    def publish(self, body, content_type="application/json", headers=None, topic=TOPIC, **metadata):
        query = "&".join(f"metadata.{name}={value}" for name, value in metadata.items())
        headers = {"Content-Type": content_type, **(headers or {})}
        response = self.request("POST", f"/v1.0/publish/pubsub/{topic}?{query}", body, headers)
        assert response.status == 204, response

    def publish_many(self, bodies, at_once=500):
        """By Dapr's bulk publish."""
        for i in range(0, len(bodies), at_once):
            entries = [
                {"entryId": str(j), "event": body, "contentType": "application/json"}
                for j, body in enumerate(bodies[i : i + at_once])
            ]
            response = self.request("POST", f"/v1.0/publish/bulk/pubsub/{TOPIC}", entries)
            assert response.status == 204, response


class Call:
    """A request that an Application got."""

    def __init__(self, handler, body):
        self.method, self.path, self.body = handler.command, handler.path, body
        self.headers = {name.lower(): value for name, value in handler.headers.items()}


class Application(http.server.ThreadingHTTPServer):
    """Another application than the engine. subscription: to what; calls: what it got, in order; answer(call): status
    and JSON of the response to an event, changeable."""

    daemon_threads = True

    def __init__(self, subscription=None):
        super().__init__(("127.0.0.1", 0), ApplicationHandler)
        self.subscriptions = [{"pubsubname": "pubsub", **subscription}] if subscription else []
        self.calls, self.answer = [], lambda _: (200, b'{"status":"SUCCESS"}')

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def called(self, path):
        return [call for call in list(self.calls) if call.path == path]


class ApplicationHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.calls.append(Call(self, b""))
        subscribes = self.path == "/dapr/subscribe"
        self.respond(200, json.dumps(self.server.subscriptions if subscribes else {}).encode())

    def do_POST(self):
        call = Call(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self.server.calls.append(call)
        self.respond(*self.server.answer(call))

    def respond(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def programs():
    """The folder of daprd and sentry."""
    return Path(built(Path(__file__).parent))


@pytest.fixture
def broker(tmp_path):
    running = Broker(tmp_path)
    yield running
    running.kill()


@pytest.fixture
def own_engine(start_engine):
    return start_engine(POOL_SIZE=2)


@pytest.fixture
def new_daprd(programs, broker, tmp_path):
    """new_daprd(app_id, …) makes a sidecar that is to be started."""
    made = []

    def new(app_id, **options):
        made.append(Daprd(programs, tmp_path, broker, app_id, **options))
        return made[-1]

    yield new
    for daprd in made:
        if daprd.process:
            daprd.kill()


@pytest.fixture
def engine_daprd(new_daprd):
    """engine_daprd(engine, …) makes the engine's sidecar."""

    def new(engine, **options):
        return new_daprd("mastery-engine", app=engine.dapr_url, app_token=engine.values["APP_API_TOKEN"], **options)

    return new


@pytest.fixture
def daprd(engine_daprd, own_engine):
    return engine_daprd(own_engine).start()
