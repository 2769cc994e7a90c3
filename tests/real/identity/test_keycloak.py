# SPDX-License-Identifier: GPL-3.0-or-later
"""Users of a real Keycloak: their roles as they come, and nobody signed out by a new key or an absence."""
import time

import pytest
from harness.load import Load
from harness.wait import wait_for

PATHS = {
    "student": "/api/v1/mastery/history/{sub}",
    "teacher": "/api/v1/cohorts",
    "admin": "/api/v1/compliance/audit/logs",
}
ALLOWED = {"student": {"student"}, "teacher": {"teacher"}, "admin": {"student", "teacher", "admin"}}
AWAY_S = 60
COOLDOWN_S = 2


def claims_of(token):
    import jwt  # pylint: disable=import-outside-toplevel

    return jwt.decode(token, options={"verify_signature": False})


def kid_of(token):
    import jwt  # pylint: disable=import-outside-toplevel

    return jwt.get_unverified_header(token)["kid"]


def status(pool, token, path=PATHS["student"]):
    target = path.format(sub=claims_of(token)["sub"])
    return pool.request("GET", target, headers={"Authorization": f"Bearer {token}"}).status


class Clients(Load):
    """Send requests with the current token all the time."""

    def __init__(self, pool, token, clients=4):
        super().__init__(clients, self.call, 0.005)
        self.pool, self.current = pool, token

    def call(self, *_):
        token = self.current
        return status(self.pool, token), kid_of(token)

    def count(self, kid):
        return sum(seen == kid for _, seen in list(self.results))

    def assert_none_refused(self):
        assert not self.errors, self.errors[:3]
        assert {code for code, _ in self.results} == {200}


def test_roles_and_audience_as_they_come(keycloak, settings, start_pool, capsys):
    with capsys.disabled():
        print(f"\n{keycloak.version}")
    pool = start_pool(**settings)
    for role, allowed in ALLOWED.items():
        token = keycloak.token(f"{role}-1")
        claims = claims_of(token)
        assert role in claims["realm_access"]["roles"] and claims["aud"] == "account"
        for wanted, path in PATHS.items():
            assert (status(pool, token, path) == 200) == (wanted in allowed), (role, wanted)
    del settings["JWT_AUDIENCE"]
    assert status(start_pool(**settings), keycloak.token("student-1")) == 401


def test_keys_by_url_too(keycloak, settings, start_pool):
    issuer = settings.pop("OIDC_ISSUER")
    settings |= {"JWT_ISSUER": issuer, "JWT_JWKS_URL": f"{issuer}/protocol/openid-connect/certs"}
    assert status(start_pool(**settings), keycloak.token("student-1")) == 200


def test_new_keys_of_the_realm_sign_nobody_out(keycloak, settings, start_pool):
    """Rotations under load, further apart than the pause between two fetches."""
    pool = start_pool(size=2, JWT_JWKS_COOLDOWN_S=COOLDOWN_S, **settings)
    with Clients(pool, keycloak.token("student-1")) as load:
        wait_for(lambda: load.count(kid_of(load.current)) > 100, "load")
        for priority in (200, 300, 400):
            kid = keycloak.rotate(priority)
            rotated = time.monotonic()
            load.current = keycloak.token("student-1")
            assert kid_of(load.current) == kid
            wait_for(lambda: load.count(kid) > 100, "load with the new key")
            wait_for(lambda: time.monotonic() > rotated + COOLDOWN_S + 1, "the end of the pause")
    load.assert_none_refused()


def test_provider_stopped_for_a_minute_signs_nobody_out(keycloak, settings, start_pool):
    """Though processes of the pool end and start meanwhile."""
    pool = start_pool(size=2, JWT_JWKS_REFRESH_S=5, MAX_REQUESTS=300, **settings)
    first = set(pool.pids())
    with Clients(pool, keycloak.token("student-1"), 2) as load:
        wait_for(lambda: load.count(kid_of(load.current)) > 100, "load")
        keycloak.stop()
        stopped = time.monotonic()
        wait_for(lambda: time.monotonic() > stopped + AWAY_S, "a minute", AWAY_S + 60)
        assert not first & set(pool.pids()), "the processes are others by now"
        assert pool.lines("provider.failed")
        keycloak.start()
        load.current = keycloak.token("student-1")
        before = len(load.results)
        wait_for(lambda: len(load.results) > before + 100, "load with a token of the new start")
    load.assert_none_refused()


def test_provider_started_after_the_engine(keycloak, settings, start_pool):
    token = keycloak.token("student-1")
    keycloak.stop()
    pool = start_pool(**settings)
    assert status(pool, token) == 503
    assert pool.request("GET", "/ready").json["dependencies"]["identity_provider"] == "unavailable"
    keycloak.start()
    wait_for(lambda: status(pool, token) == 200, "keys")


@pytest.mark.parametrize("wrong", ["/", "x"])
def test_issuer_that_is_not_the_realms(keycloak, settings, start_pool, wrong):
    settings["OIDC_ISSUER"] += wrong
    pool = start_pool(**settings)
    assert status(pool, keycloak.token("student-1")) == 503
    wait_for(lambda: pool.lines("provider.failed"), "the reason is logged")
