# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishes learning events with Dapr's SDK of Python, the first alone and the others at once, and calls the engine.
Prints the response of the call."""
import json
import os

from dapr.clients import DaprClient

TARGET = {"pubsub_name": "pubsub", "topic_name": "learning.events", "data_content_type": "application/json"}
first, *others = [json.dumps(event) for event in json.loads(os.environ["EVENTS"])]
with DaprClient() as client:
    client.publish_event(data=first, **TARGET)
    failed = client.publish_events(data=others, **TARGET).failed_entries
    assert not failed, failed
    response = client.invoke_method(
        "mastery-engine", "api/v1/process", os.environ["CALL"], content_type="application/json", http_verb="POST"
    )
    print(response.text())
