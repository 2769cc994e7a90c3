# SPDX-License-Identifier: GPL-3.0-or-later
"""examples/: each in curl and Python does what it says, with the demo class, and names what is refused. Those in
JavaScript are run by tests/real/openapi."""
import json
import re

import pytest
from harness.demo_class import demo_engine
from harness.engine import ROOT
from harness.examples import EXAMPLES, LANGUAGES, PRINTED, TASKS, run_example
from harness.expect import assert_ok

IN_CURL = {
    "sign_in": lambda body: body["cohorts"][0]["cohort_id"] == "demo-class",
    "send_events": lambda body: body["status"] == "accepted",
    "mastery": lambda body: set(body["data"]["components"]) == {"completion", "quiz", "quality", "consistency"},
    "next_week": lambda body: body["interval"]["lower"] <= body["predicted_score"] <= body["interval"]["upper"],
    "recommendations": lambda body: body["recommendations"][0]["description"],
    "overview": lambda body: body["students"][0]["attention"]["rank"] == 1,
    "import_csv": lambda body: len(body["event_ids"]) == 3,
    "xapi": lambda body: re.fullmatch(r"[0-9a-f-]{36}", body[0]),
    "cloudevent": lambda body: body["status"] == "accepted",
}


@pytest.fixture(scope="module")
def demo():
    with demo_engine() as engine:
        yield engine


@pytest.mark.parametrize("task", TASKS)
def test_in_curl(demo, task):
    done = run_example(demo, "curl", task)
    assert done.returncode == 0, done.stderr
    assert IN_CURL[task](json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("task", TASKS)
def test_in_python(demo, task):
    done = run_example(demo, "python", task)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(PRINTED[task], done.stdout), done.stdout


@pytest.mark.parametrize("language", ["curl", "python"])
@pytest.mark.parametrize("task", TASKS)
def test_a_refusal_is_named(demo, language, task):
    done = run_example(demo, language, task, STUDENT_TOKEN="x", TEACHER_TOKEN="x")
    assert done.returncode != 0 and "401" in done.stderr


def test_results_of_a_file_count_once_in_all_languages(demo):
    for language in ("curl", "python", "curl"):
        assert run_example(demo, language, "import_csv").returncode == 0
        body = assert_ok(demo.admin().get("/api/v1/mastery/topics/student-2"))
        [topic] = [topic for topic in body["topics"] if topic["topic_id"] == "decimals"]
        assert topic["mastery"] == pytest.approx(0.65)
        assert topic["evidence"] == pytest.approx(1, abs=0.01), "one quiz of ten questions, a moment ago"


def test_every_task_is_there_in_every_language_and_in_the_map():
    page = (EXAMPLES / "README.md").read_text()
    for language, (suffix, _) in LANGUAGES.items():
        assert {path.stem for path in (EXAMPLES / language).glob(f"*{suffix}")} == set(TASKS)
        assert re.findall(rf"\({language}/(\w+){re.escape(suffix)}\)", page) == list(TASKS)
    documented = set(re.findall(r"`(/api[^`]*)`", page))
    assert all(f"`{path}`" in (ROOT / "docs/api.md").read_text() for path in documented if "{" not in path)
