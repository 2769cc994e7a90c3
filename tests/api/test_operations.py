# SPDX-License-Identifier: GPL-3.0-or-later
"""/, /health, /ready: who I am, that I live, that I can serve."""
import pytest
from harness.expect import assert_ok, assert_time
from harness.wait import assert_typical

ENDPOINTS = [
    "/health",
    "/ready",
    "/",
    "/metrics",
    "/metrics/detailed",
    "/metrics/reset",
    "/openapi.json",
    "/api/v1/mastery/query",
    "/api/v1/mastery/calculate",
    "/api/v1/mastery/history/{student_id}",
    "/api/v1/mastery/statistics/{student_id}",
    "/api/v1/mastery/topics/{student_id}",
    "/api/v1/cohorts",
    "/api/v1/cohorts/{cohort_id}",
    "/api/v1/cohorts/{cohort_id}/overview",
]


def test_info_tells_name_version_and_endpoints(anonymous):
    body = assert_ok(anonymous.get("/"))
    assert set(body) == {
        "name",
        "service",
        "version",
        "commit",
        "environment",
        "endpoints",
        "docs",
    }
    assert body["name"] == body["service"] == "mastery-engine"
    assert body["docs"] == "/docs"
    assert body["version"]
    assert len(body["endpoints"]) == len(set(body["endpoints"])), "each path once"


@pytest.mark.parametrize("path", ENDPOINTS)
def test_info_lists_the_endpoint(anonymous, path):
    assert path in assert_ok(anonymous.get("/"))["endpoints"]


def test_health_has_its_fields(anonymous):
    body = assert_ok(anonymous.get("/health"))
    assert set(body) == {"status", "timestamp", "version", "service"}
    assert body["status"] == "healthy" and body["service"] == "mastery-engine"
    assert_time(body["timestamp"])


def test_ready_has_its_fields(anonymous):
    body = assert_ok(anonymous.get("/ready"))
    assert set(body) == {"status", "dependencies", "timestamp", "version", "environment"}
    assert body["status"] == "ready"
    assert set(body["dependencies"]) == {"state_store", "worker", "dapr"}
    assert_time(body["timestamp"])


def test_version_is_the_same_everywhere(anonymous):
    versions = {assert_ok(anonymous.get(path))["version"] for path in ("/", "/health", "/ready")}
    assert len(versions) == 1


def test_health_and_ready_are_quick(anonymous):
    for path, bound in (("/health", 0.05), ("/ready", 0.2)):
        assert_typical([anonymous.get(path).seconds for _ in range(51)], bound)


def test_queries_are_ignored_where_none_are_known(anonymous):
    assert_ok(anonymous.get("/health?x=1&y=%00&z"))
