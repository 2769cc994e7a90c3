# SPDX-License-Identifier: GPL-3.0-or-later
"""Access to a deployment that runs already, for scripts/load and scripts/verify-deployment.sh: tokens
from the environment's secret, and requests whose failure is a result. Needs nothing but Python."""
import http.client
import json
import os
import shlex
import subprocess
import time
from pathlib import Path

from harness.client import Response
from harness.token import b64url, claims, sign_claims


def read_env(state_dir):
    """The values in STATE_DIR/env of scripts/run, as a shell would read them."""
    words = shlex.split(Path(state_dir, "env").read_text(), comments=True)
    return dict(word.split("=", 1) for word in words if "=" in word)


NO_SIGNER = "JWT_SECRET, JWT_SECRET_FILE or JWT_PRIVATE_KEY_FILE is required: it signs the users' tokens"


def signer(values=os.environ):
    """What signs tokens: with JWT_ALGORITHM HS256 the first secret of JWT_SECRET_FILE or JWT_SECRET, with
    another one the private key of JWT_PRIVATE_KEY_FILE; None without any."""
    algorithm = values.get("JWT_ALGORITHM") or "HS256"
    if algorithm != "HS256":
        file = values.get("JWT_PRIVATE_KEY_FILE")
        return PrivateKey(algorithm, file) if file else None
    file = values.get("JWT_SECRET_FILE")
    text = Path(file).read_text() if file else values.get("JWT_SECRET", "")
    return text.split("\n", 1)[0] or None


class PrivateKey:
    """Signs by the program openssl, as Python itself cannot."""

    OPTIONS = {"RS256": (), "PS256": ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"), "ES256": ()}

    def __init__(self, algorithm, path):
        if algorithm not in self.OPTIONS:
            raise SystemExit(f"tokens of JWT_ALGORITHM {algorithm} cannot be signed here; RS256, PS256 and ES256 can")
        self.algorithm, self.path = algorithm, path

    def token(self, payload):
        header = {"alg": self.algorithm, "typ": "JWT"}
        text = ".".join(b64url(json.dumps(part).encode()) for part in (header, payload))
        command = ["openssl", "dgst", "-sha256", "-sign", self.path, *self.OPTIONS[self.algorithm]]
        signature = subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout
        return f"{text}.{b64url(raw_ecdsa(signature) if self.algorithm == 'ES256' else signature)}"


def raw_ecdsa(der):
    """r and s of 32 bytes each (RFC 7518, section 3.4), of a DER signature, which is shorter than 128 bytes."""
    r_end = 4 + der[3]
    numbers = der[4:r_end], der[r_end + 2 :]
    return b"".join(int.from_bytes(number, "big").to_bytes(32, "big") for number in numbers)


def token_for(key, user, role, seconds=3600):
    """A token with JWT_ISSUER and JWT_AUDIENCE where they are set. key: of signer()."""
    issued = {"iss": os.environ.get("JWT_ISSUER"), "aud": os.environ.get("JWT_AUDIENCE")}
    present = {name: value for name, value in issued.items() if value}
    body = claims(user, role, exp=int(time.time()) + seconds, **present)
    return key.token(body) if isinstance(key, PrivateKey) else sign_claims(key, body)


def send(client, method, path, **options):
    """The response; status 0 and the reason as its body when the connection fails."""
    began = time.monotonic()
    try:
        response = client.request(method, path, **options)
    except (OSError, http.client.HTTPException) as error:
        response = Response(0, {}, (str(error) or repr(error)).encode())
    response.seconds = time.monotonic() - began  # with the time to connect
    return response


def send_with_retries(client, method, path, statuses=(429,), retries=5, **options):
    """The response; one of these statuses only after so many retries, each after Retry-After."""
    while True:
        response = send(client, method, path, **options)
        if response.status not in statuses or retries == 0:
            return response
        retries -= 1
        time.sleep(retry_after(response))


def retry_after(response, most_s=99):
    """Seconds; two when the response does not name a number of them."""
    text = response.headers.get("Retry-After") or ""
    return min(most_s, int(text)) if text.isdecimal() else 2
