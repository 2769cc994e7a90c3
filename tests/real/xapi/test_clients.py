# SPDX-License-Identifier: GPL-3.0-or-later
"""Unmodified xAPI clients: what they send counts, and what they get they understand."""
import hashlib
import json
import os
import subprocess
from pathlib import Path
from urllib.parse import urlencode

import pytest
from harness.browser import Browser
from harness.engine import Engine, fresh_id
from harness.events import exported_events
from harness.wait import wait_for

HERE = Path(__file__).parent
KEY, SECRET = "tool", "secret of the tool"
CREDENTIALS = f"{KEY}:{hashlib.sha256(SECRET.encode()).hexdigest()}:a tool"


@pytest.fixture(scope="module")
def own_engine():
    with Engine(XAPI_CREDENTIALS=CREDENTIALS, POOL_SIZE=2) as engine:
        yield engine


def run(command, clients, engine, student, **more):
    settings = {
        "ENDPOINT": f"{engine.base_url}/xapi/",
        "KEY": KEY,
        "SECRET": SECRET,
        "STUDENT": student,
        "NODE_PATH": str(clients / "node_modules"),
        "VERSION": "",
    }
    done = subprocess.run(
        command, env={**os.environ, **settings, **more}, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def scores(engine, student, count=2):
    events = exported_events(engine, student, count)
    assert {event["event_type"] for event in events} == {"quiz.completed"}
    return sorted(event["data"]["score"] for event in events)


@pytest.mark.parametrize("version", ["", "1.0.3", "2.0.0"])
def test_xapi_js(clients, own_engine, version):
    student = fresh_id()
    found = run(["node", HERE / "client.js"], clients, own_engine, student, CLIENT="xapi", VERSION=version)
    assert found["about"] == ["1.0.3", "2.0.0"]
    assert (len(found["one"]), len(found["list"]), found["refused"]) == (1, 3, 400)
    assert scores(own_engine, student) == [0.5, 1]


@pytest.mark.parametrize("version", ["", "1.0.0"])
def test_tincanjs(clients, own_engine, version):
    student = fresh_id()
    found = run(["node", HERE / "client.js"], clients, own_engine, student, CLIENT="tincan", VERSION=version)
    assert found == {"about": ["1.0.3", "2.0.0"], "put": None, "list": None, "again": None}
    assert scores(own_engine, student) == [0.5, 1]


@pytest.mark.parametrize("version", ["", "1.0.3"])
def test_tincan_py(clients, own_engine, version):
    student = fresh_id()
    program = [clients / "python/bin/python", HERE / "client.py"]
    found = run(program, clients, own_engine, student, VERSION=version)
    assert found == {"about": True, "answered": [[True, 204], [True, 204], [True, 200], [True, 200]]}
    assert scores(own_engine, student) == [0.5, 1]


def test_page_of_another_origin(clients, start_engine, site):
    engine = start_engine(XAPI_CREDENTIALS=CREDENTIALS, POOL_SIZE=2, CORS_ORIGINS=site.url)
    site.engine, site.key, site.secret = engine.base_url, KEY, SECRET
    students = {name: fresh_id() for name in ("tincan", "xapi", "cmi5")}
    query = {"engine": engine.base_url, "key": KEY, "secret": SECRET, **students}
    with Browser() as browser:
        browser.open(f"{site.url}/?{urlencode(query)}")
        text = wait_for(lambda: browser.find("#outcome")[0].text, "the page's outcome", timeout=60)
    tincan, xapi, cmi5, headers = json.loads(text)
    assert (tincan, xapi, cmi5) == ([None, None], 2, "done")
    assert scores(engine, students["tincan"]) == scores(engine, students["xapi"]) == [0.5, 1]
    kinds = [event["event_type"] for event in exported_events(engine, students["cmi5"], 3)]
    assert sorted(kinds) == ["exercise.completed", "lesson.viewed", "quiz.completed"]
    status, seen = headers["refused"]
    assert (status, seen["allow"]) == (405, "POST, PUT, OPTIONS")
    status, seen = headers["wrong"]
    assert status == 400 and seen["x-experience-api-version"] == "1.0.3"
    assert seen["x-experience-api-consistent-through"] and seen["x-request-id"]
