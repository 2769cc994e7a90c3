# SPDX-License-Identifier: GPL-3.0-or-later
"""10 000 tokens that are not quite right: none is taken that another library would refuse."""
import json
import random

import jwt
from harness.pool import SECRET
from harness.token import b64url, claims, sign_raw

SEED, TOKENS = 20260131, 10000
PATH = "/api/v1/predictions/config"  # takes any user's token and asks Redis nothing
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
HEADERS = [
    {"alg": "HS256", "typ": "JWT"},
    {"alg": "HS256"},
    {"alg": "HS256", "kid": "1"},
    {"typ": "JWT", "alg": "HS256", "jku": "https://example.org/keys"},
    {"alg": "HS384"},
    {"alg": "hs256"},
    {"alg": "none"},
    {"alg": "RS256"},
    {"alg": "HS256", "crit": ["exp"]},
    {"alg": "HS256", "typ": "at+jwt"},
    {"alg": ["HS256"]},
    {},
]
KEYS = [*[SECRET] * 6, "", SECRET[:-1], SECRET + "\n", "x" * 32]
CHANGES = {
    "exp": [None, 0, -1, 1300819380, "2000000000", 1e300, 1e20, [], True, 10**20],
    "nbf": [None, 0, 4000000000, "0", {}],
    "iat": [None, 0, 4000000000, "0"],
    "sub": [None, "", "someone", 5, ["someone"], "a b", "../x"],
    "role": [None, "admin", "service", "root", ["admin"], 1],
    "aud": [None, "x", ["x", "y"], []],
    "iss": [None, "x", 5],
}


def signed(rng):
    """Header, claims and key drawn by lot: most of it wrong, some of it right."""
    payload = claims("someone", rng.choice(["student", "teacher", "admin"]))
    for name in rng.sample(list(CHANGES), rng.choice([0, 0, 1, 2])):
        payload[name] = rng.choice(CHANGES[name])
    payload = {name: value for name, value in payload.items() if value is not None}
    header = rng.choice(HEADERS[:4] if rng.random() < 0.6 else HEADERS)
    return sign_raw(rng.choice(KEYS), json.dumps(header), json.dumps(payload))


def cut(rng, token):
    return token[: rng.randrange(len(token))]


def other_character(rng, token):
    at = rng.randrange(len(token))
    return token[:at] + rng.choice(ALPHABET + "=.+/ \n\t\x7f\xe9") + token[at + 1 :]


def other_bit(rng, token):
    at, bit = rng.randrange(len(token)), 1 << rng.randrange(7)
    return token[:at] + (chr(ord(token[at]) ^ bit) or "x") + token[at + 1 :]


def inserted(rng, token):
    at = rng.randrange(len(token) + 1)
    return token[:at] + rng.choice(ALPHABET + "=. ") * rng.randrange(1, 4) + token[at:]


def removed(rng, token):
    at = rng.randrange(len(token))
    return token[:at] + token[at + rng.randrange(1, 4) :]


def last_character(rng, token):
    """Often only bits that base64url does not use."""
    return token[:-1] + rng.choice(ALPHABET)


def parts_exchanged(rng, token):
    parts, others = token.split("."), signed(rng).split(".")
    at = rng.randrange(min(len(parts), 3))
    return ".".join(parts[:at] + others[at : at + 1] + parts[at + 1 :])


def part_replaced(rng, token):
    """A part that is JSON, but another one, under the old signature."""
    parts = token.split(".")
    text = rng.choice(['{"alg":"none"}', "{}", "[]", "null", '{"sub":"root","role":"admin"}'])
    at = rng.randrange(len(parts))
    return ".".join(parts[:at] + [b64url(text.encode())] + parts[at + 1 :])


def untouched(_, token):
    return token


WAYS = [cut, other_character, other_bit, inserted, removed, last_character]
WAYS += [parts_exchanged, part_replaced, untouched, untouched]


def mutated(rng):
    token = signed(rng)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        token = rng.choice(WAYS)(rng, token) or "x"
    return token.replace("\0", "x")  # no header has it


def other_library_takes(token):
    try:
        jwt.decode(
            token.strip(" \t"),  # of the header's value
            SECRET,
            algorithms=["HS256"],
            leeway=31,
            options={"require": ["exp", "sub", "role"]},
        )
    except Exception:  # whatever it stumbles over, it does not take it
        return False
    return True


def test_no_mutated_token_is_taken_that_another_library_refuses(start_pool):
    pool, rng = start_pool(), random.Random(SEED)
    taken = 0
    with pool.connect() as connection:
        for number in range(TOKENS):
            token = mutated(rng)
            response = connection.request("GET", PATH, token=token, REQUEST_ID=f"t{number}")
            assert response.status in (200, 401), (number, token)
            if response.status == 200:
                taken += 1
                assert other_library_takes(token), (number, token)
    assert 300 < taken < TOKENS / 2, "the good ones among them are taken"
