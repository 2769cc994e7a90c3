# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods as podman runs them from the manifests of k8s/, and what Kubernetes does round them."""
import contextlib
import os
import selectors
import shutil
import socket
import subprocess
import tempfile
import threading
import uuid
from pathlib import Path

import yaml

from harness.binaries import ROOT
from harness.client import Client
from harness.ports import free_ports
from harness.redis_server import LONG_TIMEOUTS
from harness.token import make_token
from harness.wait import LIMIT_S, wait_for

START_TIMEOUT = 120


def podman(*arguments, check=True, timeout=300):
    """Its exit status and output."""
    result = subprocess.run(
        [str(ROOT / "scripts/lib/podman"), *map(str, arguments)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=timeout, check=False,
    )  # fmt: skip
    if check and result.returncode != 0:
        raise RuntimeError(f"podman {arguments}: {result.returncode}\n{result.stdout}")
    return result.returncode, result.stdout


class Pod:
    """scripts/pod up, with a name and ports of its own; settings go into its ConfigMap.

    redis: environment with REDIS_URL and REDIS_PASSWORD, else it gets a Redis of its own.
    """

    def __init__(self, redis=None, restart_policy="Always", ready=True, **settings):
        self.name = f"t{uuid.uuid4().hex[:8]}"
        self.port, self.ready = free_ports(5), ready
        self.folder = Path(tempfile.mkdtemp(prefix="mk-")) / "pod"
        settings = {"RATE_LIMITS": "off", **LONG_TIMEOUTS, **settings}
        self.environment = {
            **os.environ, **(redis or {}), "POD_NAME": self.name, "POD_DIR": str(self.folder),
            "PORT": str(self.port), "RESTART_POLICY": restart_policy, "POD_STOP_SECONDS": "1",
            "POD_SETTINGS": " ".join(f"{name}={value}" for name, value in settings.items()),
        }  # fmt: skip
        self.values = {}

    def __enter__(self):
        try:
            self._script("up")
        except BaseException:
            self.__exit__()
            raise
        for line in (self.folder / "env").read_text().splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            self.values[name] = value.strip("'")
        return self

    def __exit__(self, *_):
        self._script("down")
        shutil.rmtree(self.folder.parent, ignore_errors=True)

    def _script(self, command):
        result = subprocess.run(
            [str(ROOT / "scripts/pod"), command], env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=START_TIMEOUT,
            check=False,
        )  # fmt: skip
        if result.returncode != 0:
            raise RuntimeError(f"scripts/pod {command}: {result.returncode}\n{result.stdout}")

    @property
    def redis(self):
        """For another pod on the same Redis."""
        names = ("REDIS_URL", "REDIS_PASSWORD", "JWT_SECRET", "APP_API_TOKEN", "AUDIT_KEY")
        return {name: self.values[name] for name in names}

    @property
    def base_url(self):
        return self.values["BASE_URL"]

    def client(self, user=None, role="admin", url=None):
        token = make_token(self.values["JWT_SECRET"], user, role) if user else None
        return Client(url or self.base_url, token)

    # The containers

    def container(self, name, pod="engine"):
        return f"mastery-{pod}-{self.name}-pod-0-{name}"

    def manifest(self, container, deployment="mastery-engine"):
        """What the manifest says of a container."""
        for item in yaml.safe_load_all((self.folder / "manifests.yaml").read_text()):
            if item["kind"] == "Deployment" and item["metadata"]["name"].startswith(deployment):
                for entry in item["spec"]["template"]["spec"]["containers"]:
                    if entry["name"] == container:
                        return entry
        raise KeyError(container)

    def exec(self, container, *command, check=True, pod="engine"):
        """In the container's working folder, as kubectl exec does."""
        return podman("exec", self.container(container, pod), *command, check=check)

    def inspect(self, container, form, pod="engine"):
        return podman("inspect", self.container(container, pod), "--format", form)[1].strip()

    def running(self, container, pod="engine"):
        return self.inspect(container, "{{.State.Running}}", pod) == "true"

    def log(self, container, pod="engine"):
        return podman("logs", self.container(container, pod))[1]

    @contextlib.contextmanager
    def following(self, container, path):
        """Has its log in a file, what is written meanwhile too."""
        command = [str(ROOT / "scripts/lib/podman"), "logs", "-f", self.container(container)]
        with open(path, "wb") as file:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
            )
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=LIMIT_S)

    def probe(self, container, kind):
        """One probe as the kubelet makes it; whether it succeeds."""
        command = self.manifest(container)[kind]["exec"]["command"]
        return self.exec(container, *command, check=False)[0] == 0

    # Its end

    def delete(self):
        """As the kubelet ends a pod: all containers at once, each by its preStop and then TERM."""
        threads = [
            threading.Thread(target=self._end_container, args=(name,)) for name in ("app", "nginx")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _end_container(self, name):
        hook = self.manifest(name)["lifecycle"]["preStop"]["exec"]["command"]
        self.exec(name, *hook, check=False)
        if self.running(name):
            podman("kill", "--signal", "TERM", self.container(name), check=False)
            wait_for(lambda: not self.running(name), f"{name} ended")


class Service:
    """A Service of Kubernetes: its connections go to the pods behind it, which may change."""

    def __init__(self, *ports):
        self.ports, self._iteration = list(ports), 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open = True

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._open = False
        self._listener.close()

    def _accept(self):
        while self._open:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._iteration += 1
            port = self.ports[self._iteration % len(self.ports)]
            threading.Thread(target=self._serve, args=(client, port), daemon=True).start()

    @staticmethod
    def _serve(client, port):
        with client:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S) as server:
                    relay(client, server)
            except OSError:
                pass  # the client sees its connection end


def relay(client, server):
    """Bytes both ways until one side ends."""
    with selectors.DefaultSelector() as selector:
        selector.register(client, selectors.EVENT_READ, server)
        selector.register(server, selectors.EVENT_READ, client)
        while True:
            for key, _ in selector.select():
                data = key.fileobj.recv(65536)
                if not data:
                    return
                key.data.sendall(data)
