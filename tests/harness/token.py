# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens: good ones, and bad ones piece by piece."""
import base64
import hashlib
import hmac
import json
import time


def claims(user, role, **more):
    """The claims of a good token; a claim given as None is left out."""
    now = int(time.time())
    all_of_them = {"sub": user, "role": role, "iat": now, "exp": now + 3600, **more}
    return {name: value for name, value in all_of_them.items() if value is not None}


def make_token(secret, user, role, **more):
    return sign_claims(secret, claims(user, role, **more))


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign_raw(secret, header, payload, digest=hashlib.sha256):
    """A token whose header and payload are texts of the caller's, JSON or not, signed by HMAC."""
    signed = f"{b64url(header.encode())}.{b64url(payload.encode())}"
    signature = hmac.new(secret.encode(), signed.encode(), digest).digest()
    return f"{signed}.{b64url(signature)}"


def sign_claims(secret, payload, **header):
    """A token with any header fields over any claims."""
    return sign_raw(
        secret, json.dumps({"alg": "HS256", "typ": "JWT", **header}), json.dumps(payload)
    )
