# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for an identity provider: a discovery document and a JWK Set over TLS, tokens, and the code flow."""
import hashlib
import http.server
import json
import ssl
import threading
import time
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from harness.token import b64url, claims

DISCOVERY, KEYS = "/.well-known/openid-configuration", "/keys"


class Key:
    """A signing key (ES256) with a name."""

    def __init__(self, kid):
        self.kid, self.private = kid, ec.generate_private_key(ec.SECP256R1())

    @property
    def jwk(self):
        numbers = self.private.public_key().public_numbers()
        x, y = (b64url(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": self.kid, "use": "sig"}

    def token(self, user="someone", role="student", **more):
        return jwt.encode(claims(user, role, **more), self.private, "ES256", {"kid": self.kid})


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        provider = self.server.provider
        provider.calls.append(self.path)
        provider.latest_s = time.monotonic()
        provider.gate.wait(60)
        self.reply(*provider.response(self.path))

    def do_POST(self):
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.reply(*self.server.provider.token_response(dict(parse_qsl(form))))

    def reply(self, status, headers, body):
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads, allow_reuse_address = True, True

    def handle_error(self, *_):
        pass  # clients that hang up, or do not trust the certificate


class Provider:
    """keys: those of the set. calls: the paths that were asked for, the latest at latest_s. other: path -> (status, headers,
    body) in place of the right response. gate: while it is cleared, callers wait."""

    def __init__(self, authority=None):
        self.keys, self.calls, self.other = [Key("first")], [], {}
        self.latest_s = 0
        self.gate = threading.Event()
        self.gate.set()
        self.context, self.port, self._server = None, 0, None
        if authority:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*authority.issue("127.0.0.1"))
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.gate.set()
        self.stop()

    @property
    def issuer(self):
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}/realms/school"

    @property
    def keys_url(self):
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}{KEYS}"

    @property
    def fetches(self):
        """How often the set was asked for."""
        return self.calls.count(KEYS)

    def start(self):
        self._server = Server(("127.0.0.1", self.port), Handler)
        self._server.provider, self.port = self, self._server.server_address[1]
        if self.context:
            self._server.socket = self.context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        """Away: connections are refused, at the same port until start()."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def response(self, path):
        if path in self.other:
            return self.other[path]
        if path == KEYS:
            return 200, {}, json.dumps({"keys": [key.jwk for key in self.keys]}).encode()
        if path == "/realms/school" + DISCOVERY:
            return 200, {}, json.dumps({"issuer": self.issuer, "jwks_uri": self.keys_url}).encode()
        return 404, {}, b"nothing here"

    def rotate(self, kid):
        """As Keycloak does: a further key, which signs at once."""
        self.keys = [Key(kid), *self.keys]
        return self.keys[0]


class SignInProvider(Provider):
    """Signs a user in by the code flow with PKCE without asking anything. role: of the user. answer: parameters in
    place of the code. metadata: of the discovery document. asked: the parameters of the latest call of each page."""

    def __init__(self, role="teacher"):
        self.role, self.answer, self.asked = role, None, {}
        super().__init__()
        base = f"http://127.0.0.1:{self.port}"
        pages = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "end_session_endpoint": "/logout"}
        self.metadata = {name: base + path for name, path in pages.items()}

    def response(self, path):
        page, query = urlsplit(path).path, dict(parse_qsl(urlsplit(path).query))
        if page == "/authorize":
            self.asked[page] = query
            given = {"state": query["state"], "iss": self.issuer, **(self.answer or {"code": "a-code"})}
            return 302, {"Location": f"{query['redirect_uri']}?{urlencode(given)}"}, b""
        if page == "/logout":
            self.asked[page] = query
            return 302, {"Location": query["post_logout_redirect_uri"]}, b""
        status, headers, body = super().response(path)
        if page.endswith(DISCOVERY):
            body = json.dumps({**json.loads(body), **self.metadata}).encode()
        return status, {**headers, "Access-Control-Allow-Origin": "*"}, body

    def token_response(self, form):
        """Only for the page that began the sign-in: it knows what the challenge is the digest of."""
        begun = self.asked["/authorize"]
        self.asked["/token"] = form
        challenge = b64url(hashlib.sha256(form["code_verifier"].encode()).digest())
        fits = challenge == begun["code_challenge"] and form["code"] == "a-code"
        fits = fits and form["redirect_uri"] == begun["redirect_uri"]
        given = {"access_token": self.keys[0].token("teacher-7b", self.role, iss=self.issuer)} if fits else {"error": "invalid_grant"}
        return 200 if fits else 400, {"Access-Control-Allow-Origin": "*"}, json.dumps(given).encode()
