# SPDX-License-Identifier: GPL-3.0-or-later
"""mastery-ctl ingest: a file of events, sent, resumed, its rejects told by line."""
import http.server
import json
import os
import subprocess
import threading
import time

import pytest
from harness.binaries import bin_dir
from harness.engine import fresh_id
from harness.events import event
from harness.wait import LIMIT_S, wait_for

DONE, FAILED, USAGE, AWAY = range(4)


def send(path, url=None, token=None, *options, **how):
    arguments = ["ingest", str(path), *options]
    if url:
        arguments += ["--url", url]
    named = {k: v for k, v in os.environ.items() if k == "PATH" or k.endswith("SAN_OPTIONS")}
    if token:
        named["MASTERY_TOKEN"] = token
    return subprocess.run(
        [str(bin_dir() / "mastery-ctl"), *arguments],
        env=named,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        **how,
    )


def write(path, events):
    path.write_text("".join(json.dumps(item) + "\n" for item in events))
    return path


def samples(engine, student):
    history = engine.admin().get(f"/api/v1/mastery/history/{student}?days=1").json["history"]
    return sum(day["sample_size"] for day in history)


class StandIn:
    """Answers ingest by a list of (status, headers), then by 202; keeps the events' ids."""

    def __init__(self, responses=(), delay=0.0):
        stand_in = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(stand_in.delay)
                with stand_in.lock:
                    status, headers = stand_in.responses.pop(0) if stand_in.responses else (202, {})
                    stand_in.seen.append((json.loads(body)["event_id"], status))
                    stand_in.bodies.append(body)
                self.send_response(status)
                for name, value in {"Content-Length": "2", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.responses, self.delay, self.seen, self.bodies = list(responses), delay, [], []
        self.lock = threading.Lock()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def accepted(self):
        return [name for name, status in self.seen if status == 202]


def test_file_is_sent_and_every_event_counted_once(engine, student, tmp_path):
    path = write(tmp_path / "events.ndjson", [event(student=student) for _ in range(300)])
    token = engine.token("root", "admin")
    result = send(path, engine.base_url, token)
    assert result.returncode == DONE, result
    assert result.stdout.startswith("300 accepted, 0 rejected")
    assert samples(engine, student) == 300
    assert not (tmp_path / "events.ndjson.done").exists()
    assert send(path, engine.base_url, token).returncode == DONE
    assert samples(engine, student) == 300, "sent twice, counted once"


def test_rejects_are_told_by_line_and_the_rest_goes_on(engine, student, tmp_path):
    good = [json.dumps(event(student=student)) for _ in range(3)]
    bad = json.dumps(event(student=student, score=7))
    path = tmp_path / "events.ndjson"
    path.write_text("\n".join([good[0], "{", "", bad, good[1], "   ", good[2]]))
    result = send(path, engine.base_url, engine.token("root", "admin"))
    assert result.returncode == FAILED
    assert result.stdout.startswith("3 accepted, 2 rejected")
    lines = sorted(result.stderr.splitlines())
    assert len(lines) == 2, lines
    assert lines[0].startswith("line 2: 400 INVALID_JSON ")
    assert lines[1].startswith("line 4: 400 VALIDATION_ERROR data.score: ")
    assert samples(engine, student) == 3


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_c21_a_byte_order_mark_does_not_cost_the_first_line(engine, student, tmp_path, end):
    path = tmp_path / "events.jsonl"
    lines = [json.dumps(event(student=student)) for _ in range(3)]
    path.write_bytes(("\ufeff" + end.join([*lines, "", ""])).encode())
    result = send(path, engine.base_url, engine.token("root", "admin"))
    assert (result.returncode, result.stderr) == (DONE, "")
    assert result.stdout.startswith("3 accepted, 0 rejected")
    assert samples(engine, student) == 3


def test_a_dry_run_checks_each_line_as_the_engine_does_and_sends_nothing(engine, student, tmp_path):
    good, old = event(student=student), event(student=student)
    old["timestamp"] = "2020-01-31T00:00:00Z"
    bad = event(student=student, score=7)
    del bad["event_type"]
    path = tmp_path / "events.jsonl"
    path.write_text("\ufeff" + "\n".join(["{", json.dumps(good), "", json.dumps(bad), json.dumps(old), "[]"]))
    result = send(path, engine.base_url, engine.token("root", "admin"), "--dry-run")
    assert (result.returncode, result.stdout) == (FAILED, "1 valid, 4 invalid; nothing was sent\n")
    told = [line.split(" ", 3) for line in result.stderr.splitlines()]
    assert [line[:3] for line in told] == [
        ["line", "1:", "INVALID_JSON"], ["line", "4:", "VALIDATION_ERROR"],
        ["line", "5:", "VALIDATION_ERROR"], ["line", "6:", "VALIDATION_ERROR"],
    ]  # fmt: skip
    assert "event_type: " in told[1][3] and "timestamp: " in told[2][3] and "body: " in told[3][3]
    assert engine.admin().get(f"/api/v1/mastery/history/{student}?days=1").json["history"] == []
    path.write_text(json.dumps(good))
    assert send(path, None, None, "--dry-run").returncode == DONE, "no engine is needed"


def test_standard_input_is_taken(engine, student):
    text = json.dumps(event(student=student)) + "\n"
    result = send("-", engine.base_url, engine.token(student, "student"), input=text)
    assert result.returncode == DONE, result
    assert samples(engine, student) == 1


def test_refused_token_ends_it_at_once(engine, student, tmp_path):
    path = write(tmp_path / "events.ndjson", [event(student=student) for _ in range(200)])
    result = send(path, engine.base_url, "no token")
    assert result.returncode == AWAY
    assert "401 AUTH_ERROR" in result.stderr
    assert result.stdout.startswith("0 accepted, 0 rejected")
    result = send(path, engine.base_url, engine.token("root", "admin"), "--resume")
    assert result.stdout.startswith("200 accepted"), "no line counts as done that was not taken"


def test_too_much_is_waited_for(tmp_path):
    path = write(tmp_path / "events.ndjson", [event(student="s") for _ in range(40)])
    with StandIn([(202, {})] * 5 + [(429, {"Retry-After": "1"})] * 3) as stand_in:
        began = time.monotonic()
        result = send(path, stand_in.url)
        assert time.monotonic() - began > 0.9
        assert result.returncode == DONE, result
        assert result.stdout.startswith("40 accepted, 0 rejected")
        assert len(set(stand_in.accepted())) == 40


def test_engine_that_is_not_well_is_asked_again(tmp_path):
    path = write(tmp_path / "events.ndjson", [event(student="s") for _ in range(10)])
    with StandIn([(503, {}), (502, {}), (500, {})] * 3) as stand_in:
        result = send(path, stand_in.url)
        assert result.returncode == DONE, result
        assert len(set(stand_in.accepted())) == 10


def test_killed_in_the_middle_it_resumes(tmp_path):
    events = [event(student="s") for _ in range(400)]
    path = write(tmp_path / "events.ndjson", events)
    done = tmp_path / "events.ndjson.done"
    with StandIn(delay=0.05) as stand_in:
        child = subprocess.Popen(
            [str(bin_dir() / "mastery-ctl"), "ingest", str(path), "--url", stand_in.url]
            + ["--parallel", "4"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(lambda: done.exists() and int(done.read_text().split()[1]) > 20, "20 lines done")
        child.kill()
        child.wait()
        offset, line = map(int, done.read_text().split())
        before = stand_in.accepted()
        assert path.read_text()[:offset].count("\n") == line
        assert {item["event_id"] for item in events[:line]} <= set(before), "done means done"
        stand_in.delay = 0
        time.sleep(0.2)
        stand_in.seen.clear()
        result = send(path, stand_in.url, None, "--resume")
        assert result.returncode == DONE, result
        assert stand_in.accepted() and set(stand_in.accepted()) == {
            item["event_id"] for item in events[line:]
        }
    assert not done.exists()


def test_nobody_there_is_away_and_leaves_a_way_to_resume(tmp_path):
    path = write(tmp_path / "events.ndjson", [event(student="s")])
    with StandIn([(503, {})] * 50) as stand_in:
        stand_in.responses = [(503, {})] * 100
        result = send(path, stand_in.url, None, "--parallel", "1")
    assert result.returncode == AWAY
    assert (tmp_path / "events.ndjson.done").read_text() == "0 0\n"


@pytest.mark.parametrize(
    "arguments, status",
    [
        ([], USAGE),
        (["-", "--resume"], USAGE),
        (["x", "--url", "ftp://x"], USAGE),
        (["x", "--parallel", "0"], USAGE),
        (["/nonexistent/file"], FAILED),
    ],
)
def test_wrong_usage_is_refused(arguments, status):
    result = subprocess.run(
        [str(bin_dir() / "mastery-ctl"), "ingest", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == status
    assert result.stderr and not result.stdout


@pytest.mark.parametrize("text", ["x", "999999 1", "-1 0", "0", ""])
def test_spoilt_done_file_is_refused(tmp_path, text):
    path = write(tmp_path / "events.ndjson", [event(student="s")])
    (tmp_path / "events.ndjson.done").write_text(text)
    result = send(path, "http://127.0.0.1:9", None, "--resume")
    assert result.returncode == FAILED and "is not a position in this file" in result.stderr


def test_token_is_never_shown(engine, tmp_path):
    path = write(tmp_path / "events.ndjson", [event(student=fresh_id())])
    result = send(path, engine.base_url, "se-cret-to-ken")
    assert "se-cret-to-ken" not in result.stdout + result.stderr
