# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Keycloak with a realm, its roles, users and a client with direct grants."""
import json
import os
import signal
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from harness.ports import free_port
from harness.real import built
from harness.tls import Authority
from harness.wait import LIMIT_S, SLOWNESS, wait_for

ADMIN = {"KC_BOOTSTRAP_ADMIN_USERNAME": "root", "KC_BOOTSTRAP_ADMIN_PASSWORD": "a password for tests"}
REALM, CLIENT, CONSOLE, PASSWORD = "school", "platform", "mastery-console", "a password of a user"
ROLES = ("student", "teacher", "admin")
START_S = 900  # of a machine with other work; a quiet one needs 40 s
# One server needs no cluster, whose discovery takes seconds. A start is too short for optimizing compilers.
QUICK_START = {"JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx512m", "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1"}


class Keycloak:
    """With TLS and a database in the folder, on a port that stays the same."""

    def __init__(self, home, folder):
        self.home, self.port, self.log = Path(home), free_port(), folder / "keycloak.log"
        self.authority = Authority(folder / "authority")
        certificate, key = self.authority.issue("localhost")
        self.command = [
            self.home / "bin/kc.sh", "start", "--optimized", "--cache=local", "--hostname-strict=false",
            f"--db-url=jdbc:h2:file:{folder}/h2/keycloak;NON_KEYWORDS=VALUE", "--db-username=sa", "--db-password=password",
            f"--https-port={self.port}", "--http-host=127.0.0.1",
            f"--https-certificate-file={certificate}", f"--https-certificate-key-file={key}",
        ]  # fmt: skip
        self.process = None

    @property
    def issuer(self):
        return f"https://localhost:{self.port}/realms/{REALM}"

    @property
    def version(self):
        return (self.home / "version.txt").read_text().strip()

    def start(self):
        environment = {**os.environ, **ADMIN, **QUICK_START}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        wait_for(self.is_up, f"Keycloak up, see {self.log}", START_S)

    def is_up(self):
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        return self.answers()

    def stop(self):
        """kc.sh may have the Java process as a child: the whole group ends."""
        if self.process:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(60)
            self.process = None
            wait_for(lambda: not self.answers(), "Keycloak down", START_S)

    def answers(self):
        try:
            return self.call("GET", "/realms/master")
        except OSError:
            return False

    def call(self, method, path, body=None, token=None, form=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        data = None
        if form:
            data = urllib.parse.urlencode(form).encode()
        elif body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        request = urllib.request.Request(f"https://localhost:{self.port}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=LIMIT_S * SLOWNESS, context=self.authority.context()) as response:
            text = response.read()
        return json.loads(text) if text else None

    def grant(self, realm, client, user, password):
        form = {"grant_type": "password", "client_id": client, "username": user, "password": password}
        path = f"/realms/{realm}/protocol/openid-connect/token"
        return self.call("POST", path, form=form)["access_token"]

    def admin(self, method, path, body=None):
        token = self.grant(
            "master", "admin-cli", ADMIN["KC_BOOTSTRAP_ADMIN_USERNAME"], ADMIN["KC_BOOTSTRAP_ADMIN_PASSWORD"]
        )
        return self.call(method, f"/admin/realms{path}", body, token)

    def token(self, user):
        """As the provider issues it: nothing of the token is configured."""
        return self.grant(REALM, CLIENT, user, PASSWORD)

    @staticmethod
    def user(name, *roles):
        return {
            "username": name, "enabled": True, "emailVerified": True, "realmRoles": [*roles, f"default-roles-{REALM}"],
            "email": f"{name}@school.example", "firstName": name, "lastName": "One",
            "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
        }  # fmt: skip

    def make_realm(self):
        realm = {
            "realm": REALM, "enabled": True, "accessTokenLifespan": 1800,
            "users": [*(self.user(f"{role}-1", role) for role in ROLES), self.user("guest-1")],
            "roles": {"realm": [{"name": role} for role in ROLES]},
            "clients": [{"clientId": CLIENT, "publicClient": True, "directAccessGrantsEnabled": True}],
        }  # fmt: skip
        self.admin("POST", "", realm)

    def make_console(self, base_url):
        """A client for the console at this address, as docs/console.md says."""
        client = {
            "clientId": CONSOLE, "publicClient": True, "standardFlowEnabled": True,
            "redirectUris": [f"{base_url}/console/"], "webOrigins": [base_url],
            "attributes": {"pkce.code.challenge.method": "S256", "post.logout.redirect.uris": "+"},
        }  # fmt: skip
        self.admin("POST", f"/{REALM}/clients", client)

    def change_console(self, **attributes):
        [client] = self.admin("GET", f"/{REALM}/clients?clientId={CONSOLE}")
        client["attributes"].update(attributes)
        self.admin("PUT", f"/{REALM}/clients/{client['id']}", client)

    def end_sessions(self):
        self.admin("POST", f"/{REALM}/logout-all")

    def rotate(self, priority):
        """A further key, with which the realm signs at once. Returns its kid."""
        realm = self.admin("GET", f"/{REALM}")["id"]
        component = {
            "name": f"rotated-{priority}", "providerId": "rsa-generated",
            "providerType": "org.keycloak.keys.KeyProvider", "parentId": realm,
            "config": {"priority": [str(priority)], "enabled": ["true"], "active": ["true"], "keySize": ["2048"], "algorithm": ["RS256"]},
        }  # fmt: skip
        self.admin("POST", f"/{REALM}/components", component)
        return self.admin("GET", f"/{REALM}/keys")["active"]["RS256"]


@pytest.fixture(scope="session")
def keycloak(tmp_path_factory):
    server = Keycloak(built(Path(__file__).parent), tmp_path_factory.mktemp("keycloak"))
    try:
        server.start()
        server.make_realm()
        yield server
    finally:
        server.stop()


@pytest.fixture
def settings(keycloak):
    """All that docs/identity.md says for Keycloak."""
    return {
        "JWT_SECRET": None,
        "JWT_ALGORITHM": "RS256",
        "OIDC_ISSUER": keycloak.issuer,
        "JWT_ROLE_CLAIM": "/realm_access/roles",
        "JWT_AUDIENCE": "account",
        "JWT_CA_FILE": str(keycloak.authority.path),
    }
