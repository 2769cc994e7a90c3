# SPDX-License-Identifier: GPL-3.0-or-later
"""/metrics in Prometheus's format, /metrics/detailed, /metrics/reset."""
import re

import pytest
from harness.engine import fresh_id
from harness.expect import assert_ok, assert_problem
from harness.prometheus import PREFIX, Scrape

HISTORY = "/api/v1/mastery/history/{student_id}"
FAMILIES = {
    "http_requests_total": "counter",
    "http_request_duration_seconds": "histogram",
    "active_requests": "gauge",
    "mastery_calculations_total": "counter",
    "redis_operations_total": "counter",
    "cache_hits_total": "counter",
    "cache_misses_total": "counter",
    "dapr_invocations_total": "counter",
    "batch_jobs_total": "counter",
    "batch_faults_total": "counter",
    "nginx_refusals_total": "counter",
    "batch_processing_duration_seconds": "histogram",
    "events_processed_total": "counter",
    "circuit_breaker_state": "gauge",
    "trace_spans_total": "counter",
    "build_info": "gauge",
}


def scrape(engine):
    """From a process picked anew: each client has a connection of its own."""
    client = engine.client()
    response = client.get("/metrics")
    client.close()
    assert response.status == 200
    return Scrape(response.text)


def requests(found, method, endpoint, status):
    return found.value(
        "http_requests_total", method=method, endpoint=endpoint, status_code=str(status)
    )


def test_content_type_is_that_of_the_text_format(anonymous):
    response = anonymous.get("/metrics")
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_alias_is_the_same_page(anonymous):
    response = anonymous.get("/api/v1/mastery/metrics/prometheus")
    assert set(Scrape(response.text).types) == set(Scrape(anonymous.get("/metrics").text).types)


@pytest.mark.parametrize("family, kind", FAMILIES.items())
def test_families_of_the_contract_are_there(engine, family, kind):
    found = scrape(engine)
    assert found.types[PREFIX + family] == kind
    assert found.helps[PREFIX + family]


def test_names_are_those_that_prometheus_wants(engine):
    found = scrape(engine)
    for family, kind in found.types.items():
        assert re.fullmatch(r"mastery_engine_[a-z0-9_]+", family)
        assert (kind == "counter") == family.endswith("_total"), family
    for name, _ in found.samples:
        assert found.family_of(name) in found.types, f"{name} has no TYPE"
        assert found.family_of(name) in found.helps, f"{name} has no HELP"


def test_histograms_are_cumulative_and_end_in_their_count(engine, admin):
    admin.get(f"/api/v1/mastery/history/{fresh_id()}")
    found, series = scrape(engine), {}
    for (name, labels), value in found.samples.items():
        if name == PREFIX + "http_request_duration_seconds_bucket":
            bound = dict(labels)["le"]
            rest = frozenset(pair for pair in labels if pair[0] != "le")
            series.setdefault(rest, []).append((float(bound.replace("+Inf", "inf")), value))
    assert series
    bounds = {tuple(bound for bound, _ in points) for points in series.values()}
    assert len(bounds) == 1, "series with different buckets"
    for labels, points in series.items():
        assert points == sorted(points), "bucket limits do not rise"
        values = [value for _, value in points]
        assert values == sorted(values), "buckets do not accumulate"
        assert points[-1][0] == float("inf")
        count = found.samples[(PREFIX + "http_request_duration_seconds_count", labels)]
        assert values[-1] == count


def test_requests_are_counted_by_method_pattern_and_status(engine, admin, student):
    before = scrape(engine)
    for _ in range(3):
        assert_ok(admin.get(f"/api/v1/mastery/history/{student}"))
    admin.get("/api/v1/mastery/history/.not-an-id")
    after = scrape(engine)
    assert requests(after, "GET", HISTORY, 200) - requests(before, "GET", HISTORY, 200) == 3
    assert requests(after, "GET", HISTORY, 400) - requests(before, "GET", HISTORY, 400) == 1


def test_unknown_paths_are_counted_as_other(engine, anonymous):
    before = scrape(engine).sum("http_requests_total", endpoint="other", status_code="404")
    for i in range(5):
        anonymous.get(f"/no-such-path-{i}")
    after = scrape(engine)
    assert after.sum("http_requests_total", endpoint="other", status_code="404") - before == 5


def test_no_label_holds_what_a_client_sent(engine, admin):
    student = fresh_id("label")
    engine.calculate(student)
    admin.get(f"/api/v1/mastery/history/{student}")
    admin.get(f"/{student}")
    admin.request(student.upper().replace("_", "-"), "/health")
    text = engine.client().get("/metrics").text
    assert student not in text and student.upper().replace("_", "-") not in text


def test_alias_is_counted_as_its_canonical_pattern(engine, anonymous):
    before = requests(scrape(engine), "GET", "/metrics", 200)
    anonymous.get("/api/v1/mastery/metrics/prometheus")
    assert requests(scrape(engine), "GET", "/metrics", 200) - before == 2


def test_one_scrape_shows_the_whole_pool(engine):
    before = requests(scrape(engine), "GET", HISTORY, 200)
    clients = [engine.admin() for _ in range(32)]
    for client in clients:
        assert_ok(client.get(f"/api/v1/mastery/history/{fresh_id()}"))
        client.close()
    counts = {requests(scrape(engine), "GET", HISTORY, 200) for _ in range(16)}
    assert counts == {before + 32}


def test_durations_are_counted_with_the_requests(engine, admin, student):
    def count():
        labels = {"method": "GET", "endpoint": HISTORY}
        return scrape(engine).sum("http_request_duration_seconds_count", **labels)

    before = count()
    admin.get(f"/api/v1/mastery/history/{student}")
    assert count() == before + 1


def test_calculations_and_cache_hits_are_counted(engine, admin, student):
    before = scrape(engine)
    assert_ok(engine.calculate(student))
    for _ in range(4):
        assert_ok(admin.post("/api/v1/mastery/query", {"student_id": student}))
    after = scrape(engine)
    for name, grown in (("mastery_calculations_total", 1), ("cache_hits_total", 4)):
        assert after.sum(name) - before.sum(name) == grown, name
    assert after.sum("redis_operations_total") > before.sum("redis_operations_total")
    assert after.sum("trace_spans_total") >= before.sum("trace_spans_total") + 5


def test_circuit_is_closed_and_build_info_is_one(engine):
    found = scrape(engine)
    assert found.sum("circuit_breaker_state", service="redis") == 0
    [build] = [v for (name, _), v in found.samples.items() if name == PREFIX + "build_info"]
    assert build == 1


def test_active_requests_at_rest_are_the_scrape_itself(engine):
    assert scrape(engine).value("active_requests") in (0, 1)


def test_openmetrics_is_given_to_who_prefers_it(anonymous):
    accept = "application/openmetrics-text; version=1.0.0, text/plain;q=0.5"
    response = anonymous.get("/metrics", headers={"Accept": accept})
    content_type = response.headers["Content-Type"]
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert response.text.endswith("# EOF\n")
    assert "# TYPE mastery_engine_http_requests counter" in response.text


@pytest.mark.parametrize(
    "accept, openmetrics",
    [
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1", True),
        ("APPLICATION/OpenMetrics-Text", True),
        ("text/plain, application/openmetrics-text", True),
        ("application/openmetrics-text;q=0.5, text/plain;q=0.9", False),
        ("application/openmetrics-text; q=0.5,text/plain", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=two", False),
        ("application/openmetrics-text-2", False),
        ("text/html;x=application/openmetrics-text", False),
        ("*/*", False),
        (",;,q=,", False),
    ],
)
def test_the_form_is_the_one_that_is_preferred(anonymous, accept, openmetrics):
    response = anonymous.get("/metrics", headers={"Accept": accept})
    expected = "application/openmetrics-text" if openmetrics else "text/plain"
    assert response.status == 200 and response.headers.get_content_type() == expected


# /metrics/detailed


def detailed(engine):
    return assert_ok(engine.client().get("/metrics/detailed"))


def test_detailed_has_every_field_of_the_contract(engine):
    body = detailed(engine)
    assert {"performance", "cache", "tracing", "circuit_breakers"} <= set(body)
    assert {"connection_pool", "dependencies"} <= set(body)
    assert {
        "requests_total",
        "errors_total",
        "error_rate",
        "average_latency_ms",
        "latency_ms",
        "requests_per_endpoint",
        "uptime_since",
        "active_requests",
    } <= set(body["performance"])
    assert set(body["performance"]["latency_ms"]) == {"p50", "p95", "p99"}
    assert set(body["cache"]) >= {"hits", "misses", "hit_ratio"}
    assert "spans_created" in body["tracing"]
    assert set(body["connection_pool"]) >= {"size", "in_use", "reconnects"}
    assert {"state", "failures", "opened_at"} <= set(body["circuit_breakers"]["redis"])


def test_detailed_agrees_with_the_scrape(engine, admin, student):
    engine.calculate(student)
    admin.post("/api/v1/mastery/query", {"student_id": student})
    body, found = detailed(engine), scrape(engine)
    assert body["cache"]["hits"] == found.sum("cache_hits_total") > 0
    assert body["cache"]["misses"] == found.sum("cache_misses_total")
    total = body["cache"]["hits"] + body["cache"]["misses"]
    assert body["cache"]["hit_ratio"] == pytest.approx(body["cache"]["hits"] / total, abs=1e-6)
    counted = found.sum("http_requests_total")
    assert counted - 2 <= body["performance"]["requests_total"] <= counted


def test_detailed_latencies_are_in_order(engine, admin, student):
    admin.get(f"/api/v1/mastery/history/{student}")
    performance = detailed(engine)["performance"]
    latency = performance["latency_ms"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"]
    assert performance["average_latency_ms"] > 0
    assert 0 <= performance["error_rate"] <= 1


def test_detailed_says_that_the_store_is_well(engine):
    body = detailed(engine)
    assert body["circuit_breakers"]["redis"]["state"] == "closed"


# /metrics/reset


def test_admin_resets_all_counters(engine, admin, student):
    engine.calculate(student)
    for _ in range(20):
        admin.get(f"/api/v1/mastery/history/{student}")
    assert_ok(admin.post("/metrics/reset"))
    found = scrape(engine)
    assert requests(found, "GET", HISTORY, 200) == 0
    assert found.sum("mastery_calculations_total") == 0
    assert found.sum("http_requests_total") <= 2
    assert found.types[PREFIX + "http_requests_total"] == "counter"


@pytest.mark.parametrize("role, status", [("student", 403), ("teacher", 403)])
def test_nobody_else_resets(engine, as_user, admin, student, role, status):
    admin.get(f"/api/v1/mastery/history/{student}")
    assert_problem(as_user(fresh_id(), role).post("/metrics/reset"), status)
    assert_problem(engine.client().post("/metrics/reset"), 401)
    assert scrape(engine).sum("http_requests_total") > 0
