# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens of identity providers: key files as providers show them, key sets, algorithms, and claims with
other names (docs/identity.md)."""
import base64
import datetime
import json

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from harness.pool import SECRET
from harness.token import claims, sign_claims
from harness.wait import wait_for
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
SPKI, PKCS1 = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.PKCS1
GOOD = claims("someone", "student")


def new_rsa():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def key():
    return new_rsa()


@pytest.fixture(scope="module")
def stranger():
    return new_rsa()


def public(key, encoding=PEM, form=SPKI):
    return key.public_key().public_bytes(encoding, form)


def certificate(key, encoding=PEM):
    """One that has ended, as providers' certificates do while their keys go on."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "provider")])
    day = datetime.datetime(2020, 1, 1)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, day, day + datetime.timedelta(1))
    return made.sign(key, hashes.SHA256()).public_bytes(encoding)


def jwk(algorithm, key, **members):
    made = json.loads(algorithm.to_jwk(key.public_key()))
    if made["kty"] == "EC":  # this library leaves out leading zeros, which RFC 7518 section 6.2.1.2 requires
        numbers = key.public_key().public_numbers()
        for name, number in (("x", numbers.x), ("y", numbers.y)):
            made[name] = base64.urlsafe_b64encode(number.to_bytes(32, "big")).decode().rstrip("=")
    return {**made, "key_ops": ["verify"], **members}


def key_set(*keys):
    return json.dumps({"keys": keys}).encode()


def start(start_pool, path, content, algorithm="RS256", **settings):
    path.write_bytes(content)
    return start_pool(JWT_ALGORITHM=algorithm, JWT_PUBLIC_KEY_FILE=path, JWT_SECRET="", **settings)


def get(pool, token, path="/api/v1/mastery/history/someone"):
    return pool.request("GET", path, headers={"Authorization": f"Bearer {token}"})


def signed(key, body=GOOD, algorithm="RS256", **header):
    return jwt.encode(body, key, algorithm=algorithm, headers=header)


# Key files

FORMS = {
    "a PEM public key": public,
    "a PKCS #1 key": lambda key: public(key, form=PKCS1),
    "a certificate": certificate,
    "escaped line breaks": lambda key: public(key).replace(b"\n", b"\\n"),
    "Windows line breaks and a byte order mark": lambda key: b"\xef\xbb\xbf" + public(key).replace(b"\n", b"\r\n"),
    "base64 of a key": lambda key: base64.b64encode(public(key, DER)),
    "base64 of a key in lines": lambda key: base64.encodebytes(public(key, DER)),
    "base64 of a certificate": lambda key: base64.b64encode(certificate(key, DER)),
    "a key set": lambda key: key_set(jwk(RSAAlgorithm, key)),
    "text around the key": lambda key: b"Key of the realm:\n" + public(key) + b"end\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_public_key_as_the_provider_shows_it(start_pool, tmp_path, key, stranger, form):
    """Field case C19."""
    pool = start(start_pool, tmp_path / "keys", FORMS[form](key))
    assert get(pool, signed(key)).status == 200
    assert get(pool, signed(stranger)).status == 401


def test_provider_with_64_signing_keys(start_pool, tmp_path):
    """Field case C18."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(64)]
    pool = start(start_pool, tmp_path / "keys", b"".join(map(public, keys)), "ES256")
    for key in keys:
        assert get(pool, signed(key, algorithm="ES256")).status == 200


def test_key_of_a_set_is_chosen_by_its_name(start_pool, tmp_path, key, stranger):
    other = ec.generate_private_key(ec.SECP256R1())
    content = key_set(
        jwk(RSAAlgorithm, stranger, kid="encryption", use="enc"),
        jwk(RSAAlgorithm, stranger, kid="another algorithm", alg="RS512"),
        jwk(ECAlgorithm, other, kid="another type"),
        {"kty": "new", "kid": "of a type that is not known"},
        "no key",
        jwk(RSAAlgorithm, key, kid="first", use="sig", alg="RS256"),
    )
    pool = start(start_pool, tmp_path / "keys", content)
    assert get(pool, signed(key, kid="first")).status == 200
    assert get(pool, signed(key)).status == 200
    assert get(pool, signed(key, kid="another type")).status == 401
    for kid in ("encryption", "another algorithm", "first"):
        assert get(pool, signed(stranger, kid=kid)).status == 401


ALGORITHMS = {
    "PS256": (new_rsa, RSAAlgorithm),
    "ES256": (lambda: ec.generate_private_key(ec.SECP256R1()), ECAlgorithm),
    "EdDSA": (ed25519.Ed25519PrivateKey.generate, OKPAlgorithm),
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_algorithm_by_pem_and_by_key_set(start_pool, tmp_path, algorithm):
    make, kind = ALGORITHMS[algorithm]
    first, second, foreign = make(), make(), make()
    for i, content in enumerate((public(first) + public(second), key_set(jwk(kind, first), jwk(kind, second)))):
        pool = start(start_pool, tmp_path / str(i), content, algorithm)
        for key in (first, second):
            assert get(pool, signed(key, algorithm=algorithm)).status == 200
        token = signed(first, algorithm=algorithm)
        assert get(pool, token[:-8] + "AAAAAAA" + token[-1]).status == 401
        assert get(pool, signed(foreign, algorithm=algorithm)).status == 401
        assert get(pool, sign_claims(SECRET, GOOD)).status == 401


def test_rs256_token_is_not_accepted_for_ps256(start_pool, tmp_path, key):
    pool = start(start_pool, tmp_path / "keys", public(key), "PS256")
    assert get(pool, signed(key, algorithm="PS256")).status == 200
    assert get(pool, signed(key, algorithm="RS256")).status == 401


def test_access_tokens_of_rfc_9068(start_pool, tmp_path, key):
    pool = start(start_pool, tmp_path / "keys", public(key))
    for kind in ("at+jwt", "AT+JWT", "application/at+jwt", "JWT"):
        assert get(pool, signed(key, typ=kind)).status == 200
    for kind in ("dpop+jwt", "logout+jwt", "at+jwt "):
        assert get(pool, signed(key, typ=kind)).status == 401, kind


# Claims

LTI_ROLES = "https://purl.imsglobal.org/spec/lti/claim/roles"
LTI_TEACHER = "http://purl.imsglobal.org/vocab/lis/v2/membership#Instructor"
MAP = f"lms-student=student, lms teacher = teacher ,{LTI_TEACHER}=teacher,k=v=admin"
PATHS = {"student": "/api/v1/mastery/history/someone", "teacher": "/api/v1/cohorts", "admin": "/api/v1/compliance/audit/logs"}
ALLOWED = {"student": ["student"], "teacher": ["teacher"], "admin": ["student", "teacher", "admin"]}

CLAIMED = [
    # settings, claims instead of `role`, the role that they mean; None: 401
    ({}, {"role": "teacher"}, "teacher"),
    ({}, {"role": ["offline_access", "student", "teacher"]}, "teacher"),
    ({}, {"role": ["teacher", "admin", "student"]}, "admin"),
    ({}, {"role": ["Teacher"]}, None),
    ({}, {"role": []}, None),
    ({}, {"role": [["admin"]]}, None),
    ({}, {"role": [None, 7, "student"]}, "student"),
    ({}, {"role": {"admin": True}}, None),
    ({}, {"role": "service"}, None),
    ({}, {"role": "student,admin"}, None),
    ({"JWT_ROLE_CLAIM": "/realm_access/roles"}, {"realm_access": {"roles": ["uma", "teacher"]}}, "teacher"),
    ({"JWT_ROLE_CLAIM": "/realm_access/roles"}, {"role": "admin", "realm_access": {}}, None),
    ({"JWT_ROLE_CLAIM": "/realm_access/roles"}, {"role": "admin", "realm_access": 5}, None),
    ({"JWT_ROLE_CLAIM": "/groups/0"}, {"groups": ["student", "admin"]}, "student"),
    ({"JWT_ROLE_CLAIM": "https://school.example/roles"}, {"https://school.example/roles": ["admin"]}, "admin"),
    ({"JWT_ROLE_CLAIM": "/" + LTI_ROLES.replace("/", "~1"), "JWT_ROLE_MAP": MAP}, {LTI_ROLES: [LTI_TEACHER]}, "teacher"),
    ({"JWT_ROLE_MAP": MAP}, {"role": "lms-student"}, "student"),
    ({"JWT_ROLE_MAP": MAP}, {"role": ["lms teacher", "lms-student"]}, "teacher"),
    ({"JWT_ROLE_MAP": MAP}, {"role": "k=v"}, "admin"),
    ({"JWT_ROLE_MAP": MAP}, {"role": "admin"}, None),
    ({"JWT_ROLE_MAP": MAP}, {"role": "k"}, None),
    ({"JWT_ROLE_MAP": MAP}, {"role": ""}, None),
]


@pytest.mark.parametrize("settings, claimed, role", CLAIMED, ids=range(len(CLAIMED)))
def test_role_comes_from_the_configured_claim(start_pool, settings, claimed, role):
    """Field case C34."""
    pool = start_pool(**settings)
    body = {name: value for name, value in GOOD.items() if name != "role"}
    token = sign_claims(SECRET, {**body, **claimed})
    for wanted, path in PATHS.items():
        status = get(pool, token, path).status
        if role is None:
            assert status == 401
        else:
            assert (status == 200) == (wanted in ALLOWED[role]), (wanted, status)


@pytest.mark.parametrize("claim, place", [
    ("preferred_username", {"preferred_username": "someone"}),
    ("/user/id", {"user": {"id": "someone"}}),
])  # fmt: skip
def test_subject_comes_from_the_configured_claim(start_pool, claim, place):
    pool = start_pool(JWT_SUBJECT_CLAIM=claim)
    body = {"role": "student", "exp": GOOD["exp"], "sub": "somebody-else"}
    assert get(pool, sign_claims(SECRET, {**body, **place})).status == 200
    for wrong in ({}, {"preferred_username": "", "user": {"id": 5}}):
        response = get(pool, sign_claims(SECRET, {**body, "sub": "someone", **wrong}))
        assert response.status == 401 and f"({claim})" in response.json["error"]["message"]


# The log


def refusals(pool, count):
    """The log lines of so many refused requests; a line is written after its response."""

    found = lambda: [line for line in pool.lines("request") if line["status"] == 401]
    wait_for(lambda: len(found()) == count, "logged")
    return found()


def without(name):
    return {key: value for key, value in GOOD.items() if key != name}


ISSUER = "https://school.example"
REASONS = {
    "no role": (without("role"), {}, "the token has no claim role"),
    "unknown role": ({**GOOD, "role": ["guest"]}, {}, 'the claim role is ["guest"]'),
    "slash": ({**GOOD, "iss": ISSUER + "/"}, {}, "JWT_ISSUER by the slash at the end"),
    "issuer": ({**GOOD, "iss": "x"}, {}, 'the claim iss is "x"'),
    "audience": ({**GOOD, "iss": ISSUER, "aud": ["account"]}, {}, 'the claim aud is ["account"]'),
    "expired": ({**GOOD, "exp": 5}, {}, "the claim exp is 5"),
    "type": (GOOD, {"typ": "other"}, "another type (typ)"),
    "subject": ({**GOOD, "sub": "a secret name"}, {}, "the claim sub is no id"),
}


@pytest.mark.parametrize("case", REASONS)
def test_log_says_which_check_failed_and_what_the_token_had(start_pool, case):
    body, header, reason = REASONS[case]
    pool = start_pool(JWT_ISSUER=ISSUER)
    token = jwt.encode(body, SECRET, algorithm="HS256", headers=header)
    assert get(pool, token).status == 401
    [line] = refusals(pool, 1)
    assert reason in line["reason"] and "a secret name" not in json.dumps(line)
    assert not any(part in json.dumps(line) for part in token.split("."))


def test_log_names_algorithm_and_key(start_pool, tmp_path, key, stranger):
    pool = start(start_pool, tmp_path / "keys", key_set(jwk(RSAAlgorithm, key, kid="a")))
    for token in (sign_claims(SECRET, GOOD), signed(stranger, kid="b"), signed(stranger), "a.b"):
        assert get(pool, token).status == 401
    assert [line["reason"] for line in refusals(pool, 4)] == [
        "the token's algorithm is HS256, and JWT_ALGORITHM is RS256",
        "no key verifies the signature; the token's kid is b",
        "no key verifies the signature; the token's kid is absent",
        "the token is not of the form header.payload.signature in base64url",
    ]
