# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidecar's own listener, and that its token is nothing anywhere else (hazards N11)."""
import pytest
from harness.client import Client
from harness.engine import fresh_id
from harness.expect import assert_ok, assert_problem

PROTECTED = [
    ("POST", "/api/v1/mastery/query"),
    ("POST", "/api/v1/mastery/calculate"),
    ("GET", "/api/v1/mastery/history/someone"),
    ("GET", "/api/v1/mastery/statistics/someone"),
    ("GET", "/api/v1/cohorts"),
    ("POST", "/metrics/reset"),
]


@pytest.fixture
def api_token(engine):
    return engine.values["APP_API_TOKEN"]


@pytest.mark.parametrize("method, path", PROTECTED)
@pytest.mark.parametrize("header", ["dapr-api-token", "Dapr-Api-Token", "DAPR-API-TOKEN"])
def test_sidecars_token_opens_nothing_on_the_public_port(
    anonymous, api_token, header, method, path
):
    response = anonymous.request(method, path, headers={header: api_token})
    assert_problem(response, 401, "AUTH_ERROR")


@pytest.mark.parametrize("header", ["dapr_api_token", "dapr.api.token", "Proxy"])
def test_other_spellings_do_not_slip_through(anonymous, api_token, header):
    response = anonymous.get("/api/v1/cohorts", headers={header: api_token})
    assert_problem(response, 401, "AUTH_ERROR")


@pytest.mark.parametrize("method, path", PROTECTED)
def test_sidecars_token_alone_opens_no_student_data_on_its_own_port(
    engine, api_token, method, path
):
    response = engine.sidecar().request(method, path, headers={"dapr-api-token": api_token})
    assert_problem(response, 401, "AUTH_ERROR")


@pytest.mark.parametrize("path", ["/dapr/subscribe", "/dapr/config", "/dapr/events"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_app_channel_is_not_on_the_public_port(anonymous, api_token, method, path):
    response = anonymous.request(method, path, headers={"dapr-api-token": api_token})
    assert_problem(response, 404, "NOT_FOUND")


def test_marks_of_the_listener_cannot_be_sent_by_a_client(anonymous, api_token):
    headers = {"Mastery-Listener": "sidecar", "dapr-api-token": api_token}
    assert_problem(anonymous.get("/dapr/config", headers=headers), 404)


def test_same_api_with_a_users_token_on_the_sidecars_port(engine):
    student = fresh_id()
    assert_ok(engine.calculate(student))
    client = engine.sidecar(token=engine.token(student, "student"))
    assert assert_ok(client.post("/api/v1/mastery/query", {"student_id": student}))["success"]
    other = client.post("/api/v1/mastery/query", {"student_id": fresh_id()})
    assert_problem(other, 403)


@pytest.mark.parametrize("path", ["/health", "/ready", "/"])
def test_open_endpoints_are_open_there_too(engine, path):
    assert_ok(engine.sidecar().get(path))


def test_sidecars_port_is_on_the_loopback_alone(engine):
    port = Client(engine.dapr_url).port
    lines = open("/proc/net/tcp", encoding="ascii").readlines()[1:]
    listening = [line.split()[1] for line in lines if line.split()[3] == "0A"]
    assert f"0100007F:{port:04X}" in listening
    assert f"00000000:{port:04X}" not in listening


def test_refusals_there_are_in_the_contracts_form(engine):
    client = engine.sidecar()
    assert_problem(client.get("/nothing"), 404)
    assert_problem(client.delete("/health"), 405)
    assert_problem(client.raw(b"GET / HTTP/1.1\r\n\r\n"), 400)
