# SPDX-License-Identifier: GPL-3.0-or-later
"""What schemathesis reports although the engine is right: each with the reason. A finding is an
artefact when its check and its text match; everything else fails the test, as does an artefact that
is found no more."""
import re

REFUSED, ACCEPTED = "Schema-valid request rejected", "Schema-violating request accepted"

# (check, pattern of the finding's text, reason)
ARTEFACTS = [
    (REFUSED, '"INVALID_JSON"', "a key or a text has U+0000, which JSON Schema cannot exclude from the keys of an object whose other members are ignored (docs/api.md, JSON bodies)"),
    (REFUSED, '"weights","message":"must sum to 1', "JSON Schema has no sums"),
    (REFUSED, '"must be a next_cursor of an earlier response"', "only an earlier response has a cursor, which it describes as a text"),
    (REFUSED, '"start_date","message":"must not be after end_date"', "JSON Schema cannot compare two fields"),
    (REFUSED, r'"(timestamp|data\.timestamp)","message":"must not be', "limits that move with the clock"),
    (REFUSED, '"comparison_date","message":"must (be one of the last 90 days|not lie in the future)', "limits that move with the clock"),
    (REFUSED, r'questions_correct","message":"must be at most questions_total', "JSON Schema cannot compare two fields"),
    (REFUSED, r'"(consent_type|granted)","message":"is required"', "they may come in the query or in the body; a schema describes one of these at a time"),
    (REFUSED, r'callback_url","message":"', "the host of the URL decides (docs/security.md), which a pattern cannot"),
    (REFUSED, r"/%5B'\"'\"'student-", "it writes the list student_ids of another operation's request, as one text, where a path has student_id"),
    (REFUSED, '"INSUFFICIENT_DATA"', "422 is described: the students of a valid request may have no data"),
    (REFUSED, r'"(payload\.)?requests\[\d+\]\.student_id","message":"must not be in the list twice"', "uniqueItems compares whole objects"),
    (REFUSED, r'"student_id","message":"is required"', "a student may leave it out; the schema is the same for all roles"),
    (REFUSED, r'"message":"must (be (\d+ to \d+ printable|an event of)|(be|consist of) visible ASCII)', "the characters of an id of an event or key are in its description"),
    (REFUSED, r'curl -X POST .*ce-.*api/v1/events', "binary mode: the attributes are in headers, and the schema of the body cannot require them"),
    (REFUSED, r'xapi/statements', "rules of xAPI about several keys together (one identifier of an actor, min below max), and about activity objects"),
    (REFUSED, r'"message":"The body has more than \d+ values', "413 is described: a student's body may have fewer values than its lists may have elements"),
    (ACCEPTED, 'parameter `Idempotency-Key` in header', "nginx does not tell an empty header from none (hazards X52)"),
    (ACCEPTED, r'parameter `(X-Request-ID|traceparent|ce-\w+)` in header', "invalid ones are replaced (docs/api.md, Response headers)"),
    ("Missing required header accepted", "404 .*dapr-api-token", "the sidecar's paths do not exist on the public port"),
    ("Wrong response to undeclared method", r"/dapr/", "the sidecar's paths do not exist on the public port: 404 for all methods"),
]  # fmt: skip


def of(check, text):
    """The artefact that the finding is; None: none."""
    for row in ARTEFACTS:
        if row[0] == check and re.search(row[1], text, re.DOTALL):
            return row
    return None
