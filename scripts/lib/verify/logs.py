# SPDX-License-Identifier: GPL-3.0-or-later
"""Boxes about the engine's log, wherever it is."""
import glob
import os
import re
import time
from pathlib import Path

from verify.cluster import LOG_LINES
from verify.local import lines_of, parse_json, run_program
from verify.monitoring import new_trace
from verify.outcome import Failed, ForPerson, judge

LOG_TIMEOUT_S = 5  # a request's line is written a moment after its response


def text_of(paths):
    return "".join(Path(path).read_text(errors="replace") for path in paths if os.path.exists(path))


def find_log(v):
    """(where it is, its text), or (None, "") where it cannot be read from here."""
    files, state = os.environ.get("ENGINE_LOG", "").split(), os.environ.get("STATE_DIR")
    if v.cluster:
        return "kubectl logs", "\n".join(v.cluster.log_lines("app", "worker", "metrics"))
    if pod := os.environ.get("POD"):
        _, output, error = run_program(*v.podman, "logs", f"{pod}-app")
        return "podman logs", output or error
    if files:
        return " ".join(files), text_of(path for name in files for path in sorted(glob.glob(name)))
    if state and Path(state, "log/pool.log").exists():
        return f"{state}/log", text_of(f"{state}/log/{name}.log" for name in ("pool", "worker"))
    journal = ("journalctl", "--output", "cat", "-u", "mastery-worker")
    if lines_of(run_program(*journal, "-n", "1")[1], "{"):
        return "journal", run_program(*journal, "-u", "mastery-engine@*", "-n", str(LOG_LINES))[1]
    return None, ""


def log_lines(v, otherwise):
    """(where the log is, its last lines); ForPerson without any log."""
    source, text = find_log(v)
    if source is None:
        raise ForPerson(f"{otherwise}; the log cannot be read from here (kubectl, ENGINE_LOG, STATE_DIR or the journal show it)")
    judge(text, f"{source} has no lines")
    return source, text.splitlines()


def entries(lines):
    """(line, object) of the lines that are JSON objects."""
    parsed = ((line, parse_json(line)) for line in lines)
    return [(line, entry) for line, entry in parsed if isinstance(entry, dict)]


def none_of(lines, unwanted):
    """Failed with the last line whose object is unwanted."""
    found = [line for line, entry in entries(lines) if unwanted(entry)]
    if found:
        raise Failed(found[-1])


def startup_without_errors(v):
    source, lines = log_lines(v, "the first lines say ready and no error")
    starts = lambda entry: any(word in str(entry.get("event")) for word in ("config", "start"))
    none_of(lines, lambda entry: starts(entry) and entry.get("level") == "error")
    return f"no line of a start has level error ({source})"


def no_errors(v):
    source, lines = log_lines(v, "no line has level error")
    none_of(lines, lambda entry: entry.get("level") in ("error", "critical"))
    return f"no line has level error or critical among {len(lines)} ({source})"


def lines_are_json(v):
    """A line of another program, such as multiwatch or a sanitizer, does not belong into the engine's log."""
    source, lines = log_lines(v, "each line is a JSON object")
    bad = [line for line in lines if not isinstance(parse_json(line), dict)]
    judge(not bad, f"not JSON: {bad[0][:160]}" if bad else "")
    return f"each of {len(lines)} lines ({source})"


def line_of_request(v):
    """(where, request id, trace id, line, object) of a request with ids of our own."""
    request_id, (trace, headers) = f"{v.run_id}-logged", new_trace()
    v.get("/health", headers={"X-Request-ID": request_id, **headers})
    deadline = time.monotonic() + LOG_TIMEOUT_S
    while True:
        source, lines = log_lines(v, "the line of a request has its X-Request-ID as correlation_id, and its trace_id")
        found = [(line, entry) for line, entry in entries(lines) if trace in line]
        if found or time.monotonic() > deadline:
            return source, request_id, trace, *(found[-1] if found else ("not found", {}))
        time.sleep(0.25)


def correlation_id_logged(v):
    source, request_id, _, line, entry = line_of_request(v)
    judge(entry.get("correlation_id") == request_id, f"the line of request {request_id}: {line}")
    return f"a request's line has its X-Request-ID as correlation_id ({source})"


def trace_id_logged(v):
    source, request_id, trace, line, entry = line_of_request(v)
    judge(entry.get("trace_id") == trace, f"the line of request {request_id}: {line}")
    return f"a request's line has the caller's trace_id ({source})"


def errors_have_context(v):
    """C has no stack traces to log: the line of an error has its event, its reason and its request."""
    source, lines = log_lines(v, "lines of level warning and error say what, why and for which request")
    bare = lambda entry: entry.get("event") is None or len(entry) < 6
    none_of(lines, lambda entry: entry.get("level") in ("error", "warning") and bare(entry))
    return f"each line of level warning or error names its event and the circumstances ({source})"
