# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishers with the CloudEvents SDKs of Python, JavaScript and Go: each event counts once in every form
that the SDK sends, and two of the same id and different sources are two."""
import json
import os
import subprocess
from pathlib import Path

import pytest
from harness.client import Client
from harness.engine import fresh_id
from harness.events import event, exported_events
from harness.real import built

HERE = Path(__file__).parent
PUBLISHERS = {
    "python": lambda folder: [folder / "python/bin/python", HERE / "publisher.py"],
    "javascript": lambda folder: ["node", HERE / "publisher.js"],
    "go": lambda folder: [folder / "go/publisher"],
}
FORMS = [("python", form) for form in ("structured", "binary", "base64")]  # it has no batch
FORMS += [("javascript", form) for form in ("structured", "binary", "batch", "base64")]
FORMS += [("go", form) for form in ("structured", "binary", "batch")]


@pytest.fixture(scope="session")
def publishers():
    """The folder in which they are installed."""
    return Path(built(HERE))


def publish(command, folder, engine, form, events):
    settings = {
        "URL": f"{engine.base_url}/api/v1/events",
        "TOKEN": engine.token("root", "admin"),
        "FORM": form,
        "EVENTS": json.dumps(events),
        "NODE_PATH": str(folder / "node_modules"),
    }
    done = subprocess.run(
        command, env={**os.environ, **settings}, stdout=subprocess.PIPE, text=True, check=True
    )
    return [int(word) for word in done.stdout.split()]


@pytest.mark.parametrize("language, form", FORMS)
def test_sdk(publishers, engine, language, form):
    student, data = fresh_id(), event("quiz.completed", "x")["data"]
    # In headers, the SDK of JavaScript sends characters beyond ASCII as Latin-1, which CloudEvents forbids.
    identity = "order 1" if (language, form) == ("javascript", "binary") else "order 1 / é"
    common = {"id": identity, "type": "quiz.completed", "subject": student, "data": data}
    events = [{**common, "source": source} for source in ("/quiz-service", "/exam-service")]
    command = PUBLISHERS[language](publishers)
    for _ in range(2):  # the second time they are repetitions
        statuses = publish(command, publishers, engine, form, events)
        assert statuses == [202] * (1 if form == "batch" else 2)
    found = exported_events(engine, student, 2)
    assert sorted(one["source"] for one in found) == sorted(one["source"] for one in events)


def test_handshake_and_delivery_of_azure_event_grid(start_engine):
    """As its documentation of the CloudEvents schema shows it: OPTIONS, then a batch with its charset."""
    engine = start_engine(WEBHOOK_ORIGINS="eventgrid.azure.net", POOL_SIZE=1)
    student, client = fresh_id(), Client(engine.base_url)
    asked = {
        "WebHook-Request-Origin": "eventgrid.azure.net",
        "WebHook-Request-Callback": "https://rp-eastus.eventgrid.azure.net/validate?id=1",
        "WebHook-Request-Rate": "120",
    }
    response = client.request("OPTIONS", "/api/v1/events", headers=asked)
    assert response.status in (200, 204)
    assert response.headers["WebHook-Allowed-Origin"] in ("eventgrid.azure.net", "*")
    assert int(response.headers["WebHook-Allowed-Rate"]) > 0
    body = event("quiz.completed", student)
    delivered = {
        "id": "1807",
        "source": "/subscriptions/0/resourceGroups/school/providers/Microsoft.EventGrid/topics/quiz",
        "specversion": "1.0",
        "type": "quiz.completed",
        "subject": student,
        "time": body["timestamp"],
        "dataschema": "#",
        "data": body["data"],
    }
    headers = {
        "Content-Type": "application/cloudevents-batch+json; charset=utf-8",
        "aeg-event-type": "Notification",
        "aeg-subscription-name": "MASTERY",
        "aeg-delivery-count": "0",
    }
    token = engine.token("root", "admin")
    response = client.request(
        "POST", "/api/v1/events", body=json.dumps([delivered]), headers=headers, token=token
    )
    assert response.status == 202, response
    assert len(exported_events(engine, student, 1)) == 1
    client.close()
