# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudEvents as Dapr's sidecar delivers them."""
import base64
import json
import uuid

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


def wrapped(body, **attributes):
    """What a publisher without an envelope of its own has made of its body."""
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "learning-platform",
        "type": "com.dapr.event.sent",
        "datacontenttype": "application/json",
        "topic": "learning.events",
        "pubsubname": "pubsub",
        "data": body,
        **attributes,
    }


def own(body, **attributes):
    """An event of a publisher that makes its envelopes itself: only the data of an ingest in it."""
    return {
        "specversion": "1.0",
        "id": body["event_id"],
        "source": "learning-platform",
        "type": body["event_type"],
        "subject": body["student_id"],
        "time": body["timestamp"],
        "data": body["data"],
        **attributes,
    }


def base64_of(body):
    return base64.b64encode(json.dumps(body).encode()).decode()


def raw(body):
    """A raw payload: its id is another one at each delivery."""
    envelope = wrapped(None, datacontenttype="application/octet-stream")
    del envelope["data"]
    return {**envelope, "data_base64": base64_of(body)}


def bulk(*entries):
    """Entries 0, 1, …; each an envelope or base64."""
    return {
        "id": str(uuid.uuid4()),
        "type": "com.dapr.event.sent.bulk",
        "topic": "learning.events",
        "pubsubname": "pubsub",
        "metadata": {},
        "entries": [
            {"entryId": str(index), "event": event, "contentType": "application/json"}
            for index, event in enumerate(entries)
        ],
    }


def binary_headers(body, **attributes):
    headers = {
        "ce-specversion": "1.0",
        "ce-id": body["event_id"],
        "ce-source": "learning-platform",
        "ce-type": body["event_type"],
        "ce-subject": body["student_id"],
        "ce-time": body["timestamp"],
        "Content-Type": "application/json",
    }
    headers.update({name: value for name, value in attributes.items()})
    return {name: value for name, value in headers.items() if value is not None}
