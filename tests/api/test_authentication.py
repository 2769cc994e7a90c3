# SPDX-License-Identifier: GPL-3.0-or-later
"""401 in all its forms (RFC 6750, 7515, 7519, 8725)."""
import hashlib
import json
import time

import jwt
import pytest
from harness.engine import fresh_id
from harness.expect import assert_ok, assert_problem
from harness.token import b64url, claims, make_token, sign_claims, sign_raw
from harness.wait import wait_for

HEADER = '{"alg":"HS256","typ":"JWT"}'


def ask(engine, authorization, student="someone"):
    """What a student's own empty history says to this Authorization header."""
    client = engine.client()
    try:
        headers = {} if authorization is None else {"Authorization": authorization}
        return client.get(f"/api/v1/mastery/history/{student}", headers=headers)
    finally:
        client.close()


def good_claims(**more):
    changed = {**claims("someone", "student"), **more}
    return {name: value for name, value in changed.items() if value is not None}


def assert_refused(engine, token):
    response = ask(engine, f"Bearer {token}")
    error = assert_problem(response, 401, "AUTH_ERROR")
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
    return error


def test_good_token_is_taken(engine):
    assert_ok(ask(engine, f"Bearer {engine.token('someone', 'student')}"))


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "BeArEr"])
def test_scheme_may_be_written_in_any_case(engine, scheme):
    assert_ok(ask(engine, f"{scheme} {engine.token('someone', 'student')}"))


def test_whose_rights_are_lacking_is_told_so(engine, student):
    assert_ok(engine.calculate(student))
    response = engine.client("another", "student").get(f"/api/v1/mastery/history/{student}")
    assert_problem(response, 403, "FORBIDDEN")
    challenge = 'Bearer realm="mastery-engine", error="insufficient_scope"'
    assert response.headers["WWW-Authenticate"] == challenge


@pytest.mark.parametrize("authorization", [None, "", "Basic c29tZW9uZTpwYXNz", "Digest x=y"])
def test_without_bearer_credentials_no_error_is_named(engine, authorization):
    response = ask(engine, authorization)
    assert_problem(response, 401, "AUTH_ERROR")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="mastery-engine"'


@pytest.mark.parametrize(
    "authorization", ["Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "Bearerx"]
)
def test_malformed_header_is_401(engine, authorization):
    assert_problem(ask(engine, authorization), 401, "AUTH_ERROR")


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "not.a.token",
        ".",
        "..",
        "...",
        "a..",
        "..x",
        ".a.",
        "a.b",
        "a.b.c.d",
        "eyJhbGciOiJIUzI1NiJ9..",
        "%00.%00.%00",
        "A" * 8193,
        "A" * 4000 + "." + "A" * 4000 + "." + "A" * 300,
    ],
    ids=lambda token: token[:12],
)
def test_what_is_no_token_is_refused(engine, token):
    assert_refused(engine, token)


BAD_CLAIMS = {
    "expired": {"exp": 1300819380},
    "expired this very second": {"exp": int(time.time()) - 1},
    "no exp": {"exp": None},
    "exp 0": {"exp": 0},
    "exp negative": {"exp": -1},
    "exp a text": {"exp": "4102444800"},
    "exp a boolean": {"exp": True},
    "exp a list": {"exp": [4102444800]},
    "exp an object": {"exp": {}},
    "exp beyond any lifetime": {"exp": 10**15},
    "exp beyond int64": {"exp": 10**30},
    "no sub": {"sub": None},
    "sub empty": {"sub": ""},
    "sub no id": {"sub": "some one"},
    "sub with a leading dot": {"sub": ".someone"},
    "sub with a slash": {"sub": "some/one"},
    "sub too long": {"sub": "x" * 129},
    "sub a number": {"sub": 5},
    "no role": {"role": None},
    "role unknown": {"role": "root"},
    "role in capitals": {"role": "ADMIN"},
    "role service": {"role": "service"},
    "role none": {"role": "none"},
    "role empty": {"role": ""},
    "role a list of others": {"role": ["Admin", "root"]},
    "role a number": {"role": 3},
    "not yet": {"nbf": int(time.time()) + 86400},
    "nbf a text": {"nbf": "0"},
    "issued in the future": {"iat": int(time.time()) + 86400},
    "iat a text": {"iat": "0"},
    "an audience where none is configured": {"aud": "mastery-engine"},
    "a list of audiences": {"aud": ["mastery-engine", "other"]},
}


@pytest.mark.parametrize("changed", BAD_CLAIMS.values(), ids=BAD_CLAIMS)
def test_bad_claims_are_refused(engine, changed):
    assert_refused(engine, sign_claims(engine.secret, good_claims(**changed)))


@pytest.mark.parametrize(
    "more",
    [
        {"exp": time.time() + 86400.5},
        {"nbf": time.time() - 10.5},
        {"nbf": int(time.time())},
        {"iat": None},
        {"iss": "anybody"},
        {"jti": "x", "roles": ["admin"], "nested": {"a": [1, None, "ü"]}},
    ],
    ids=["fractions", "nbf with a fraction", "nbf now", "no iat", "iss", "foreign claims"],
)
def test_unusual_but_good_claims_are_taken(engine, more):
    token = sign_claims(engine.secret, good_claims(**more))
    assert_ok(ask(engine, f"Bearer {token}"))


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_the_issuers_clock_may_be_55_seconds_ahead(engine, claim):
    token = sign_claims(engine.secret, good_claims(**{claim: int(time.time()) + 55}))
    assert_ok(ask(engine, f"Bearer {token}"))


def test_token_ends_with_its_very_second(engine):
    def accepted():
        """A token that has been accepted: on a slow machine its end may come before the request."""
        expires = int(time.time()) + 2
        authorization = "Bearer " + engine.token("someone", "student", exp=expires)
        return ask(engine, authorization).status == 200 and (authorization, expires)

    authorization, expires = wait_for(accepted, "a token accepted before its end")
    time.sleep(max(0.0, expires - time.time()) + 0.02)
    assert_problem(ask(engine, authorization), 401, "AUTH_ERROR")


@pytest.mark.parametrize(
    "payload",
    [
        '{"sub":"someone","sub":"someone","role":"student","exp":4000000000}',
        '{"sub":"someone","role":"student","role":"admin","exp":EXP}',
        '{"sub":"someone","role":"student","r\\u006fle":"admin","exp":EXP}',
        '{"sub":"someone","role":"student","exp":EXP}x',
        '{"sub":"someone","role":"student","exp":NaN}',
        '{"sub":"someone","role":"student","exp":Infinity}',
        '{"sub":"some\\u0000one","role":"student","exp":EXP}',
        '["someone","student"]',
        '"someone"',
        "null",
        "",
        "{",
    ],
    ids=lambda payload: payload[:60],
)
def test_payload_that_is_no_sound_json_object_is_refused(engine, payload):
    payload = payload.replace("EXP", str(int(time.time()) + 86400))
    assert_refused(engine, sign_raw(engine.secret, HEADER, payload))


def test_wrong_secret_is_refused(engine):
    token = make_token("another secret of at least 32 bytes!!", "someone", "student")
    assert_refused(engine, token)


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", "NONE", ""])
def test_unsigned_tokens_are_refused(engine, algorithm):
    header = b64url(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
    payload = b64url(json.dumps(good_claims()).encode())
    for signature in ("", "x", b64url(b"\x00" * 32)):
        assert_refused(engine, f"{header}.{payload}.{signature}")


@pytest.mark.parametrize(
    "algorithm, digest", [("HS384", hashlib.sha384), ("HS512", hashlib.sha512)]
)
def test_other_hmac_algorithms_are_refused_though_the_secret_is_right(engine, algorithm, digest):
    header = json.dumps({"alg": algorithm, "typ": "JWT"})
    assert_refused(engine, sign_raw(engine.secret, header, json.dumps(good_claims()), digest))


@pytest.mark.parametrize(
    "algorithm", ["hs256", "Hs256", "HS256 ", "RS256", "ES256", "PS256", "HS255"]
)
def test_algorithm_must_be_named_exactly(engine, algorithm):
    header = json.dumps({"alg": algorithm, "typ": "JWT"})
    assert_refused(engine, sign_raw(engine.secret, header, json.dumps(good_claims())))


@pytest.mark.parametrize(
    "header",
    [
        '{"typ":"JWT"}',
        '{"alg":5}',
        '{"alg":null}',
        '{"alg":["HS256"]}',
        '{"alg":"HS256","alg":"none"}',
        '{"alg":"none","alg":"HS256"}',
        '{"alg":"HS256","crit":["b64"],"b64":false}',
        '{"alg":"HS256","crit":["exp"]}',
        "[]",
        "null",
        "{",
    ],
)
def test_bad_header_is_refused(engine, header):
    assert_refused(engine, sign_raw(engine.secret, header, json.dumps(good_claims())))


def test_key_id_is_no_matter(engine):
    token = sign_claims(engine.secret, good_claims(), kid="../../etc/passwd", jku="http://x/")
    assert ask(engine, f"Bearer {token}").status in (200, 401)


def altered(token):
    """Every part of a good token spoilt a little."""
    header, payload, signature = token.split(".")
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    other = b64url(json.dumps(claims("someone", "admin")).encode())
    return {
        "signature changed": f"{header}.{payload}.{flipped}",
        "signature cut": f"{header}.{payload}.{signature[:-1]}",
        "signature longer": f"{header}.{payload}.{signature}A",
        "signature empty": f"{header}.{payload}.",
        "padding": f"{header}.{payload}.{signature}=",
        "payload changed": f"{header}.{other}.{signature}",
        "payload padded": f"{header}.{payload}=.{signature}",
        "fourth part": f"{header}.{payload}.{signature}.x",
        "fourth dot": f"{header}.{payload}.{signature}.",
        "dot in front": f".{header}.{payload}.{signature}",
        "plus": f"{header}.{payload}.+{signature[1:]}",
        "slash": f"{header}.{payload}./{signature[1:]}",
        "quoted": f'"{token}"',
        "unused bits": f"{header}.{payload}.{signature[:-1]}{next_letter(signature[-1])}",
    }


def next_letter(letter):
    """The letter whose six bits differ in the last one, unused at the end of 32 bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(letter) ^ 1]


@pytest.mark.parametrize("how", altered("a.b.cAA"))
def test_altered_token_is_refused(engine, how):
    token = altered(engine.token("someone", "student"))[how]
    assert_refused(engine, token)


def test_altered_token_is_refused_when_the_good_one_is_remembered(engine):
    token = engine.token("someone", "student")
    assert_ok(ask(engine, f"Bearer {token}"))
    for bad in altered(token).values():
        assert_problem(ask(engine, f"Bearer {bad}"), 401, "AUTH_ERROR")
    assert_ok(ask(engine, f"Bearer {token}"))


def test_refusal_never_says_which_check_of_the_signature_failed(engine):
    errors = {
        assert_refused(engine, token)["message"]
        for token in (
            make_token("another secret of at least 32 bytes!!", "someone", "student"),
            altered(engine.token("someone", "student"))["signature cut"],
            altered(engine.token("someone", "student"))["payload changed"],
        )
    }
    assert len(errors) == 1


def test_example_of_rfc_7515_is_refused(engine):
    token = (
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290"
        "Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    )
    assert_refused(engine, token)


def test_token_of_eight_kibibytes_is_taken(engine):
    for size in range(5800, 6100):
        token = engine.token("someone", "student", pad="x" * size)
        if len(token) == 8192:
            break
    assert len(token) <= 8192
    assert_ok(ask(engine, f"Bearer {token}"))


def test_tokens_in_query_or_body_do_not_count(engine, student):
    client, token = engine.client(), engine.token(student, "student")
    path = f"/api/v1/mastery/history/{student}"
    for query in (f"?access_token={token}", f"?token={token}"):
        assert_problem(client.get(path + query), 401)
    body = {"student_id": student, "access_token": token}
    assert_problem(client.post("/api/v1/mastery/query", body), 401)


def test_open_endpoints_do_not_mind_a_bad_token(engine):
    for path in ("/health", "/ready", "/", "/metrics", "/openapi.json"):
        assert engine.client().get(path, token="not.a.token").status == 200


def test_many_users_at_once_are_never_mixed_up(engine):
    users = [fresh_id() for _ in range(50)]
    client = engine.client()
    for _ in range(3):
        for user in users:
            token = engine.token(user, "student")
            response = client.get(f"/api/v1/mastery/history/{user}", token=token)
            assert assert_ok(response)["student_id"] == user
    other = client.get(
        f"/api/v1/mastery/history/{users[0]}", token=engine.token(users[1], "student")
    )
    assert_problem(other, 403)


def test_tokens_of_pyjwt_and_of_mastery_ctl_are_the_same_thing(engine, student):
    made = engine.ctl("token", "--user", student, "--role", "student").strip().split("\n")[-1]
    assert jwt.decode(made, engine.secret, algorithms=["HS256"])["sub"] == student
    assert_ok(ask(engine, f"Bearer {made}", student))
