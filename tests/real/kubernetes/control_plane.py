# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster without nodes: etcd, the API server and the controllers, all on 127.0.0.1. No pod of it runs."""
import json
import os
import secrets
import ssl
import subprocess
import urllib.request

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from harness.ports import free_ports
from harness.wait import wait_for

USERS = {"admin": "system:masters", "controllers": "system:masters", "viewer": "viewers"}
LIMIT_S = 180  # for what takes seconds on an idle machine: these programs are large


def key_pair(folder):
    """The files of the key that signs tokens of service accounts, and of its public half."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private, public = folder / "accounts.key", folder / "accounts.pub"
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo))
    return private, public


class ControlPlane:
    """programs: the folder that tests/real/kubernetes/build prints. Used with `with`."""

    def __init__(self, programs, folder):
        self.programs, self.folder, self.processes = programs, folder, []
        first = free_ports(3)
        self.etcd_port, self.etcd_peers, self.port = first, first + 1, first + 2
        self.tokens = {user: secrets.token_hex(16) for user in USERS}

    @property
    def certificate(self):
        """The API server makes its own, which is its authority too."""
        return self.folder / "certificates/apiserver.crt"

    def __enter__(self):
        self.private_key, self.public_key = key_pair(self.folder)
        lines = [f'{self.tokens[user]},{user},{user},"{group}"' for user, group in USERS.items()]
        (self.folder / "tokens.csv").write_text("\n".join(lines) + "\n")
        try:
            self._start_etcd()
            self._start_api_server()
            self._start_controllers()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, name, *command):
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes.append(subprocess.Popen([str(word) for word in command], stdout=log, stderr=log))

    def _start_etcd(self):
        client, peer = (f"http://127.0.0.1:{port}" for port in (self.etcd_port, self.etcd_peers))
        self._start(
            "etcd", "etcd", "--data-dir", self.folder / "etcd",
            "--listen-client-urls", client, "--advertise-client-urls", client,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}",
        )  # fmt: skip

    def _start_api_server(self):
        self._start(
            "kube-apiserver", self.programs / "kube-apiserver", "--bind-address", "127.0.0.1", "--secure-port", self.port,
            # It announces this address, of a network for documentation, to pods alone; and there are none.
            "--advertise-address", "192.0.2.1", "--endpoint-reconciler-type", "none",
            "--etcd-servers", f"http://127.0.0.1:{self.etcd_port}", "--cert-dir", self.certificate.parent,
            "--token-auth-file", self.folder / "tokens.csv", "--authorization-mode", "RBAC",
            "--service-cluster-ip-range", "10.96.0.0/16", "--service-account-issuer", "https://kubernetes.default.svc",
            "--service-account-key-file", self.public_key, "--service-account-signing-key-file", self.private_key,
        )  # fmt: skip
        wait_for(self._is_up, f"API server ready, see {self.folder}/kube-apiserver.log", LIMIT_S)
        for user in USERS:
            self._write_kubeconfig(user)

    def _start_controllers(self):
        self._start(
            "kube-controller-manager", self.programs / "kube-controller-manager", "--kubeconfig", self.kubeconfig("controllers"),
            "--leader-elect=false", "--secure-port", "0", "--root-ca-file", self.certificate,
            "--service-account-private-key-file", self.private_key,
        )  # fmt: skip
        found = lambda: self.kubectl("-n", "default", "get", "serviceaccount", "default").returncode == 0
        wait_for(found, f"controllers at work, see {self.folder}/kube-controller-manager.log", LIMIT_S)

    def _is_up(self):
        if not self.certificate.exists():
            assert self.processes[-1].poll() is None, (self.folder / "kube-apiserver.log").read_text()[-3000:]
            return False
        try:
            return self.request("GET", "/readyz") == b"ok"
        except (OSError, ssl.SSLError):
            return False

    def kubeconfig(self, user):
        return self.folder / f"{user}.kubeconfig"

    def _write_kubeconfig(self, user):
        cluster = {"server": f"https://127.0.0.1:{self.port}", "certificate-authority": str(self.certificate)}
        context = {"cluster": "test", "user": user}
        content = {
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}], "contexts": [{"name": "test", "context": context}],
            "users": [{"name": user, "user": {"token": self.tokens[user]}}],
        }  # fmt: skip
        self.kubeconfig(user).write_text(json.dumps(content))

    def environment(self, user="admin"):
        """For programs that call kubectl: the one that was built, and this cluster."""
        path = f"{self.programs}:{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "KUBECONFIG": str(self.kubeconfig(user)), "HOME": str(self.folder)}

    def request(self, method, path, body=None, content_type="application/json", user="admin"):
        """Body of the response; urllib's HTTPError when it is an error."""
        tls = ssl.create_default_context(cafile=str(self.certificate))
        headers = {"Authorization": f"Bearer {self.tokens[user]}", "Content-Type": content_type}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"https://127.0.0.1:{self.port}{path}", data, headers, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls))
        with opener.open(request, timeout=30) as response:
            return response.read()

    def kubectl(self, *arguments, user="admin", text=None, cwd=None):
        """The finished process. text: its standard input."""
        command = [str(self.programs / "kubectl"), *map(str, arguments)]
        return subprocess.run(
            command, input=text, capture_output=True, text=True, env=self.environment(user), cwd=cwd, check=False, timeout=LIMIT_S
        )

    def do(self, *arguments, **options):
        """Output of a command that succeeds without a warning."""
        done = self.kubectl(*arguments, **options)
        assert done.returncode == 0 and not done.stderr, f"kubectl {arguments}: {done}"
        return done.stdout

    def get(self, *what, namespace="learnflow"):
        return json.loads(self.do("-n", namespace, "get", *what, "-o", "json"))

    def items(self, *what, namespace="learnflow"):
        return self.get(*what, namespace=namespace)["items"]

    def set_status(self, kind, name, status, namespace="learnflow"):
        """As the kubelet does for pods."""
        path = f"/api/v1/namespaces/{namespace}/{kind}/{name}/status"
        self.request("PATCH", path, {"status": status}, "application/strategic-merge-patch+json")
