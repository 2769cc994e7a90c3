# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of the verification: its tokens, its own students, its requests. Each check gets it first."""
import base64
import getpass
import os
import secrets
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import cached_property

from harness.client import Client
from harness.deployment import send, send_with_retries, signer, token_for
from verify.cluster import Cluster, podman_command
from verify.local import parse_json, run_program
from verify.outcome import Failed

SCORES = {"completion": 0.8, "quiz": 0.9, "quality": 0.85, "consistency": 0.7}
TIMEOUT_S = 20


def subject_of(token):
    """The user whom a token names; empty when it cannot be read. The signature is the server's to verify."""
    payload = token.split(".")[1] if token.count(".") == 2 else ""
    try:
        claims = parse_json(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode())
    except ValueError:
        return ""
    return str(claims.get("sub", "")) if isinstance(claims, dict) else ""


class Response:
    """A response in the forms that checks need."""

    def __init__(self, request, answer):
        self.request, self.status, self.headers = request, answer.status, answer.headers
        self.text = answer.body.decode("utf-8", "replace")
        self.json = parse_json(self.text)
        self.milliseconds = round(answer.seconds * 1000)

    def __str__(self):
        """In one line, for a failure's evidence."""
        if self.status == 0:
            return f"{self.request}: no answer, {self.text}"
        return f"{self.request}: {self.status} {self.text[:160]}"

    def header(self, name):
        return self.headers.get(name) or ""

    def holds(self, status, condition=lambda body: True):
        """Whether the status is this one and the condition holds of the JSON body."""
        try:
            return self.status == status and bool(condition(self.json))
        except (LookupError, TypeError, AttributeError):
            return False  # the body lacks what the condition looks at

    def expect(self, status, condition=lambda body: True, doing=""):
        """The JSON body; Failed when status or condition do not hold."""
        if not self.holds(status, condition):
            raise Failed(f"{doing}: {self}" if doing else str(self))
        return self.json


class Verification:
    def __init__(self, url, report=None):
        self.url, self.report = url, report
        self.run_id = f"verify_{secrets.token_hex(6)}"
        self.students, self.cohort = [], f"{self.run_id}_class"
        self.results = []  # report.Result, in the list's order
        self._clients, self._tokens = {}, {}
        self.namespace = os.environ.get("NAMESPACE") or "learnflow"
        self.began = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.operator = os.environ.get("OPERATOR") or run_program("git", "config", "user.name")[1].strip()
        self.operator = self.operator or getpass.getuser()

    @cached_property
    def cluster(self):
        return Cluster(self.namespace, self.url, self.commit)

    @cached_property
    def podman(self):
        return podman_command()

    # Requests

    def send(self, who, method, path, json=None, url=None, retry=True, **options):
        """One request with the token of `who`; one that is over a limit is repeated when the limit allows."""
        url = url or self.url
        if url not in self._clients:
            self._clients[url] = Client(url, timeout=TIMEOUT_S)
        if json is not None:
            options["json"] = json
        sender = send_with_retries if retry else send
        answer = sender(self._clients[url], method, path, token=self._tokens.get(who), **options)
        return Response(f"{method} {path}", answer)

    def get(self, path, who="admin", **options):
        return self.send(who, "GET", path, **options)

    def post(self, path, json=None, who="admin", **options):
        return self.send(who, "POST", path, json, **options)

    def delete(self, path):
        return self.send("admin", "DELETE", path)

    def query(self, student, who="admin"):
        return self.post("/api/v1/mastery/query", {"student_id": student}, who)

    def calculate(self, student):
        return self.post("/api/v1/mastery/calculate", {"student_id": student, "components": SCORES})

    # Users, students and what the deployment says of itself

    def find_tokens(self):
        """Users of this run alone, so that its requests use up no other user's limit; without the secret
        the tokens that are given."""
        secret = signer()
        if secret:
            users = {"admin": "admin", "teacher": "teacher", "student": "student", "limited": "admin"}
            names = {who: f"{self.run_id}_{'a' if who == 'student' else who}" for who in users}
            self._tokens = {who: token_for(secret, names[who], role) for who, role in users.items()}
            self._tokens["bad"] = self._tokens["admin"][:-5] + "AAAAA"
        else:
            given = {who: os.environ.get(f"{who.upper()}_TOKEN") for who in ("admin", "teacher", "student")}
            self._tokens = {"bad": "not.a.token"} | {who: token for who, token in given.items() if token}

    def user(self, who):
        return subject_of(self._tokens.get(who, ""))

    def learn(self):
        """Version, commit and environment of the deployment; empty when it does not say."""
        body = self.get("/").json
        facts = body if isinstance(body, dict) else {}
        names = ("version", "commit", "environment")
        self.version, self.commit, self.environment = (str(facts.get(name) or "") for name in names)

    def prepare(self):
        """Four students with data; the first is in a cohort of the teacher."""
        for name in "abcd":
            self.students.append(f"{self.run_id}_{name}")
            self.calculate(self.students[-1])
        teacher = self.user("teacher") or f"{self.run_id}_teacher"
        roster = {"name": "Deployment verification", "teacher_ids": [teacher], "student_ids": self.students[:1]}
        self.send("admin", "PUT", f"/api/v1/cohorts/{self.cohort}", roster)

    @contextmanager
    def one_connection(self, url):
        """Requests to url share a connection, with TLS too: behind a Service one pod answers them all."""
        before = self._clients.get(url)
        self._clients[url] = Client(url, timeout=TIMEOUT_S, reuse_tls=True)
        try:
            yield
        finally:
            self._clients.pop(url).close()
            if before:
                self._clients[url] = before

    def clean_up(self):
        """Erases students and cohort; those that could not be erased."""
        left = []
        if self.delete(f"/api/v1/cohorts/{self.cohort}").status not in (200, 204, 404):
            left.append(f"cohort {self.cohort}")
        return left + [s for s in self.students if self.delete(f"/api/v1/compliance/student/{s}").status != 200]
