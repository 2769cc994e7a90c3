# SPDX-License-Identifier: GPL-3.0-or-later
"""Short runs of scripts/fuzz-requests with fixed seeds, and faults that it must find."""
import json

import pytest
from fuzz.run import Logs, Run, report, settings
from fuzz.verdict import Verdict
from fuzz.wire import Case, Request, exchange
from fuzz.world import MARK
from harness.engine import Engine, fresh_id

CASES = 400


@pytest.fixture(scope="module")
def fuzzed():
    """Of its own: requests erase, reset and dissolve whatever they meet."""
    with Engine(**settings("off")) as running:
        yield running


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_is_sent_gets_a_response_of_the_contract(fuzzed, seed):
    run = Run(fuzzed, seed)
    cases = run.run(first=0, count=CASES, seconds=None)
    assert not run.failures, report(run, cases)
    assert len(run.reached) > 100, "so many statuses of operations were seen"


# Faults in responses


def replace_header(response, name, value):
    del response.headers[name]
    if value is not None:
        response.headers[name] = value


PLANTED = {
    "status": lambda r: setattr(r, "status", 500),
    "headers": lambda r: replace_header(r, "X-Frame-Options", None),
    "content": lambda r: setattr(r, "body", b'{"status":NaN}'),
    "error": lambda r: setattr(r, "status", 400),
    "documented": lambda r: setattr(r, "status", 206),
    "request_id": lambda r: replace_header(r, "X-Request-ID", "another"),
}


@pytest.fixture
def answered(fuzzed):
    """A verdict, a request, and its response, which is good."""
    headers = [(b"Host", b"x"), (b"X-Request-ID", fresh_id().encode()), (b"Connection", b"close")]
    run = Run(fuzzed, 0)
    request = Request(b"GET", b"/health", headers)
    [(_, response)] = exchange(run.addresses["public"], Case("public", [request]), timeout=60)
    return Verdict(run.document), request, response


def test_a_good_response_has_no_failures(answered):
    verdict, request, response = answered
    assert verdict.failures(request, response) == []


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_fault_is_found(answered, kind):
    verdict, request, response = answered
    PLANTED[kind](response)
    assert any(text.startswith(f"{kind}:") for text in verdict.failures(request, response))


# Faults in the logs

LINE = {"request_id": "r1", "status": 200}


@pytest.fixture
def judged(tmp_path, answered):
    """judged(lines of the pool's log): the failures, when a response r1 of 200 was received."""
    for name in ("access.log", "pool.log"):
        (tmp_path / name).touch()
    logs, response = Logs(tmp_path), answered[2]
    replace_header(response, "X-Request-ID", "r1")
    logs.expect(5, response)

    def check(*lines):
        (tmp_path / "access.log").write_text(json.dumps(LINE) + "\n")
        (tmp_path / "pool.log").write_text("".join(f"{line}\n" for line in lines))
        return [failure.text for failure in logs.check(limit=0.2)]

    return check


def test_a_line_for_each_response_is_right(judged):
    assert judged(json.dumps(LINE), json.dumps({"event": "x"})) == []


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [json.dumps(LINE)] * 2,
        [json.dumps({**LINE, "status": 400})],
        [json.dumps(LINE), json.dumps({"user": MARK})],
        [json.dumps(LINE), "{"],
        [json.dumps(LINE), "==1==ERROR: AddressSanitizer: x"],
    ],
    ids=["missing", "twice", "another status", "an id", "not JSON", "a report"],
)
def test_a_wrong_log_is_found(judged, lines):
    assert judged(*lines)
