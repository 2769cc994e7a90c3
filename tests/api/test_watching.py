# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules, alerts and dashboard: they hold together, and ask for nothing that is not there."""
import json
import re
import subprocess

import pytest
import yaml
from harness.binaries import ROOT

RULES = ROOT / "conf/prometheus"
TESTS = sorted((ROOT / "tests/prometheus").glob("*_test.yml"))
DASHBOARD = ROOT / "conf/grafana/mastery-engine.json"
NAME = re.compile(r"mastery_engine[_:][a-z0-9_:]+")


def promtool(*arguments):
    result = subprocess.run(
        ["promtool", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def rules(name):
    groups = yaml.safe_load((RULES / name).read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def recorded():
    return {rule["record"] for rule in rules("recording.yml")}


def printed(engine):
    """Every series name that can be: families without a sample yet have their HELP and TYPE."""
    names = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", engine.admin().get("/metrics").text, re.MULTILINE):
        names |= {f"{name}_{end}" for end in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return names


def expressions():
    """Of panels, annotations and variables."""
    board = json.loads(DASHBOARD.read_text())
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))
    yield from (entry["expr"] for entry in board["annotations"]["list"])
    yield from (entry["query"]["query"] for entry in board["templating"]["list"] if entry["type"] == "query")


def test_rules_are_sound():
    promtool("check", "rules", RULES / "recording.yml", RULES / "alerts.yml")


@pytest.mark.parametrize("page", TESTS, ids=lambda page: page.name)
def test_alerts_fire_for_what_they_are_for(page):
    promtool("test", "rules", page)


def test_every_alert_has_been_seen_firing():
    tested = "".join(page.read_text() for page in TESTS)
    assert not {rule["alert"] for rule in rules("alerts.yml") if rule["alert"] not in tested}


def test_every_alert_is_for_somebody_and_has_a_runbook():
    headings = re.findall(r"^## (.*)$", (ROOT / "docs/runbooks.md").read_text(), re.MULTILINE)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    for rule in rules("alerts.yml"):
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        page, anchor = rule["annotations"]["runbook"].split("#")
        assert page == "docs/runbooks.md" and anchor in anchors, rule["alert"]


def test_rules_ask_for_metrics_that_there_are(engine):
    known = printed(engine) | recorded()
    for rule in rules("recording.yml") + rules("alerts.yml"):
        assert set(NAME.findall(rule["expr"])) <= known, rule


def test_the_dashboard_asks_for_metrics_that_there_are(engine):
    known = printed(engine) | recorded()
    for expression in expressions():
        used = set(NAME.findall(expression))
        assert used and used <= known, expression


def test_every_metric_of_the_engine_is_on_the_dashboard(engine):
    shown = " ".join(expressions()) + " ".join(rule["expr"] for rule in rules("recording.yml"))
    shown_names = set(NAME.findall(shown))
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown_names}
    quiet = {"mastery_engine_trace_spans_total"}  # one a request: the number of requests again
    there = re.findall(r"^# TYPE (\S+) ", engine.admin().get("/metrics").text, re.MULTILINE)
    assert not set(there) - families - shown_names - quiet


def test_the_panels_of_the_dashboard_do_not_overlap():
    board = json.loads(DASHBOARD.read_text())
    cells = [
        (x, y)
        for panel in board["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    for panel in board["panels"]:
        letters = [target["refId"] for target in panel.get("targets", [])]
        assert len(letters) == len(set(letters)), panel["title"]
