# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishes learning events with the CloudEvents SDK of Python as its README shows, in the form that FORM
names. The events are in the environment as JSON. Prints the statuses of the responses."""
import datetime
import json
import os

import requests
from cloudevents.core.bindings import http
from cloudevents.core.v1.event import CloudEvent

form = os.environ["FORM"]


def made(given):
    data = given.pop("data")
    if form == "base64":
        data = json.dumps(data).encode()
    now = datetime.datetime.now(datetime.timezone.utc)
    return CloudEvent({**given, "time": now, "datacontenttype": "application/json"}, data)


def send(message):
    headers = {**message.headers, "Authorization": f"Bearer {os.environ['TOKEN']}"}
    print(requests.post(os.environ["URL"], data=message.body, headers=headers).status_code)


message_of = http.to_binary_event if form == "binary" else http.to_structured_event
for one in json.loads(os.environ["EVENTS"]):
    send(message_of(made(one)))
