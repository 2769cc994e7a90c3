# SPDX-License-Identifier: GPL-3.0-or-later
"""Boxes about metrics, traces, connection pool, circuit breakers, alerts and dashboard."""
import os
import secrets
from contextlib import ExitStack

from harness.prometheus import PREFIX, Scrape
from verify.local import lines_of
from verify.outcome import Failed, ForPerson, joined, judge

DURATION = "http_request_duration_seconds"


def metrics(v, path="/metrics"):
    """The response; ForPerson where the metrics are closed to this address."""
    response = v.get(path, url=os.environ.get("METRICS_URL"))
    if response.status == 403:
        raise ForPerson(
            f"{path} is refused to this address, as METRICS_ALLOW says: "
            "kubectl port-forward deployment/mastery-engine 8005 and METRICS_URL=http://127.0.0.1:8005, or run this from there"
        )
    response.expect(200)
    return response


def scrape(v):
    try:
        return Scrape(metrics(v).text)
    except (AssertionError, ValueError) as error:
        raise Failed(f"GET /metrics is not in Prometheus' text format: {error}") from error


def metrics_format(v):
    found, content_type = scrape(v), metrics(v).header("Content-Type")
    untyped = {name for name, _ in found.samples if found.family_of(name) not in found.types}
    good = content_type.startswith("text/plain") and not untyped and any(n.startswith(PREFIX) for n, _ in found.samples)
    return judge(good, f"{content_type}, {len(found.types)} families" if good else
                 f"GET /metrics is {content_type}, without TYPE: {', '.join(sorted(untyped)) or 'none'}")  # fmt: skip


def gauge(v, name):
    samples = lines_of(metrics(v).text, f"{PREFIX}{name}[{{ ]")
    judge(samples and scrape(v).types.get(PREFIX + name) == "gauge", f"no gauge {PREFIX}{name} in /metrics")
    return " ".join(samples)


def before_and_after(v, value, send):
    """value(scrape) before and after a request. Behind a Service each pod counts its own requests: scrapes and
    request share a connection, and a pod of METRICS_URL gets a request of its own."""
    urls = dict.fromkeys([os.environ.get("METRICS_URL") or v.url, v.url])
    with ExitStack() as connections:
        for url in urls:
            connections.enter_context(v.one_connection(url))
        before = value(scrape(v))
        for url in urls:
            send(url)
        return before, value(scrape(v))


def increases(v, name):
    before, after = before_and_after(v, lambda found: found.sum(name), lambda url: v.get("/health", url=url))
    return judge(after > before, f"{PREFIX}{name}: {before:.0f}, a request later {after:.0f}")


def histogram_sound(v):
    """The buckets of a series grow with their limits, and the last is its count."""
    last, bad, total, series = {}, "", 0, 0
    for (name, labels), value in scrape(v).samples.items():
        own = frozenset(pair for pair in labels if pair[0] != "le")
        if name == f"{PREFIX}{DURATION}_bucket":
            bad = str(dict(own)) if value < last.get(own, 0) else bad
            last[own] = value
        elif name == f"{PREFIX}{DURATION}_count":
            bad = str(dict(own)) if value != last.get(own) else bad
            total, series = total + value, series + 1
    seen = f"bad: {bad}" if bad else f"{series} series, {total:.0f} requests"
    return judge(series and not bad, f"{PREFIX}{DURATION}: {seen}")


def detailed(v, member, condition, evidence):
    """Judges one object of /metrics/detailed."""
    found = metrics(v, "/metrics/detailed").json[member]
    return judge(condition(found), evidence(found))


def breakers_closed(v):
    states = lambda found: {name: breaker["state"] for name, breaker in found.items()}
    return detailed(v, "circuit_breakers", lambda found: set(states(found).values()) == {"closed"}, lambda found: joined(states(found)))


def pool_operations(v):
    reads = {"operation": "read", "status": "ok"}
    value = lambda found: found.value("redis_operations_total", **reads)
    query = lambda url: v.post("/api/v1/mastery/query", {"student_id": v.students[0]}, url=url)
    before, after = before_and_after(v, value, query)
    return judge(after > before, f"successful reads: {before:.0f}, a query later {after:.0f}")


def new_trace():
    """(trace id, headers that continue the trace)"""
    trace = secrets.token_hex(16)
    return trace, {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}


def tracing_headers(v):
    response = v.get("/health")
    ids = {name: response.header(name) for name in ("X-Request-ID", "X-Trace-ID", "traceparent")}
    judge(all(ids.values()), f"GET /health has not all of {', '.join(ids)}")
    return f"X-Request-ID: {ids['X-Request-ID']}, X-Trace-ID: {ids['X-Trace-ID']}"


def trace_continued(v):
    trace, headers = new_trace()
    response = v.get("/health", headers=headers)
    seen = response.header("X-Trace-ID")
    continued = seen == trace and response.header("traceparent").startswith(f"00-{trace}-")
    judge(continued, f"sent trace {trace}, the response has {seen}")
    return "a caller's trace is continued here, and goes on in the traceparent of what is published (docs/worker.md)"


def service(v, variable, path, otherwise):
    """The response of Prometheus or Grafana, whose address the variable has."""
    url = os.environ.get(variable)
    if not url:
        raise ForPerson(f"{otherwise}; {variable} is needed to check it here")
    return v.get(path, "none", url=url)


def alerts_loaded(v):
    response = service(v, "PROMETHEUS_URL", "/api/v1/rules", "conf/prometheus/alerts.yml is loaded")
    body = response.expect(200, lambda body: body["status"] == "success", "Prometheus")
    rules = [rule for group in body["data"]["groups"] for rule in group["rules"]]
    alerts = [r["name"] for r in rules if r["type"] == "alerting" and r["name"].startswith("MasteryEngine")]
    return judge("MasteryEngineErrorBudgetBurn" in alerts, f"{len(alerts)} alert rules of the engine are loaded")


def slo_loaded(v):
    name = "mastery_engine:request_errors:ratio_rate1h"
    otherwise = "the rules of conf/prometheus/recording.yml give values (docs/slo.md)"
    response = service(v, "PROMETHEUS_URL", f"/api/v1/query?query={name}", otherwise)
    body = response.expect(200, lambda body: body["status"] == "success" and body["data"]["result"], "Prometheus")
    return f"{name} is {body['data']['result'][0]['value'][1]}"


def dashboard_there(v):
    otherwise = "conf/grafana/mastery-engine.json is imported and shows this deployment"
    response = service(v, "GRAFANA_URL", "/api/dashboards/uid/mastery-engine", otherwise)
    return response.expect(200, lambda body: body["dashboard"]["panels"])["dashboard"]["title"]
