# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens for algorithms with a key pair, without an identity provider: mastery-ctl token, scripts/run and
the load test."""
import stat
import subprocess

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from harness.binaries import bin_dir
from harness.client import Client
from harness.deployment import signer, token_for
from harness.engine import Engine

PEM = serialization.Encoding.PEM
MAKERS = {
    "RS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "PS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


@pytest.fixture
def pair(tmp_path, request):
    """The settings with a key pair of this algorithm."""
    key = MAKERS[request.param]()
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    no_password = serialization.NoEncryption()
    private.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, no_password))
    public.write_bytes(key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    return {"JWT_ALGORITHM": request.param, "JWT_PRIVATE_KEY_FILE": str(private), "JWT_PUBLIC_KEY_FILE": str(public)}


def made(**settings):
    command = [bin_dir() / "mastery-ctl", "token", "--user", "someone", "--role", "teacher"]
    return subprocess.run(command, env=settings, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def cohorts(pool, token):
    return pool.request("GET", "/api/v1/cohorts", headers={"Authorization": f"Bearer {token}"}).status


@pytest.mark.parametrize("pair", MAKERS, indirect=True)
def test_token_by_private_key_is_accepted(start_pool, pair):
    pool = start_pool(JWT_SECRET=None, **pair)
    for _ in range(20):  # of ES256, numbers of all lengths
        assert cohorts(pool, made(**pair)) == 200


@pytest.mark.parametrize("pair", ["ES256"], indirect=True)
def test_token_has_the_claims_that_the_settings_name(start_pool, pair):
    pair |= {
        "JWT_SUBJECT_CLAIM": "/user/a~1b~0c/id",
        "JWT_ROLE_CLAIM": "/user/roles",
        "JWT_ROLE_MAP": "a=student, lms teacher=teacher",
        "JWT_ISSUER": "https://school.example",
        "JWT_AUDIENCE": "engine",
    }
    token = made(**pair)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["user"] == {"a/b~c": {"id": "someone"}, "roles": "lms teacher"}
    assert cohorts(start_pool(JWT_SECRET=None, **pair), token) == 200


@pytest.mark.parametrize("pair", ["ES256"], indirect=True)
def test_key_for_another_algorithm_signs_nothing(pair):
    command = [bin_dir() / "mastery-ctl", "token", "--user", "someone", "--role", "teacher"]
    settings = {**pair, "JWT_ALGORITHM": "RS256"}
    result = subprocess.run(command, env=settings, capture_output=True, text=True)
    assert result.returncode != 0 and "the key is not an RSA key" in result.stderr and not result.stdout


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_run_makes_a_key_pair(algorithm):
    """Also what scripts/load and tests/load sign with."""
    with Engine(JWT_ALGORITHM=algorithm, JWT_SECRET=None) as engine:
        private = engine.state_dir / "secrets" / f"jwt-{algorithm}.key"
        assert stat.S_IMODE(private.stat().st_mode) == 0o600
        key = signer(engine.values)
        for token in (engine.values["ADMIN_TOKEN"], *[token_for(key, "loader", "admin") for _ in range(5)]):
            assert Client(engine.base_url, token).get("/api/v1/compliance/audit/logs").status == 200


def test_run_with_a_provider_makes_no_tokens():
    with Engine(JWT_ALGORITHM="ES256", JWT_SECRET=None, NO_SEED=None, JWT_JWKS_URL="http://127.0.0.1:9/keys") as engine:
        assert engine.values["ADMIN_TOKEN"] == ""
        assert engine.client().get("/ready").json["dependencies"]["identity_provider"] == "unavailable"
