# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that does the operations of its plan, one after the other, and judges each response.

A write whose outcome is unknown (no response, 409 of a running request, 502, 503, 504) is sent again, with the
same event_id or Idempotency-Key, until the outcome is known. A read that gets none of the expected responses
for such a reason is not judged."""
import hashlib
import json
import time

from harness.client import Client
from harness.cloudevents import wrapped
from harness.deployment import send
from harness.events import now_ms
from harness.model import to_ms, to_text
from soak import plan
from soak.rights import NO, YES

V1 = "/api/v1/"
UNKNOWN = {0, 409, 502, 503, 504}
NEVER_KNOWN_S = 90
REPEAT_S = 0.1
MOST_CHANGES = 250  # beyond, the model is too slow to judge each history at once
REFUSED = (403, 404)


class Request:
    """One write or read: sent as often as necessary, each time under an id of its own."""

    def __init__(self, user, role, method, path, json=None, **headers):
        self.user, self.role, self.method, self.path = user, role, method, path
        self.json, self.headers, self.ids = json, headers, []


class Actor:
    """kinds: of the operations; those of plan.py without any."""

    def __init__(self, run, number, kinds=None):
        self.kinds = kinds or plan.KINDS
        self.run, self.number, self.report, self.world = run, number, run.report, run.world
        self.public, self.sidecar = Client(run.site.base_url, timeout=30), Client(run.site.dapr_url, timeout=30)
        self.sent, self.failing_since, self.failing = 0, None, None

    def close(self):
        self.public.close()
        self.sidecar.close()

    def operate(self):
        """Until the run ends, at its rate."""
        due = time.monotonic()
        for operation in plan.operations(self.run.options.seed, self.number, self.kinds):
            if self.run.is_over(operation.number):
                return
            due = max(due + self.run.interval_s(), time.monotonic() - 1)
            time.sleep(max(0, due - time.monotonic()))
            self.report.count("operations")
            if self.kinds is plan.READS:
                getattr(self, operation.kind)(operation, None)
            elif not (pupil := self.world.pupil(operation.student)).lost:
                getattr(self, operation.kind)(operation, pupil)

    # --- requests ---

    def send(self, request, client=None):
        """One try. The response must be the one to this request."""
        self.sent += 1
        request_id = f"{self.run.options.seed}-{self.number}-{self.sent}"
        request.ids.append(request_id)
        headers = {"X-Request-ID": request_id, **{k.replace("_", "-"): v for k, v in request.headers.items()}}
        options = {} if request.json is None else {"json": request.json}
        token = self.world.token(request.user, request.role) if request.user else None
        began = time.monotonic()
        response = send(client or self.public, request.method, request.path, headers=headers, token=token, **options)
        self.judge_envelope(request, request_id, response)
        self.watch_outage(began, request, response)
        return response

    def judge_envelope(self, request, request_id, response):
        if response.status == 0:
            return
        what = f"{request.method} {request.path} by {request.user}"
        if response.headers.get("X-Request-ID") != request_id:
            self.report.difference("response to another request", f"{what}: {response.headers.items()}")
        if response.status in (400, 401, 405, 413, 415, 429) or response.status >= 500 and response.status not in UNKNOWN:
            self.report.difference("unexpected status", f"{what}: {response!r}")
        if request.path.startswith("/dapr") or not response.headers.get_content_type().endswith("json"):
            return
        replayed = response.headers.get("Idempotency-Replayed") == "true"
        allowed = request.ids if replayed else [request_id]
        if response.json.get("correlation_id", request_id) not in allowed:
            self.report.difference("response to another request", f"{what}: {response!r}")

    def watch_outage(self, began, request, response):
        if response.status in UNKNOWN:
            if self.failing_since is None:
                self.failing_since, self.failing = began, (self.report.fault, request, [])
            self.failing[2].append(response.status or response.text)
        elif self.failing_since is not None:
            fault, first, statuses = self.failing
            what = f"{first.method} {first.path.split('?')[0]}: {statuses[0]}, {len(statuses)} tries, last {statuses[-1]}"
            self.report.outage(fault, time.monotonic() - self.failing_since, what)
            self.failing_since = None

    def until_known(self, request, client=None):
        """The response of the first try whose outcome is known; None if there is none in time."""
        ends = time.monotonic() + NEVER_KNOWN_S
        while True:
            response = self.send(request, client)
            if response.status not in UNKNOWN:
                return response
            self.report.count("unknown")
            if time.monotonic() > ends:
                self.report.difference("outcome never known", f"{request.method} {request.path}: {response!r}")
                return None
            time.sleep(REPEAT_S)

    def read(self, request):
        """The response, or None when the read failed for a reason that faults may have."""
        response = self.send(request)
        if response.status in UNKNOWN:
            self.report.count("failed reads")
            return None
        return response

    # --- judgements ---

    def is_acknowledged(self, what, pupil, response, status):
        """Whether the write was accepted; it must be if it is allowed, and only then."""
        if response is None:
            pupil.lost = True
            return False
        allowed = pupil.may_write()
        if response.status == status and allowed:
            self.report.count("acknowledged")
            return True
        if response.status in REFUSED and not allowed:
            self.report.count("refused")
            return False
        expected = status if allowed else "a refusal"
        self.report.difference(what, f"{pupil.name}: {expected} expected, not {response!r}")
        pupil.lost = True
        return False

    def judge(self, what, pupil, response, statuses, check=None):
        """A read: one of the statuses, about this student, and what check says about the body of 200."""
        if response is None:
            return
        if response.status not in statuses:
            self.report.difference(what, f"{pupil.name}: {statuses} expected, not {response!r}")
        if response.status != 200:
            return
        try:
            assert response.json["student_id"] == pupil.name, "another student"
            if check:
                check(response.json)
        except AssertionError as error:
            self.report.difference(what, f"{pupil.name}: {error}")

    # --- writes ---

    def event_body(self, student, event):
        body = {**event, "student_id": student, "source": "soak"}
        body["timestamp"] = to_text(now_ms() - body.pop("age_ms"))
        return body

    def ingest(self, operation, pupil):
        body = self.event_body(pupil.name, operation.details["event"])
        admin = pupil.common or operation.number % 2
        user, role = (self.admin, "admin") if admin else (pupil.name, "student")
        with self.run.plant.around("ingest", self, body):
            response = self.until_known(Request(user, role, "POST", V1 + "mastery/ingest", body))
            if self.is_acknowledged("ingest", pupil, response, 202):
                if response.json["event_id"] != body["event_id"]:
                    self.report.difference("response to another request", repr(response))
                with pupil.lock:
                    pupil.ingest(body)

    @property
    def admin(self):
        return f"admin-{self.number}"

    def bulk(self, operation, _pupil):
        bodies = [self.event_body(student, event) for student, event in operation.details["events"]]
        pending = {str(i): body for i, body in enumerate(bodies) if not self.world.pupil(body["student_id"]).lost}
        ends = time.monotonic() + NEVER_KNOWN_S
        while pending:
            entries = [
                {"entryId": name, "event": wrapped(body), "contentType": "application/json"}
                for name, body in pending.items()
            ]
            delivery = {"id": f"{self.number}-{operation.number}", "topic": "learning.events", "entries": entries}
            delivery |= {"type": "com.dapr.event.sent.bulk", "pubsubname": "pubsub", "metadata": {}}
            headers = {"dapr_api_token": self.run.site.app_api_token}
            request = Request(None, None, "POST", "/dapr/events", delivery, **headers)
            response = self.until_known(request, self.sidecar)
            if response is None or response.status != 200 or time.monotonic() > ends:
                for body in pending.values():
                    self.world.pupil(body["student_id"]).lost = True
                return self.report.difference("bulk", f"not delivered: {response!r}")
            for row in response.json["statuses"]:
                if row["status"] != "RETRY":
                    self.count_delivered(pending.pop(row["entryId"]), row["status"])
            if pending:
                self.report.count("unknown")
                time.sleep(REPEAT_S)

    def count_delivered(self, body, status):
        pupil = self.world.pupil(body["student_id"])
        if (status == "SUCCESS") != pupil.may_write():
            self.report.difference("bulk", f"{pupil.name}: {status} for {body['event_id']}")
        elif status == "SUCCESS":
            self.report.count("acknowledged")
            with pupil.lock:
                pupil.ingest(body)
        else:
            self.report.count("refused")

    def calculate(self, operation, pupil):
        body = {"student_id": pupil.name, "components": operation.details["components"]}
        key = {"Idempotency_Key": operation.details["key"]}
        request = Request(self.admin, "admin", "POST", V1 + "mastery/calculate", body, **key)
        response = self.until_known(request)
        if self.is_acknowledged("calculate", pupil, response, 200):
            pupil.state(body["components"], to_ms(response.json["data"]["calculated_at"]))
            pupil.keys[operation.details["key"]] = (request, response.body)
            self.judge("calculate", pupil, response, (200,), pupil.judge_query)

    def batch(self, operation, _pupil):
        stated = operation.details["requests"]
        body = {"requests": [{"student_id": s, "components": c} for s, c in stated.items()]}
        key = {"Idempotency_Key": operation.details["key"]}
        response = self.until_known(Request(self.admin, "admin", "POST", V1 + "batch/mastery", body, **key))
        if response is not None and response.status == 202:
            self.report.count("acknowledged")
            self.world.batches[response.json["batch_id"]] = stated
        elif response is not None:
            self.report.difference("batch", f"202 expected, not {response!r}")

    def consent(self, operation, pupil):
        details = operation.details
        self.decide(pupil, details["type"], details["granted"], details["role"])

    def decide(self, pupil, kind, granted, role):
        user = self.admin if role == "admin" else pupil.name
        body = {"consent_type": kind, "granted": granted}
        response = self.until_known(Request(user, role, "POST", f"{V1}compliance/consent/{pupil.name}", body))
        if response is None:
            pupil.lost = True
            return
        returns = pupil.erased and kind == "data_processing" and granted and self.run.site.erased_may_return
        expected = (200,) if returns or not pupil.erased else REFUSED
        if response.status not in expected:
            self.report.difference("consent", f"{pupil.name}: {expected} expected, not {response!r}")
        elif response.status == 200:
            self.report.count("acknowledged")
            pupil.erased = False
            pupil.decide(kind, granted)
        else:
            self.report.count("refused")

    def erase(self, operation, pupil):
        known = pupil.has_data() or pupil.consents
        self.world.rights.begin_erasure(pupil.name)
        response = self.until_known(
            Request(self.admin, "admin", "DELETE", f"{V1}compliance/student/{pupil.name}")
        )
        if response is None:
            pupil.lost = True
            return
        if response.status not in ((200,) if known else (200, 404)):
            self.report.difference("erase", f"{pupil.name}: {response!r}")
        if response.status == 200:
            self.report.count("acknowledged")
            pupil.erase()
        self.world.rights.end_erasure(pupil.name)
        self.query(plan.Operation(0, "query", pupil.name, {"role": "student"}), pupil)
        self.query(plan.Operation(0, "query", pupil.name, {"role": "admin"}), pupil)
        if operation.details["returns"]:
            self.decide(pupil, "data_processing", True, operation.details["consent"])

    def roster(self, operation, _pupil):
        details = operation.details
        students = [s for s in details["students"] if not self.world.pupil(s).erased]
        body = {"name": "soak", "teacher_ids": details["teachers"], "student_ids": details["students"]}
        self.world.rights.begin(details["cohort"], details["teachers"], students)
        with self.run.plant.around("roster", self, {"cohort": details["cohort"], **body}):
            request = Request(self.admin, "admin", "PUT", f"{V1}cohorts/{details['cohort']}", body)
            response = self.until_known(request)
            if response is None:
                return
            if response.status not in (200, 201):
                self.report.difference("roster", f"{details['cohort']}: {response!r}")
                return
            self.report.count("acknowledged")
            self.judge_roster("roster", response.json, details["cohort"], details["teachers"], students)
        self.world.rights.end(details["cohort"], (details["teachers"], students))

    def judge_roster(self, what, body, cohort, teachers, students):
        found = (body["cohort_id"], sorted(body["teacher_ids"]), sorted(body["student_ids"]))
        if found != (cohort, sorted(teachers), sorted(students)):
            self.report.difference(what, f"{found} for {cohort}, {sorted(teachers)}, {sorted(students)}")

    def roster_delete(self, operation, _pupil):
        cohort = operation.details["cohort"]
        known = cohort in self.world.rights.rosters
        self.world.rights.begin(cohort, [], [])
        request = Request(self.admin, "admin", "DELETE", f"{V1}cohorts/{cohort}")
        response = self.until_known(request)
        if response is None:
            return
        if response.status not in ((200, 404) if len(request.ids) > 1 or not known else (200,)):
            self.report.difference("roster", f"{cohort} deleted: {response!r}")
        self.report.count("acknowledged")
        self.world.rights.end(cohort, None)

    # --- reads ---

    def query_request(self, pupil, user, role):
        return Request(user, role, "POST", V1 + "mastery/query", {"student_id": pupil.name})

    def own_read(self, operation, pupil):
        return (pupil.name, "student") if operation.details["role"] == "student" else (self.admin, "admin")

    def query(self, operation, pupil):
        response = self.read(self.query_request(pupil, *self.own_read(operation, pupil)))
        if response is None:
            return
        stale = response.headers.get("X-Cache") == "STALE"
        self.report.count("stale", int(stale))
        exact = None if stale or pupil.common else pupil.judge_query
        self.judge("query", pupil, response, self.statuses(pupil), exact)

    def statuses(self, pupil):
        """Those that a read by somebody with the right may have."""
        if pupil.common:
            return (200, 404)
        return (200,) if pupil.has_data() else (404,)

    def history(self, operation, pupil):
        path = f"{V1}mastery/history/{pupil.name}?days=90"
        response = self.read(Request(*self.own_read(operation, pupil), "GET", path))
        small = not pupil.common and pupil.changes() < MOST_CHANGES
        check = (lambda body: pupil.judge_history(body["history"])) if small else None
        self.judge("history", pupil, response, (200,), check)

    def predict(self, _operation, pupil):
        """Without consent to analytics there is none."""
        request = Request(self.admin, "admin", "POST", V1 + "predictions/next-week", {"student_id": pupil.name})
        granted = pupil.consents.get("analytics", (True, 0))[0]
        self.judge("predict", pupil, self.read(request), self.statuses(pupil) if granted else REFUSED)

    def export(self, operation, pupil):
        path = f"{V1}compliance/export/{pupil.name}"
        response = self.read(Request(*self.own_read(operation, pupil), "GET", path))
        if response is None:
            return
        self.judge("export", pupil, response, (200,) if pupil.has_data() else (200, 404))
        if response.status == 200:
            self.judge_integrity(pupil, response)

    def judge_integrity(self, pupil, response):
        """The hash is that of the bytes of data; no event is of somebody else. One that the worker moves out
        of the journal meanwhile may be there twice; at the end, when nothing moves, each is there once."""
        text = response.text
        start = text.index('"data":') + len('"data":')
        _, end = json.JSONDecoder().raw_decode(text, start)
        if hashlib.sha256(text[start:end].encode()).hexdigest() != response.json["integrity_hash"]:
            self.report.difference("export", f"{pupil.name}: the hash is not that of the data")
        names = {event["event_id"] for event in response.json["data"]["events"]}
        foreign = set() if pupil.common else names - set(pupil.events)
        if foreign:
            self.report.difference("export", f"{pupil.name}: foreign events: {sorted(foreign)[:3]}")

    def owner(self, operation):
        return int(operation.details["share"] * self.run.options.clients)

    def look(self, operation, _pupil):
        """At a student of another client, whose writes may be running. Who is erased before and after has no
        data, whichever process responds, and whether Redis is there or not."""
        pupil = self.world.pupil(self.world.latest(self.owner(operation), operation.details["slot"]))
        before = (pupil.erased, pupil.erasures)
        response = self.read(self.query_request(pupil, *self.own_read(operation, pupil)))
        erased = before == (True, pupil.erasures) and pupil.erased
        self.report.count("reads of erased students", int(erased and response is not None))
        self.report.count("stale", int(response is not None and response.headers.get("X-Cache") == "STALE"))
        self.judge("look", pupil, response, (404,) if erased else (200, 404))

    def teacher_read(self, operation, _pupil):
        details, owner = operation.details, self.owner(operation)
        teacher = plan.teacher_of(owner, details["teacher"])
        common = details["common"] is not None
        student = plan.common_student(details["common"]) if common else self.world.latest(owner, details["slot"])
        self.judge_right(teacher, self.world.pupil(student))

    def judge_right(self, teacher, pupil):
        """Whether the teacher gets to see the student exactly if the rosters say so."""
        before = self.world.rights.snapshot(teacher, pupil.name)
        response = self.read(self.query_request(pupil, teacher, "teacher"))
        if response is None or self.world.rights.snapshot(teacher, pupil.name) != before:
            return
        expected = {YES: (200, 404), NO: (403,)}.get(before[0], (200, 403, 404))
        self.report.count("rights judged")
        self.judge(f"right of {teacher} ({before[0]})", pupil, response, expected)

    def stranger_read(self, _operation, pupil):
        request = self.query_request(pupil, f"stranger-{self.number}", "student")
        self.judge("read by a stranger", pupil, self.read(request), (403,))
