# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches: submitted, waited for, and their results read."""
import uuid

from harness.engine import fresh_id
from harness.model import scores
from harness.wait import wait_for

PATH = "/api/v1/batch/mastery"
ENDED = {"completed", "failed", "cancelled"}


def stating(students, value=0.5, **more):
    """The body that states one value for each of them."""
    requests = [{"student_id": student, "components": scores(value)} for student in students]
    return {"requests": requests, **more}


def fresh_ids(count):
    prefix = fresh_id()
    return [f"{prefix}_{number:04}" for number in range(count)]


class Batches:
    """Batches of a client: an HTTP client of an admin, or a PoolClient."""

    def __init__(self, client):
        self.client = client

    def submit(self, body):
        """Sends it again, with the same key, while Redis is unavailable: it is one batch all the
        same."""
        headers = {"Idempotency-Key": uuid.uuid4().hex}

        def submitted():
            response = self.client.post(PATH, body, headers=headers)
            return response.status not in (503, 409) and response

        response = wait_for(submitted, "a batch submitted")
        assert response.status == 202, response
        return response.json["batch_id"]

    def get(self, path):
        """Sends it again while Redis is unavailable: how long that may be is for others to test."""

        def served():
            response = self.client.get(path)
            return response.status != 503 and response

        response = wait_for(served, f"GET {path} answered")
        assert response.status == 200, response
        return response.json

    def status(self, batch):
        return self.get(f"{PATH}/{batch}")

    def wait(self, batch, timeout=120):
        """Its last status, when it has ended."""

        def ended():
            status = self.status(batch)
            return status["status"] in ENDED and status

        return wait_for(ended, f"batch {batch} ended", timeout)

    def results(self, batch, limit=1000):
        """All of them, page by page."""
        found, total = [], 1
        while len(found) < total:
            page = self.get(f"{PATH}/{batch}/results?offset={len(found)}&limit={limit}")
            total = page["total"]
            found += page["results"]
            assert page["results"] or total == len(found)
        return found


def assert_batch(batches, body, **expected):
    """It completes, and its status says what is expected."""
    batch = batches.submit(body)
    status = batches.wait(batch)
    for name, value in expected.items():
        assert status[name] == value, (name, status)
    return batch
