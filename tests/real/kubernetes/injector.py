# SPDX-License-Identifier: GPL-3.0-or-later
"""Dapr's injector: the API server has each new pod changed by a webhook, which calls Dapr's own code."""
import base64
import json
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness.tls import Authority


class Injector(ThreadingHTTPServer):
    """Used with `with`. program: what tests/real/kubernetes/build makes of sidecar.go; options: its arguments."""

    daemon_threads = True

    def __init__(self, program, folder, options=()):
        super().__init__(("127.0.0.1", 0), Handler)
        self.command = [str(program), *options]
        self.authority = Authority(folder)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*self.authority.issue("127.0.0.1"))
        self.socket = tls.wrap_socket(self.socket, server_side=True)

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def patch(self, pod):
        """Operations of a JSON Patch that make the pod the one with the sidecar."""
        done = subprocess.run(self.command, input=json.dumps(pod), capture_output=True, text=True, check=True, timeout=60)
        changed = json.loads(done.stdout)
        return [
            {"op": "replace", "path": "/spec", "value": changed["spec"]},
            {"op": "add", "path": "/metadata/labels", "value": changed["metadata"].get("labels", {})},
        ]

    def manifest(self):
        """What registers it, as Dapr's chart does."""
        authority = base64.b64encode(self.authority.path.read_bytes()).decode()
        webhook = {
            "name": "sidecar-injector.dapr.io", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "clientConfig": {"url": f"https://127.0.0.1:{self.server_port}/mutate", "caBundle": authority},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
            "failurePolicy": "Fail", "reinvocationPolicy": "IfNeeded", "timeoutSeconds": 30,
        }  # fmt: skip
        return {
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": "dapr-sidecar-injector"}, "webhooks": [webhook],
        }  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = review["request"]
        pod = request["object"]
        pod["metadata"]["namespace"] = request["namespace"]
        patch = base64.b64encode(json.dumps(self.server.patch(pod)).encode()).decode()
        review["response"] = {"uid": request["uid"], "allowed": True, "patchType": "JSONPatch", "patch": patch}
        body = json.dumps(review).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass
