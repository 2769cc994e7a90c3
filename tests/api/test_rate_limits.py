# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits a minute: a burst of the whole limit, refilled evenly, told by Retry-After."""
import contextlib
import itertools
import time

import pytest
from harness.client import Client
from harness.engine import Engine, fresh_id
from harness.expect import assert_ok, assert_problem
from harness.load import RateLimit, until_refused

RETRY_AFTER = {10: "7", 20: "4", 30: "2", 50: "2"}
HALVES = {"completion": 0.5, "quiz": 0.5, "quality": 0.5, "consistency": 0.5}


@pytest.fixture(scope="module")
def limited():
    """An engine with its limits on."""
    with Engine(RATE_LIMITS="on") as running:
        yield running


@pytest.fixture
def address():
    """A loopback address that no test has come from: limits of anonymous callers are theirs."""
    return f"127.77.{next(COUNTER)}.1"


COUNTER = itertools.count(1)


def calls(engine, endpoint):
    """(limit, a function that sends one request with a given token)."""
    student = fresh_id()
    body = {"student_id": student, "components": HALVES}
    return {
        "statistics": (10, "GET", f"/api/v1/mastery/statistics/{student}", None),
        "reset metrics": (10, "POST", "/metrics/reset", None),
        "history": (20, "GET", f"/api/v1/mastery/history/{student}", None),
        "topics": (20, "GET", f"/api/v1/mastery/topics/{student}", None),
        "cohorts": (20, "GET", "/api/v1/cohorts", None),
        "calculate": (30, "POST", "/api/v1/mastery/calculate", body),
        "query": (50, "POST", "/api/v1/mastery/query", body),
    }[endpoint]


def send(client, method, path, body=None, **options):
    if body is not None:
        options["json"] = body
    return client.request(method, path, **options)


def assert_limited(response, limit):
    error = assert_problem(response, 429, "RATE_LIMITED")
    assert error["details"]["limit"] == limit
    assert error["details"]["window"] == 60
    assert response.headers["Retry-After"] == RETRY_AFTER[limit]


def exhaust(limit, client, *request, **options):
    """Uses up the limit of which nothing has been used; the refusal."""
    limit = RateLimit(limit)
    *passed, refused = limit.exhaust(lambda: send(client, *request, **options))
    limit.assert_exhausted()
    assert not {response.status for response in passed} - {200, 404}
    assert_limited(refused, limit.limit)
    return refused


def test_quick_health_requests_meet_the_limit(limited, address):
    exhaust(50, limited.client(source=address), "GET", "/health")


@pytest.mark.parametrize(
    "endpoint", ["statistics", "reset metrics", "history", "topics", "cohorts", "calculate", "query"]
)
def test_one_request_over_the_limit_is_the_one_refused(limited, address, endpoint):
    limit, *request = calls(limited, endpoint)
    client = limited.client(fresh_id("admin"), "admin", source=address)
    exhaust(limit, client, *request)


def test_two_tokens_share_no_limit(limited, address):
    limit, *request = calls(limited, "statistics")
    first = limited.client(fresh_id("admin"), "admin", source=address)
    second = limited.client(fresh_id("admin"), "admin", source=address)
    exhaust(limit, first, *request)
    exhaust(limit, second, *request)


def test_two_endpoints_share_no_limit(limited, address):
    client = limited.client(fresh_id("admin"), "admin", source=address)
    limit, *statistics = calls(limited, "statistics")
    _, *history = calls(limited, "history")
    exhaust(limit, client, *statistics)
    assert send(client, *history).status == 200


def test_limit_of_a_token_follows_it_to_another_address(limited, address):
    token = limited.token(fresh_id("admin"), "admin")
    per_minute, *request = calls(limited, "statistics")
    limit = RateLimit(per_minute)
    for source in (address, address.replace("127.77", "127.78")):
        client = limited.client(source=source)
        limit.exhaust(lambda c=client: send(c, *request, token=token))
    limit.assert_exhausted()


def test_token_cannot_be_varied_to_win_a_new_limit(limited, address):
    token = limited.token(fresh_id("admin"), "admin")
    per_minute, *request = calls(limited, "statistics")
    client, limit = limited.client(source=address), RateLimit(per_minute)
    limit.exhaust(lambda: send(client, *request, token=token))
    forms = [f"Bearer {token}", f"bearer {token}", f"BEARER  {token}", f"Bearer   {token}"]
    for form in forms:
        limit.exhaust(lambda f=form: send(client, *request, headers={"Authorization": f}))
        limit.assert_exhausted()


def test_alias_and_canonical_path_share_one_limit(limited):
    client, limit = limited.client(), RateLimit(50)
    paths = itertools.cycle(["/metrics", "/api/v1/mastery/metrics/prometheus"])
    for _ in range(4):
        limit.exhaust(lambda: client.get(next(paths)))
    limit.assert_exhausted()


def test_addresses_have_limits_of_their_own(limited, address):
    other = limited.client(source=address.replace("127.77", "127.79"))
    client = limited.client(source=address)
    exhaust(50, client, "GET", "/health")
    assert other.get("/health").status == 200


def test_many_tokens_from_one_address_pass_no_more_than_twenty_limits(limited, address):
    client, passed = limited.client(source=address), 0
    _, method, path, _ = calls(limited, "statistics")
    limit = RateLimit(200)
    for i in range(60):
        token = limited.token(f"u{i}", "admin")
        passed += sum(client.request(method, path, token=token).status != 429 for _ in range(5))
    assert 200 <= passed <= 200 + limit.refilled() + 1


@pytest.mark.parametrize("endpoint", ["query", "calculate"])
def test_after_retry_after_one_request_passes(limited, address, endpoint):
    limit, *request = calls(limited, endpoint)
    client = limited.client(fresh_id("admin"), "admin", source=address)
    time.sleep(int(exhaust(limit, client, *request).headers["Retry-After"]))
    assert send(client, *request).status != 429


def test_refused_request_has_no_effect(limited, address):
    student, admin = fresh_id(), fresh_id("admin")
    client = limited.client(admin, "admin", source=address)
    last = None
    for i in range(40):
        response = limited.calculate(student, (i / 100,) * 4, by=client)
        if response.status == 200:
            last = response.json["mastery_score"]
    reader = limited.client(fresh_id("admin"), "admin", source=address)
    assert (
        reader.post("/api/v1/mastery/query", {"student_id": student}).json["mastery_score"] == last
    )


def test_forwarded_addresses_are_not_believed(limited, address):
    client, limit, number = limited.client(source=address), RateLimit(50), itertools.count()

    def request():
        return client.get("/health", headers={"X-Forwarded-For": f"10.1.2.{next(number)}"})

    limit.exhaust(request)
    limit.assert_exhausted()


def test_sidecar_listener_keeps_the_limit_of_the_token(limited):
    token = limited.token(fresh_id("admin"), "admin")
    client = limited.sidecar()
    limit, method, path, _ = calls(limited, "statistics")
    headers = {"dapr-api-token": limited.values["APP_API_TOKEN"]}
    exhaust(limit, client, method, path, token=token, headers=headers)


def test_clients_of_the_public_port_do_not_use_up_the_sidecars_limits(limited, address):
    """Its health probe, which has no token, has none (hazards Y6)."""
    exhaust(50, limited.client(source=address), "GET", "/health")
    exhaust(50, limited.client(source=address), "GET", "/openapi.json")
    with contextlib.closing(Client(limited.dapr_url, source=address)) as sidecar:
        assert {sidecar.get("/health").status for _ in range(120)} == {200}
        assert_ok(sidecar.get("/openapi.json"))


def test_sidecars_port_exempts_the_sidecars_token_alone(limited):
    client, token = limited.sidecar(), limited.token(fresh_id("admin"), "admin")

    def process(api_token):
        body = {"intent": "analytics_query", "payload": {"student_id": "nobody", "query_type": "history"}}
        return client.post("/process", body, token=token, headers={"dapr-api-token": api_token})

    right = limited.values["APP_API_TOKEN"]
    for wrong in ("not the sidecar's", right.upper(), right + " x", right[:-1], "0"):
        response = process(wrong)
        assert (response.status, response.json["error"]["code"]) == (401, "AUTH_ERROR"), wrong
    assert {process(right).status for _ in range(150)} == {200}, "more than the limit of 100"
    limit = RateLimit(100)
    limit.exhaust(lambda: process(""))
    limit.assert_exhausted()


def test_limits_off_means_none(engine):
    client = engine.client()
    assert {client.get("/health").status for _ in range(200)} == {200}


def test_history_of_an_admin_is_served_up_to_the_limit(limited, address):
    client = limited.client(fresh_id("admin"), "admin", source=address)
    *passed, refused = until_refused(lambda _: client.get(f"/api/v1/mastery/history/{fresh_id()}"))
    assert len(passed) >= 20
    for response in passed:
        assert_ok(response)
    assert_limited(refused, 20)
