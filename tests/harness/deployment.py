# SPDX-License-Identifier: GPL-3.0-or-later
"""Access to a deployment that runs already, for scripts/load and scripts/verify-deployment.sh: tokens
from the environment's secret, and requests whose failure is a result. Needs nothing but Python."""
import http.client
import os
import shlex
import time
from pathlib import Path

from harness.client import Answer
from harness.token import make_token


def read_env(state_dir):
    """The values in STATE_DIR/env of scripts/run, as a shell would read them."""
    words = shlex.split(Path(state_dir, "env").read_text(), comments=True)
    return dict(word.split("=", 1) for word in words if "=" in word)


def signing_secret():
    """The first secret of JWT_SECRET_FILE or JWT_SECRET, which signs; empty without any."""
    file = os.environ.get("JWT_SECRET_FILE")
    text = Path(file).read_text() if file else os.environ.get("JWT_SECRET", "")
    return text.split("\n", 1)[0]


def token_for(secret, user, role, seconds=3600):
    """A token with JWT_ISSUER and JWT_AUDIENCE where they are set."""
    issued = {"iss": os.environ.get("JWT_ISSUER"), "aud": os.environ.get("JWT_AUDIENCE")}
    present = {name: value for name, value in issued.items() if value}
    return make_token(secret, user, role, exp=int(time.time()) + seconds, **present)


def send(client, method, path, **options):
    """The response; status 0 and the reason as its body when the connection fails."""
    began = time.monotonic()
    try:
        response = client.request(method, path, **options)
    except (OSError, http.client.HTTPException) as error:
        response = Answer(0, {}, (str(error) or repr(error)).encode())
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
