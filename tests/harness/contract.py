# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what, written by hand and not read from the engine.

A row is a route with all its aliases, the right that it takes and a request that would succeed. A
right says for each kind of caller whether the request succeeds; what a refusal is called follows
from the contract alone."""
import uuid
from collections import namedtuple

from harness import cloudevents
from harness.events import event

HALVES = {"completion": 0.5, "quiz": 0.5, "quality": 0.5, "consistency": 0.5}

YES, NO, NOT_FOUND, WHO = "yes", "no", "not found", "who are you"
REFUSALS = {NO: 403, NOT_FOUND: 404, WHO: 401}

# Everybody who may come. What a row is about is `student`, who is in `cohort`, which `teacher`
# teaches; the dismissed teacher has taught it, and another one had `student` elsewhere.
CALLERS = [
    "nobody",
    "expired",
    "garbage",
    "student",
    "another student",
    "teacher",
    "another teacher",
    "dismissed teacher",
    "teacher of one who left",
    "admin",
    "sidecar",
    "student by the sidecar",
    "another student by the sidecar",
]
UNNAMED = ["nobody", "expired", "garbage"]
STRANGERS = ["another teacher", "dismissed teacher", "teacher of one who left"]


def _right(otherwise=NO, sidecar=WHO, **verdicts):
    """The verdict for each caller: those named, and `otherwise` for every other who has a name."""
    words = {name.replace("_", " "): verdict for name, verdict in verdicts.items()}
    right = dict.fromkeys(CALLERS, otherwise)
    right.update(dict.fromkeys(UNNAMED, WHO), sidecar=sidecar)
    right.update({c: words["teachers"] for c in STRANGERS if "teachers" in words})
    right.update({c: v for c, v in words.items() if c in CALLERS})
    for student in ("student", "another student"):  # a user's token counts instead of the sidecar's
        right[f"{student} by the sidecar"] = right[student]
    return right


_OPEN = dict.fromkeys(CALLERS, YES)
RIGHTS = {
    "open": _OPEN,
    "anybody with a token": _right(YES),
    "student data": _right(student=YES, teacher=YES, admin=YES),
    "own data": _right(student=YES, admin=YES),
    "compare students": _right(teacher=YES, admin=YES),  # two of them are never oneself only
    "feedback": _right(NOT_FOUND, student=YES, teacher=YES, admin=YES),
    "admin": _right(admin=YES),
    "read a cohort": _right(teacher=YES, admin=YES),
    "list cohorts": _right(teacher=YES, teachers=YES, admin=YES),
    "process": _right(sidecar=YES, student=YES, teacher=YES, admin=YES),
    "process as admin": _right(sidecar=YES, admin=YES),
    "sidecar": {**dict.fromkeys(CALLERS, WHO), "sidecar": YES}
    | {f"{who} by the sidecar": YES for who in ("student", "another student")},
}

# status: of a success. query: text, or function that makes one for each request. body: made of the stage; None: the request has none. listeners: which have it;
# needs: another route without which the row means nothing.
Row = namedtuple("Row", "method paths right body status query headers listeners needs")
BOTH = ("public", "sidecar's")


def row(
    method, paths, right, body=None, status=(200,), query="", headers=None, on=BOTH, needs=None
):
    paths = (paths,) if isinstance(paths, str) else tuple(paths)
    return Row(method, paths, right, body, status, query, headers or {}, on, needs)


def _student(**more):
    return lambda stage: {"student_id": stage.student, **more}


def _calculate(stage):
    return {"student_id": stage.student, "components": HALVES}


def _both(stage):
    return [stage.student, stage.mate]


def _intent(intent, **payload):
    return lambda stage: {"intent": intent, "payload": {"student_id": stage.student, **payload}}


def _statement(stage):
    verb = {"id": "http://adlnet.gov/expapi/verbs/completed", "display": {"en": "completed"}}
    kind = {"type": "http://adlnet.gov/expapi/activities/lesson"}
    return {
        "actor": {"account": {"homePage": "https://lms.example.org", "name": stage.student}},
        "verb": verb,
        "object": {"id": "https://lms.example.org/activities/1", "definition": kind},
        "timestamp": event()["timestamp"],
    }


_V1 = "/api/v1/"
_PROCESS = [_V1 + "process", "/process", _V1 + "process/process"]
_XAPI_STATEMENTS = [_V1 + "xapi/statements", "/xapi/statements"]
_XAPI_VERSION = {"X-Experience-API-Version": "1.0.3"}
_COHORT = _V1 + "cohorts/{cohort_id}"


def _predictions(path):
    return [_V1 + "predictions/" + path, _V1 + "analytics/predictions/" + path]


def _processes(path):
    return [_V1 + "process/" + path, _V1 + "process/process/" + path]


ROWS = [
    row("GET", "/health", "open"),
    row("GET", "/ready", "open"),
    row("GET", "/", "open"),
    row("GET", ["/metrics", _V1 + "mastery/metrics/prometheus"], "open"),
    row("GET", "/metrics/detailed", "open"),
    row("POST", "/metrics/reset", "admin"),
    row("GET", "/openapi.json", "open"),
    row("GET", ["/docs", "/redoc"], "open"),
    row("POST", _V1 + "mastery/query", "student data", _student()),
    row("POST", _V1 + "mastery/calculate", "student data", _calculate),
    row("POST", _V1 + "mastery/ingest", "student data", lambda s: event(student=s.student), (202,)),
    row("POST", _XAPI_STATEMENTS, "student data", _statement, headers=_XAPI_VERSION),
    row(
        "POST",
        _V1 + "events",
        "student data",
        lambda s: cloudevents.own(event(student=s.student)),
        (202,),
        headers={"Content-Type": cloudevents.STRUCTURED},
    ),
    row(
        "POST",
        _V1 + "events",
        "student data",
        lambda s: [cloudevents.own(event(student=s.student)) for _ in range(3)],
        (202,),
        headers={"Content-Type": cloudevents.BATCH},
    ),
    row(
        "PUT",
        _XAPI_STATEMENTS,
        "student data",
        _statement,
        (204,),
        query=lambda: f"?statementId={uuid.uuid4()}",
        headers=_XAPI_VERSION,
    ),
    row("GET", [_V1 + "xapi/about", "/xapi/about"], "open"),
    row("GET", _V1 + "mastery/history/{student_id}", "student data", query="?days=7"),
    row("GET", _V1 + "mastery/statistics/{student_id}", "student data"),
    row("GET", _V1 + "mastery/topics/{student_id}", "student data", query="?limit=3"),
    row("POST", _predictions("next-week"), "student data", _student()),
    row("POST", _predictions("trajectory"), "student data", _student()),
    row(
        "POST",
        _predictions("next-week/intervention"),
        "student data",
        _student(intervention_type="practice"),
    ),
    row("GET", _predictions("accuracy/{student_id}"), "student data"),
    row("GET", _predictions("config"), "anybody with a token"),
    row("POST", _predictions("config"), "anybody with a token"),
    row("POST", _V1 + "recommendations/adaptive", "student data", _student()),
    row("POST", _V1 + "recommendations/learning-path", "student data", _student()),
    row(
        "POST",
        [_V1 + "recommendations/compact", _V1 + "recommendations/mcp/skill-recommendations"],
        "student data",
        _student(),
    ),
    row(
        "POST",
        _V1 + "recommendations/feedback",
        "feedback",
        lambda s: {"recommendation_id": s.recommendation, "completed": True},
    ),
    row(
        "GET",
        [
            _V1 + "recommendations/{student_id}/history",
            _V1 + "recommendations/recommendations/{student_id}/history",
        ],
        "student data",
    ),
    row("GET", _V1 + "recommendations/config", "anybody with a token"),
    row(
        "POST",
        [_V1 + "analytics/mastery-history", _V1 + "analytics/history"],
        "student data",
        _student(days=7, aggregation="daily"),
    ),
    row("POST", _V1 + "analytics/comprehensive", "student data", _student(days=7)),
    row(
        "POST",
        _V1 + "analytics/compare/cohorts",
        "compare students",
        lambda s: {"cohort_a_student_ids": _both(s), "cohort_b_student_ids": _both(s)},
    ),
    row(
        "POST",
        _V1 + "analytics/compare/cohorts",
        "compare students",
        lambda s: {"cohort_a_id": s.cohort, "cohort_b_student_ids": _both(s)},
    ),
    row(
        "POST",
        _V1 + "analytics/compare/students",
        "compare students",
        lambda s: {"student_ids": _both(s), "metric": "mastery_score"},
    ),
    row(
        "POST",
        _V1 + "analytics/compare",
        "student data",
        lambda s: {"student_id": s.student, "cohort_id": s.cohort, "metric": "overall"},
    ),
    row("GET", _V1 + "analytics/config", "anybody with a token"),
    row(
        "POST",
        [_V1 + "batch/mastery", _V1 + "analytics/batch/mastery"],
        "admin",
        lambda s: {"student_ids": [s.student], "priority": "low"},
        (202,),
    ),
    row(
        "GET",
        [
            _V1 + "batch/mastery/{batch_id}",
            _V1 + "batch/status/{batch_id}",
            _V1 + "analytics/batch/mastery/{batch_id}",
        ],
        "admin",
    ),
    row("GET", _V1 + "batch/mastery/{batch_id}/results", "admin", query="?offset=0&limit=10"),
    row("DELETE", _V1 + "batch/mastery/{batch_id}", "admin", status=(202, 409)),
    row("GET", _V1 + "cohorts", "list cohorts"),
    row("GET", _COHORT, "read a cohort"),
    row("GET", _COHORT + "/overview", "read a cohort", query="?sort=mastery"),
    row("PUT", _COHORT, "admin", lambda s: s.roster),
    row("DELETE", _V1 + "cohorts/{spare_cohort_id}", "admin", status=(200, 404)),
    row(
        "GET",
        [_V1 + "compliance/export/{student_id}", _V1 + "compliance/student/{student_id}/export"],
        "own data",
    ),
    row("DELETE", _V1 + "compliance/student/{student_id}", "admin", query="?dry_run=true"),
    row(
        "POST",
        _V1 + "compliance/consent/{student_id}",
        "own data",
        lambda s: {"consent_type": "research", "granted": True},
    ),
    row(
        "POST",
        _V1 + "compliance/consent/{student_id}/withdraw",
        "own data",
        lambda s: {"consent_type": "communication"},
    ),
    row("GET", _V1 + "compliance/consent/status/{student_id}", "student data"),
    row("GET", _V1 + "compliance/audit/logs", "admin", query="?limit=10"),
    row("POST", _PROCESS, "process", _intent("mastery_calculation", components=HALVES)),
    row("POST", _PROCESS, "process", _intent("mastery_calculation")),
    row("POST", _PROCESS, "process", _intent("get_prediction")),
    row("POST", _PROCESS, "process", _intent("generate_path")),
    row("POST", _PROCESS, "process", _intent("analytics_query", query_type="history")),
    row("POST", _PROCESS, "process", _intent("analytics_query", query_type="comprehensive")),
    row(
        "POST",
        _PROCESS,
        "process as admin",
        lambda s: {"intent": "batch_process", "payload": {"student_ids": [s.student]}},
        (200, 202),
        needs=("POST", _V1 + "batch/mastery"),
    ),
    row("POST", _processes("mastery"), "process", _calculate),
    row("POST", _processes("prediction"), "process", _student()),
    row("POST", _processes("path"), "process", _student()),
    row("GET", _V1 + "process/health", "open"),
    row("GET", "/dapr/subscribe", "open", on=("sidecar's",)),
    row("GET", "/dapr/config", "open", on=("sidecar's",)),
    row(
        "POST",
        "/dapr/events",
        "sidecar",
        lambda s: cloudevents.wrapped(event(student=s.student)),
        headers={"Content-Type": cloudevents.STRUCTURED},
        on=("sidecar's",),
    ),
]


def expected(one, caller, listener):
    """The statuses that the contract allows this caller on this listener."""
    if listener not in one.listeners:
        return (404,)
    if listener == "public":  # nobody is the sidecar there
        caller = {"sidecar": "nobody"}.get(caller, caller.removesuffix(" by the sidecar"))
    verdict = RIGHTS[one.right][caller]
    return one.status if verdict == YES else (REFUSALS[verdict],)


def about_a_student(one):
    """Whether the response might disclose that the student exists."""
    return one.right in ("student data", "own data", "compare students", "process")
