# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys fetched from an identity provider, by JWT_JWKS_URL or OIDC_ISSUER (docs/identity.md)."""
import contextlib
import json
import os
import signal
import subprocess
import threading
import time

import pytest
from harness.binaries import ROOT, bin_dir, sanitizer_options
from harness.load import Load
from harness.pool import AUDIT_KEY
from harness.prometheus import Scrape
from harness.provider import DISCOVERY, KEYS, Key, Provider
from harness.redis_server import without_none
from harness.tls import Authority
from harness.wait import wait_for

HISTORY = "/api/v1/mastery/history/someone"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def provider(authority):
    with Provider(authority) as made:
        yield made


@pytest.fixture
def start(start_pool, provider, authority):
    """A pool with the keys of the provider; settings of None are left out."""

    def begin(**settings):
        defaults = {
            "JWT_ALGORITHM": "ES256",
            "JWT_SECRET": None,
            "JWT_JWKS_URL": provider.keys_url,
            "JWT_CA_FILE": str(authority.path),
        }
        return start_pool(**{**defaults, **settings})

    return begin


def get(pool, token, path=HISTORY):
    return pool.request("GET", path, headers={"Authorization": f"Bearer {token}"})


def status(pool, token):
    return get(pool, token).status


def everywhere(pool, wanted, token):
    """Whether the pool's processes, which share the connections, all answer so."""
    return all(status(pool, token) == wanted for _ in range(8 * pool.size))


def metric(pool, name, **labels):
    samples = Scrape(pool.request("GET", "/metrics").text).samples
    return samples.get((f"mastery_engine_{name}", frozenset(labels.items())), 0)


def failed(pool):
    return metric(pool, "provider_fetches_total", status="failed")


def dependency(pool):
    return pool.request("GET", "/ready").json["dependencies"].get("identity_provider")


# From where


def test_keys_by_url_and_by_discovery(start, provider):
    [key] = provider.keys
    issued = key.token(iss=provider.issuer)
    assert status(start(), issued) == 200
    assert provider.calls == [KEYS]
    pool = start(JWT_JWKS_URL=None, OIDC_ISSUER=provider.issuer)
    assert status(pool, issued) == 200
    assert provider.calls == [KEYS, "/realms/school" + DISCOVERY, KEYS]
    assert dependency(pool) == "healthy" and metric(pool, "provider_keys_age_seconds") < 60


def test_issuer_of_discovery_is_required_in_tokens(start, provider):
    [key] = provider.keys
    pool = start(JWT_JWKS_URL=None, OIDC_ISSUER=provider.issuer)
    assert status(pool, key.token(iss=provider.issuer + "/")) == 401
    [line] = wait_for(lambda: [line for line in pool.lines("request") if line["status"] == 401], "logged")
    assert "differs from JWT_ISSUER by the slash at the end" in line["reason"]
    assert status(pool, key.token()) == 401
    pool = start(JWT_JWKS_URL=None, OIDC_ISSUER=provider.issuer, JWT_ISSUER="another")
    assert status(pool, key.token(iss="another")) == 200


def test_issuer_with_a_slash_at_its_end(start, provider):
    """As Auth0's. The path of the document has one slash."""
    issuer = f"https://127.0.0.1:{provider.port}/"
    document = json.dumps({"issuer": issuer, "jwks_uri": provider.keys_url}).encode()
    provider.other[DISCOVERY] = (200, {}, document)
    pool = start(JWT_JWKS_URL=None, OIDC_ISSUER=issuer)
    assert status(pool, provider.keys[0].token(iss=issuer)) == 200


# What is not accepted


def set_of(*keys):
    return json.dumps({"keys": [getattr(key, "jwk", key) for key in keys]}).encode()


def document(**members):
    return json.dumps(members).encode()


HERE = "https://127.0.0.1"
BAD = {
    "garbage": (KEYS, (200, {}, b"\x00\xff<html>"), "no JWK Set"),
    "broken JSON": (KEYS, (200, {}, b'{"keys":['), "no valid JSON"),
    "PEM": (KEYS, (200, {}, b"-----BEGIN PUBLIC KEY-----\n"), "no JWK Set"),
    "no list": (KEYS, (200, {}, b'{"keys":{}}'), "no list `keys`"),
    "no key": (KEYS, (200, {}, set_of()), "no public key for ES256"),
    "no usable key": (KEYS, (200, {}, set_of({**Key("x").jwk, "use": "enc"})), "no public key"),
    "65 keys": (KEYS, (200, {}, set_of(*[Key(str(i)) for i in range(65)])), "more than 64 keys"),
    "huge": (KEYS, (200, {}, b" " * 300_000 + set_of(Key("x"))), "has more than 262144 bytes"),
    "an error": (KEYS, (500, {}, set_of(Key("x"))), "status 500"),
    "nothing": (KEYS, (204, {}, b""), "status 204"),
    "a redirect": (KEYS, (302, {"Location": "/else"}, b""), "redirects are not followed"),
    "no document": (DISCOVERY, (404, {}, b"{}"), "status 404"),
    "document of garbage": (DISCOVERY, (200, {}, b"[]"), "no JSON object"),
    "document without issuer": (DISCOVERY, (200, {}, document(jwks_uri=HERE)), "names no issuer"),
    "document of another": (DISCOVERY, (200, {}, document(issuer=HERE, jwks_uri=HERE)), f"issuer {HERE}, not"),
    "document without keys": (DISCOVERY, (200, {}, "issuer"), "jwks_uri of the discovery document is not there"),
    "keys without TLS": (DISCOVERY, (200, {}, "http://school.example/keys"), "does not begin with https://"),
    "keys of a file": (DISCOVERY, (200, {}, "file:///etc/passwd"), "does not begin with https://"),
}


def completed(body, provider):
    """A document of the right issuer, for a body that is only the URL of its keys."""
    if isinstance(body, bytes):
        return body
    return document(issuer=provider.issuer, **({} if body == "issuer" else {"jwks_uri": body}))


@pytest.mark.parametrize("case", BAD)
def test_bad_response_is_no_key_set(start, provider, case):
    path, (code, headers, body), reason = BAD[case]
    by_discovery = path == DISCOVERY
    where = "/realms/school" + DISCOVERY if by_discovery else KEYS
    provider.other[where] = (code, headers, completed(body, provider))
    provider.other["/else"] = (200, {}, set_of(*provider.keys))
    source = {"JWT_JWKS_URL": None, "OIDC_ISSUER": provider.issuer} if by_discovery else {}
    pool = start(**source)
    response = get(pool, provider.keys[0].token(iss=provider.issuer))
    assert response.status == 503 and int(response.headers["retry-after"]) > 0
    line = wait_for(lambda: pool.lines("provider.failed"), "logged")[0]
    assert reason in line["reason"], line["reason"]
    assert dependency(pool) == "unavailable" and "/else" not in provider.calls
    provider.other.clear()
    wait_for(lambda: status(pool, provider.keys[0].token(iss=provider.issuer)) == 200, "the right keys")
    assert dependency(pool) == "healthy"


def test_server_without_a_trusted_certificate_is_refused(start, provider, tmp_path):
    pool = start(JWT_CA_FILE=str(Authority(tmp_path / "other", "Another authority").path))
    assert status(pool, provider.keys[0].token()) == 503
    line = wait_for(lambda: pool.lines("provider.failed"), "logged")[0]
    assert "certificate" in line["reason"], line
    assert provider.calls == []


def test_certificate_of_another_host_is_refused(start, authority, provider):
    provider.context.load_cert_chain(*authority.issue("localhost"))
    pool = start()
    assert status(pool, provider.keys[0].token()) == 503
    assert provider.calls == []


def test_forged_signature_with_a_known_name_fetches_nothing(start, provider):
    pool = start()
    assert status(pool, provider.keys[0].token()) == 200
    assert status(pool, Key("first").token()) == 401
    assert provider.fetches == 1


# Rotation


def test_unknown_key_is_fetched_once_for_all_who_wait(start, provider):
    pool = start(size=2)
    assert everywhere(pool, 200, provider.keys[0].token())
    before, new = provider.fetches, provider.rotate("second")
    provider.gate.clear()
    results = []
    threads = [threading.Thread(target=lambda: results.append(status(pool, new.token()))) for _ in range(12)]
    for thread in threads:
        thread.start()
    wait_for(lambda: provider.fetches > before, "the fetch")
    assert pool.request("GET", "/health").status == 200  # the loop does not wait for the provider
    provider.gate.set()
    for thread in threads:
        thread.join()
    assert results == [200] * 12
    assert provider.fetches == before + 1
    assert everywhere(pool, 200, new.token()) and everywhere(pool, 200, provider.keys[1].token())


def test_flood_of_unknown_keys_makes_one_fetch(start, provider):
    pool = start(size=2)
    assert everywhere(pool, 200, provider.keys[0].token())
    before = provider.fetches
    for i in range(60):
        assert status(pool, Key(f"unknown {i}").token()) == 401
    assert provider.fetches == before + 1


def test_after_the_pause_an_unknown_key_is_fetched_again(start, provider):
    pool = start(JWT_JWKS_COOLDOWN_S=1)
    assert status(pool, Key("unknown").token()) == 401
    new = provider.rotate("second")
    wait_for(lambda: status(pool, new.token()) == 200, "the new key")


def test_rotation_under_load_refuses_nobody(start, provider):
    """Rotations that are further apart than the pause; the provider drops the old keys at once."""
    pool = start(size=2, JWT_JWKS_COOLDOWN_S=1)
    current = [provider.keys[0].token()]
    wait_for(lambda: len(pool.lines("provider.keys")) == pool.size, "the first keys everywhere")

    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(pool.connect()) for _ in range(4)]

        def call(caller, _):
            token = current[0]
            headers = {"Authorization": f"Bearer {token}"}
            return connections[caller].request("GET", HISTORY, headers=headers).status, token

        load = stack.enter_context(Load(len(connections), call))
        for i in range(3):
            key = Key(f"rotated {i}")
            before, provider.keys = provider.fetches, [key]
            current[0] = key.token()
            wait_for(lambda: sum(token == current[0] for _, token in list(load.results)) > 50, "load")
            wait_for(lambda: provider.fetches > before, "a fetch")
            wait_for(lambda: time.monotonic() > provider.latest_s + 1.1, "the end of the pause")
    assert not load.errors, load.errors[:3]
    assert {code for code, _ in load.results} == {200}


def test_keys_are_fetched_again_when_old_and_on_sighup(start, provider):
    pool = start(JWT_JWKS_REFRESH_S=1, size=2)
    wait_for(lambda: provider.fetches >= 3, "two refreshes")
    slow = start(size=2, JWT_JWKS_REFRESH_S=86400)
    assert everywhere(slow, 200, provider.keys[0].token())
    pool.stop()
    before = provider.fetches
    for pid in slow.pids():
        os.kill(pid, signal.SIGHUP)
    wait_for(lambda: provider.fetches > before, "a fetch")


# The provider is away


def test_started_before_the_provider(start, provider):
    provider.stop()
    pool = start(size=2)
    token = provider.keys[0].token()
    assert status(pool, token) == 503
    wait_for(lambda: pool.request("GET", "/ready").status == 200, "the store in reach")
    assert dependency(pool) == "unavailable"
    provider.start()
    wait_for(lambda: everywhere(pool, 200, token), "keys")


def test_slow_provider_delays_only_those_who_need_it(start, provider):
    """A request waits for keys, a bounded time; then it is 503, and 401 when there are others."""
    provider.gate.clear()
    pool = start(JWT_JWKS_TIMEOUT_MS=300)
    token = provider.keys[0].token()
    assert status(pool, token) == 503
    assert pool.request("GET", "/health").status == 200
    provider.gate.set()
    wait_for(lambda: status(pool, token) == 200, "keys")
    provider.gate.clear()
    assert status(pool, Key("unknown").token()) == 401
    assert status(pool, token) == 200


def test_last_keys_stay_in_use_while_the_provider_is_away(start, provider):
    """In every process, those that start meanwhile too, and after a restart of the whole pool."""
    pool = start(size=2, JWT_JWKS_REFRESH_S=1, MAX_REQUESTS=40)
    token = provider.keys[0].token()
    assert everywhere(pool, 200, token)
    provider.stop()
    first = set(pool.pids())
    wait_for(lambda: failed(pool) > 0, "a failure")
    assert {status(pool, token) for _ in range(300)} == {200}
    wait_for(lambda: status(pool, token) == 200 and not first & set(pool.pids()), "other processes")
    wait_for(lambda: dependency(pool) == "unhealthy", "the failure shows")
    [line] = pool.lines("provider.failed")[:1]
    assert line["consequence"] == "the last keys stay in use"
    assert everywhere(pool, 200, token)
    new = provider.rotate("second")
    provider.start()
    wait_for(lambda: everywhere(pool, 200, new.token()), "the new key")
    wait_for(lambda: dependency(pool) == "healthy", "the end of the failure")


def test_file_of_the_last_keys_outlives_the_pool(start, provider, tmp_path):
    file, token = tmp_path / "keys", provider.keys[0].token()
    pool = start(JWT_JWKS_CACHE_FILE=file)
    assert status(pool, token) == 200
    pool.stop()
    assert file.stat().st_mode & 0o777 == 0o600
    provider.stop()
    pool = start(JWT_JWKS_CACHE_FILE=file)
    assert status(pool, token) == 200
    pool.stop()
    other = start(JWT_JWKS_CACHE_FILE=file, JWT_JWKS_URL=provider.keys_url + "?other")
    assert status(other, token) == 503


def test_keys_are_used_for_a_day(start, provider, clock_ahead, tmp_path):
    file, token = tmp_path / "keys", provider.keys[0].token(exp=int(time.time()) + 3 * 86400)
    pool = start(JWT_JWKS_CACHE_FILE=file)
    assert status(pool, token) == 200
    pool.stop()
    provider.stop()
    for seconds, expected in ((86400 - 300, 200), (86400 + 300, 503)):
        pool = start(JWT_JWKS_CACHE_FILE=file, **clock_ahead(seconds))
        assert status(pool, token) == expected
        pool.stop()


def test_file_that_others_may_write_stops_the_start(tmp_path):
    """Whoever can write it can sign in as anybody."""
    file = tmp_path / "keys"
    settings = {
        "JWT_JWKS_URL": "https://school.example/keys",
        "METRICS_FILE": tmp_path / "metrics",
        "RECOMMENDATIONS_FILE": ROOT / "conf/recommendations.json",
    }
    assert checked(["mastery-fcgi", "--check"], **settings, JWT_JWKS_CACHE_FILE=file) == (0, "")
    for name in ("keys", "keys.lock"):
        bad = tmp_path / name
        bad.write_text("")
        bad.chmod(0o666)
        code, errors = checked(["mastery-fcgi", "--check"], **settings, JWT_JWKS_CACHE_FILE=file)
        assert code != 0 and "is not a file of this user alone" in errors
        bad.unlink()


def test_body_tokens_wait_for_keys_too(start, provider):
    pool = start()
    assert status(pool, provider.keys[0].token()) == 200
    new = provider.rotate("second")
    body = {"intent": "analytics_query", "payload": {}, "security_context": {"token": new.token()}}
    response = pool.request("POST", "/api/v1/process", json=body)
    assert response.status == 400, response.text  # not 401: the token was good


# Settings

WRONG = [
    ({"JWT_JWKS_URL": "http://school.example/keys"}, "JWT_JWKS_URL"),
    ({"JWT_JWKS_URL": "ftp://school.example/keys"}, "JWT_JWKS_URL"),
    ({"JWT_JWKS_URL": "https:///keys"}, "JWT_JWKS_URL"),
    ({"JWT_JWKS_URL": "https://user@school.example/keys"}, "JWT_JWKS_URL"),
    ({"JWT_JWKS_URL": "http://localhost.school.example/keys"}, "JWT_JWKS_URL"),
    ({"JWT_JWKS_URL": "http://127.0.0.1@school.example/"}, "JWT_JWKS_URL"),
    ({"JWT_JWKS_URL": "https://school.example/a b"}, "JWT_JWKS_URL"),
    ({"JWT_JWKS_URL": None, "OIDC_ISSUER": "http://school.example"}, "OIDC_ISSUER"),
    ({"JWT_JWKS_URL": None, "OIDC_ISSUER": "school.example"}, "OIDC_ISSUER"),
    ({"OIDC_ISSUER": "https://school.example"}, "only one of"),
    ({"JWT_PUBLIC_KEY_FILE": "/keys"}, "only one of"),
    ({"JWT_JWKS_URL": None}, "JWT_PUBLIC_KEY_FILE, JWT_JWKS_URL or OIDC_ISSUER"),
    ({"JWT_ALGORITHM": "HS256", "JWT_SECRET": "x" * 32}, "JWT_JWKS_URL: needs JWT_ALGORITHM"),
]


def checked(command, **settings):
    """Exit status and errors of a program that only checks its settings."""
    environment = {"PATH": "/usr/bin", "JWT_ALGORITHM": "ES256", "AUDIT_KEY": AUDIT_KEY, **sanitizer_options(), **settings}
    result = subprocess.run(
        [bin_dir() / command[0], *command[1:]], env=without_none(environment), capture_output=True, text=True
    )
    return result.returncode, result.stderr


@pytest.mark.parametrize("settings, named", WRONG, ids=range(len(WRONG)))
def test_wrong_setting_is_refused(settings, named):
    good = {"JWT_JWKS_URL": "https://school.example/keys"}
    assert checked(["mastery-ctl", "config"], **good) == (0, "")
    code, errors = checked(["mastery-ctl", "config"], **{**good, **settings})
    assert code != 0 and named in errors, errors


def test_http_is_for_this_machine_and_for_development(start):
    with Provider() as plain:
        for settings in ({"ENVIRONMENT": "production"}, {"ENVIRONMENT": "development"}):
            pool = start(JWT_JWKS_URL=plain.keys_url, JWT_CA_FILE=None, **settings)
            assert status(pool, plain.keys[0].token()) == 200
        start(JWT_JWKS_URL="http://school.example/keys", ENVIRONMENT="development")
