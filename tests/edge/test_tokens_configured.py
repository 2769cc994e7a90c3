# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys other than one shared secret: rotation, public keys, issuer, audience (hazards W1 to W5)."""
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from harness.token import claims, make_token, sign_claims, sign_raw
from harness.wait import wait_for

OLD = "the old secret, which is to go away soon after"
NEW = "the new secret, which has come instead of it"


def status(pool, token):
    path = "/api/v1/mastery/history/someone"
    return pool.request("GET", path, headers={"Authorization": f"Bearer {token}"}).status


def pem_of(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def ec_key():
    return ec.generate_private_key(ec.SECP256R1())


def test_all_secrets_verify_during_rotation(start_pool):
    pool = start_pool(JWT_SECRET=f"{NEW}\n{OLD}")
    for secret in (NEW, OLD):
        assert status(pool, make_token(secret, "someone", "student")) == 200
    joined = make_token(f"{NEW}\n{OLD}", "someone", "student")
    assert status(pool, joined) == 401


def test_secret_comes_from_a_file(start_pool, tmp_path):
    (tmp_path / "secret").write_text(NEW + "\n")
    pool = start_pool(JWT_SECRET_FILE=tmp_path / "secret", JWT_SECRET="")
    assert status(pool, make_token(NEW, "someone", "student")) == 200
    assert status(pool, make_token(OLD, "someone", "student")) == 401


def test_issuer_is_checked_when_configured(start_pool):
    pool = start_pool(JWT_SECRET=NEW, JWT_ISSUER="https://issuer.example")
    good = make_token(NEW, "someone", "student", iss="https://issuer.example")
    assert status(pool, good) == 200
    for issuer in (None, "https://issuer.example/", "", "other", ["https://issuer.example"]):
        bad = sign_claims(NEW, claims("someone", "student", iss=issuer))
        assert status(pool, bad) == 401, issuer


def test_audience_is_required_when_configured(start_pool):
    pool = start_pool(JWT_SECRET=NEW, JWT_AUDIENCE="mastery")
    for audience in ("mastery", ["mastery"], ["other", "mastery"]):
        assert status(pool, make_token(NEW, "someone", "student", aud=audience)) == 200
    for audience in (None, "other", ["other"], [], "Mastery", "mastery ", 5, {"mastery": 1}):
        bad = sign_claims(NEW, claims("someone", "student", aud=audience))
        assert status(pool, bad) == 401, audience


def test_rs256_takes_its_key_and_no_other(start_pool, tmp_path, rsa_key):
    (tmp_path / "pem").write_bytes(pem_of(rsa_key))
    pool = start_pool(JWT_ALGORITHM="RS256", JWT_PUBLIC_KEY_FILE=tmp_path / "pem", JWT_SECRET="")
    good = claims("someone", "student")
    assert status(pool, jwt.encode(good, rsa_key, algorithm="RS256")) == 200
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert status(pool, jwt.encode(good, stranger, algorithm="RS256")) == 401
    for algorithm in ("RS384", "RS512", "PS256"):
        assert status(pool, jwt.encode(good, rsa_key, algorithm=algorithm)) == 401


def test_public_key_is_no_hmac_secret(start_pool, tmp_path, rsa_key):
    pem = pem_of(rsa_key).decode()
    (tmp_path / "pem").write_text(pem)
    pool = start_pool(JWT_ALGORITHM="RS256", JWT_PUBLIC_KEY_FILE=tmp_path / "pem", JWT_SECRET="")
    payload = json.dumps(claims("someone", "admin"))
    for text in (pem, pem.strip(), pem.replace("\n", "\r\n")):
        for algorithm in ("HS256", "RS256"):
            header = json.dumps({"alg": algorithm, "typ": "JWT"})
            assert status(pool, sign_raw(text, header, payload)) == 401


def test_es256_takes_its_key_and_no_other(start_pool, tmp_path, ec_key):
    (tmp_path / "pem").write_bytes(pem_of(ec_key))
    pool = start_pool(JWT_ALGORITHM="ES256", JWT_PUBLIC_KEY_FILE=tmp_path / "pem", JWT_SECRET="")
    good = claims("someone", "student")
    for _ in range(20):
        assert status(pool, jwt.encode(good, ec_key, algorithm="ES256")) == 200
    stranger = ec.generate_private_key(ec.SECP256R1())
    assert status(pool, jwt.encode(good, stranger, algorithm="ES256")) == 401
    token = jwt.encode(good, ec_key, algorithm="ES256")
    assert status(pool, token[:-4]) == 401
    header = json.dumps({"alg": "HS256", "typ": "JWT"})
    assert status(pool, sign_raw(pem_of(ec_key).decode(), header, json.dumps(good))) == 401


def test_two_public_keys_verify_during_rotation(start_pool, tmp_path, rsa_key):
    second = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (tmp_path / "pem").write_bytes(pem_of(rsa_key) + pem_of(second))
    pool = start_pool(JWT_ALGORITHM="RS256", JWT_PUBLIC_KEY_FILE=tmp_path / "pem", JWT_SECRET="")
    for key in (rsa_key, second):
        token = jwt.encode(claims("someone", "student"), key, algorithm="RS256")
        assert status(pool, token) == 200


def test_hmac_token_is_nothing_to_a_pool_of_another_algorithm(start_pool, tmp_path, ec_key):
    (tmp_path / "pem").write_bytes(pem_of(ec_key))
    pool = start_pool(JWT_ALGORITHM="ES256", JWT_PUBLIC_KEY_FILE=tmp_path / "pem", JWT_SECRET=NEW)
    assert status(pool, make_token(NEW, "someone", "student")) == 401


def test_remembered_token_still_ends_with_its_time(start_pool):
    pool = start_pool(JWT_SECRET=NEW)

    def accepted():
        """A token that has been accepted: on a slow machine its end may come before the request."""
        expires = int(time.time()) + 2
        token = make_token(NEW, "someone", "student", exp=expires)
        return status(pool, token) == 200 and (token, expires)

    token, expires = wait_for(accepted, "a token accepted before its end")
    time.sleep(max(0.0, expires - time.time()) + 0.02)
    assert status(pool, token) == 401
