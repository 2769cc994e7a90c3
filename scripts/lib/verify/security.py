# SPDX-License-Identifier: GPL-3.0-or-later
"""Boxes about authorization, hostile input and rate limits."""
from datetime import datetime, timezone

from verify.api import fields_refused
from verify.outcome import judge

FLOOD = 60  # requests, as in the checklist


def auth_error(body):
    return body["error"]["code"] == "AUTH_ERROR"


def no_token_refused(v):
    response = v.query(v.students[0], "none")
    response.expect(401, auth_error)
    return f"401 AUTH_ERROR, WWW-Authenticate: {response.header('WWW-Authenticate')}"


def invalid_token_refused(v):
    v.query(v.students[0], "bad").expect(401, auth_error)
    return "a token with a wrong signature: 401 AUTH_ERROR"


def student_access(v):
    own = v.query(v.user("student") or "none", "student")
    # A student whose token was given may have no data yet.
    judge(own.status in (200, 404), f"own data: {own}")
    v.query(v.students[2], "student").expect(403)
    return "own data answered, another's refused with 403"


def teacher_access(v):
    v.query(v.students[0], "teacher").expect(200, doing="a student of the own cohort")
    v.query(v.students[2], "teacher").expect(403)
    return "a student of the own cohort answered, another refused with 403"


def admin_access(v):
    audit_log = "/api/v1/compliance/audit/logs?limit=1"
    v.query(v.students[0]).expect(200)
    v.get(f"/api/v1/cohorts/{v.cohort}").expect(200)
    v.get(audit_log, "student").expect(403, doing="a student asks for the audit log")
    v.get(audit_log).expect(200)
    return "students, cohorts and audit log answered; the audit log is refused to a student"


def id_refused(v, student):
    v.query(student).expect(400, lambda body: "student_id" in fields_refused(body))
    return f'"{student}" as student_id: 400 VALIDATION_ERROR'


def markup_refused(v):
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    data = {"content_id": "c1", "content_type": "article", "rating": 5, "comment": "<script>alert(1)</script>"}
    event = {"event_id": "verify-markup", "event_type": "content.rated", "student_id": v.students[0]}
    v.post("/api/v1/mastery/ingest", event | {"timestamp": now, "data": data}).expect(
        400, lambda body: "data.comment" in fields_refused(body)
    )
    return "<script> in a comment: 400, it never gets in"


def invalid_json_refused(v):
    json_type = {"Content-Type": "application/json"}
    body = v.post("/api/v1/mastery/query", body='{"student_id": "a",}', headers=json_type).expect(
        400, lambda body: body["error"]["code"] == "INVALID_JSON"
    )
    return f"400 INVALID_JSON at offset {body['error']['details']['offset']}"


def flood(v):
    """Responses to the checklist's 60 requests, sent once, by a user of their own on one connection."""
    if not hasattr(v, "flood"):
        v.flood = [v.get("/health", "limited", retry=False) for _ in range(FLOOD)]
    return v.flood


def limit_enforced(v):
    statuses = [response.status for response in flood(v)]
    served, refused = statuses.count(200), statuses.count(429)
    seen = f"of {FLOOD} GET /health at once {served} were served and {refused} refused"
    return judge(refused > 0 and served >= 40, seen)


def limit_status(v):
    refused = [i for i, response in enumerate(flood(v), 1) if response.status == 429]
    code = lambda body: body["error"]["code"] == "RATE_LIMITED"
    judge(refused and v.flood[refused[0] - 1].holds(429, code), f"no 429 with the code RATE_LIMITED among {FLOOD} requests")
    return f"429 RATE_LIMITED from request {refused[0]} on"


def limit_retry_after(v):
    waits = {response.header("Retry-After") for response in flood(v) if response.status == 429}
    seen = " ".join(sorted(waits))
    good = len(waits) == 1 and seen.isdecimal() and int(seen) > 0
    return judge(good, f"Retry-After: {seen}" if good else f"Retry-After of the refusals: {seen or 'none'}")
