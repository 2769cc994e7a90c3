# SPDX-License-Identifier: GPL-3.0-or-later
"""mastery-ctl: its commands, exit codes, and what it shows to whom."""
import contextlib
import hashlib
import http.server
import json
import os
import pty
import re
import socket
import struct
import subprocess
import threading
import time
from datetime import date, datetime, timedelta, timezone

import jwt
import pytest
from harness.ctl import run_ctl
from harness.engine import bin_dir, fresh_id
from harness.expect import assert_ok
from harness.packed import day_records, with_bytes
from harness.redis_kinds import trust
from harness.store import student_key, tombstone
from harness.wait import LIMIT_S

SECRET = "a secret for tests, of more than thirty-two bytes"
COMMANDS = [
    "token", "health", "verify", "schema", "migrate", "seed", "ingest", "import", "dead", "batch", "audit", "export", "erase",
    "log-hash", "report", "backtest", "config", "nginx-locations", "dapr-operations", "doctor", "top", "commands",
    "completion",
]
COMPONENTS = ("completion", "quiz", "quality", "consistency")
HEADER = ",".join(("student_id", "date", *COMPONENTS))
DONE, FAILED, USAGE, AWAY = range(4)


def environment(**settings):
    named = {"PATH": os.environ["PATH"], "JWT_SECRET": SECRET, **settings}
    named.update({name: os.environ[name] for name in os.environ if name.endswith("SAN_OPTIONS")})
    return {name: str(value) for name, value in named.items() if value is not None}


def ctl(*arguments, text="", **settings):
    """Runs mastery-ctl in an environment of these settings and a JWT_SECRET (None: without)."""
    return run_ctl(environment(**settings), *arguments, text=text)


def succeed(*arguments, **options):
    result = ctl(*arguments, **options)
    assert (result.returncode, result.stderr) == (DONE, ""), result
    return result.stdout


def at_terminal(*arguments, stream="stdout", **settings):
    """What a person sees on a terminal that is standard output or standard error."""
    ours, theirs = pty.openpty()
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: theirs}
    process = subprocess.Popen(
        [str(bin_dir() / "mastery-ctl"), *map(str, arguments)],
        env={**trust(), **environment(**settings)},
        stdin=subprocess.DEVNULL,
        **streams,
    )
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # EIO: the other end has closed
        while piece := os.read(ours, 4096):
            seen += piece
    os.close(ours)
    process.communicate(timeout=LIMIT_S)
    return process.returncode, seen.decode()


def day(days_ago):
    return (datetime.now(timezone.utc) - timedelta(days=days_ago)).strftime("%Y-%m-%d")


# --- the whole -----------------------------------------------------------------------------------


def test_help_lists_all_commands():
    shown = succeed("--help")
    assert shown.startswith("Usage: mastery-ctl ")
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", shown, re.M)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself_without_settings(command):
    shown = succeed(command, "--help", JWT_SECRET=None)
    assert shown.startswith(f"Usage: mastery-ctl {command} ")
    assert all(len(line) <= 95 for line in shown.splitlines())


def test_version():
    assert re.fullmatch(r"mastery-ctl \d+\.\d+\.\d+ \(\S+\)\n", succeed("--version"))


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        ([], "Usage: mastery-ctl"),
        (["sed"], "unknown command sed"),
        (["-h"], "unknown command -h"),
        (["token", "--user", "a"], "--role is required"),
        (["token", "--user", "a", "--role"], "--role needs a value"),
        (["token", "--user", "a b", "--role", "admin"], '"a b" is not an id'),
        (["token", "--user", "a", "--role", "root"], "not one of student, teacher, admin"),
        (["token", "--user", "a", "--role", "admin", "--ttl", "0"], "--ttl"),
        (["token", "--user", "a", "--role", "admin", "--ttl", "1e3"], "--ttl"),
        (["token", "--user", "a", "--user", "b", "--role", "admin"], "--user is given twice"),
        (["token", "--use", "a", "--role", "admin"], "there is no option --use"),
        (["token", "--user", "a", "--role", "admin", "b"], 'unexpected argument "b"'),
        (["health", "--ready=yes"], "--ready takes no value"),
        (["health", "-r"], "there is no option -r"),
        (["health", "--url", "127.0.0.1:8005"], "--url must begin with http://"),
        (["config", "--", "--markdown"], "unexpected argument"),
        (["nginx-locations"], "PART is required"),
        (["nginx-locations", "all"], "not one of maps, public, sidecar"),
        (["seed"], "--student, --students or a FILE is required"),
        (["seed", "--student", "a", "-"], "with a FILE only --keep-going and --dry-run are allowed"),
        (["seed", "--days", "3", "-"], "with a FILE only --keep-going and --dry-run are allowed"),
        (["seed", "--student", "a", "--days", "91"], "from 1 to 90"),
        (["seed", "--student", "a", "--days", "0"], "from 1 to 90"),
        (["seed", "--student", "a", "--from", "1.1"], "not a number from 0 to 1"),
        (["seed", "--student", "a", "--to", "-0.1"], "not a number from 0 to 1"),
        (["seed", "--student", "a", "--noise", "nan"], "not a number from 0 to 1"),
        (["seed", "--student", "a,,b"], '"" is not an id'),
        (["token", "--user", "a" * 129, "--role", "admin"], "a...\" is not an id: 1 to 128 of A-Z a-z 0-9 . _ ~ @ : | + = -, the first a letter, a digit, _ or -"),
        (["seed", "--student", "a,"], '"" is not an id'),
        (["seed", "--student", "a,b", "--student", "a"], "student a is given twice"),
        (["seed", "--students", "2", "--prefix", ".b"], "--prefix makes no valid ids"),
        (["seed", "--students", "10001"], "from 1 to 10000"),
    ],
)
def test_wrong_usage_is_2_with_a_complaint_and_nothing_else(arguments, complaint):
    result = ctl(*arguments, REDIS_URL="unix:///nowhere.sock")
    assert (result.returncode, result.stdout) == (USAGE, "")
    assert complaint in result.stderr and "--help" in result.stderr


def test_output_that_cannot_be_written_is_a_failure():
    with open("/dev/full", "wb") as full:
        result = subprocess.run(
            [str(bin_dir() / "mastery-ctl"), "config"],
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=LIMIT_S,
            check=False,
        )
    assert result.returncode == FAILED and b"No space left" in result.stderr


# --- token ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["student", "teacher", "admin"])
def test_a_token_has_the_claims_asked_for(role):
    printed = succeed("token", "--user", "u_1", "--role", role, "--ttl", 60)
    claims = jwt.decode(printed.removesuffix("\n"), SECRET, algorithms=["HS256"])
    assert (claims["sub"], claims["role"], claims["exp"] - claims["iat"]) == ("u_1", role, 60)
    assert set(claims) == {"sub", "role", "iat", "exp"}


def test_a_token_has_the_issuer_and_audience_that_are_configured():
    settings = {"JWT_ISSUER": "https://issuer.test", "JWT_AUDIENCE": "mastery"}
    token = succeed("token", "--user=u", "--role=admin", **settings).strip()
    claims = jwt.decode(
        token, SECRET, algorithms=["HS256"], issuer="https://issuer.test", audience="mastery"
    )
    assert claims["exp"] - claims["iat"] == 3600


def test_the_first_of_several_secrets_signs(tmp_path):
    secrets = tmp_path / "secrets"
    secrets.write_text(f"{SECRET}\n{SECRET[::-1]}\n")
    token = succeed("token", "--user=u", "--role=admin", JWT_SECRET=None, JWT_SECRET_FILE=secrets)
    assert jwt.decode(token.strip(), SECRET, algorithms=["HS256"])["sub"] == "u"


@pytest.mark.parametrize(
    "settings, complaint",
    [
        ({"JWT_SECRET": None}, "needs JWT_SECRET"),
        ({"JWT_SECRET": "short"}, "shorter than 32 bytes"),
        ({"JWT_ALGORITHM": "RS256", "JWT_PUBLIC_KEY_FILE": "/k"}, "JWT_PRIVATE_KEY_FILE: not set, and JWT_ALGORITHM is RS256"),
        ({"JWT_ALGORITHM": "RS256", "JWT_PUBLIC_KEY_FILE": "/k", "JWT_PRIVATE_KEY_FILE": "/nowhere"}, "JWT_PRIVATE_KEY_FILE: cannot read /nowhere"),
        ({"JWT_ALGORITHM": "RS256", "JWT_PUBLIC_KEY_FILE": "/k", "JWT_PRIVATE_KEY_FILE": __file__}, "has no private key"),
        ({"JWT_MAX_LIFETIME_S": 3599}, "at most 3599 s"),
    ],
)
def test_no_token_where_the_engine_would_take_none(settings, complaint):
    result = ctl("token", "--user", "u", "--role", "admin", **settings)
    assert (result.returncode, result.stdout) == (FAILED, "")
    assert complaint in result.stderr


# --- config --------------------------------------------------------------------------------------


def test_config_is_the_effective_one_with_secrets_masked():
    password = "hunter2hunter2"
    shown = succeed("config", REDIS_PASSWORD=password, LOG_LEVEL="debug", MAX_REQUESTS=7)
    values = dict(line.split("=", 1) for line in shown.splitlines())
    assert (values["LOG_LEVEL"], values["MAX_REQUESTS"]) == ("debug", "7")
    assert values["ENVIRONMENT"] == "production"
    assert (values["JWT_SECRET"], values["REDIS_PASSWORD"]) == ("(set)", "(set)")
    assert values["APP_API_TOKEN"] == "(not set)"
    assert SECRET not in shown and password not in shown


def test_config_tells_every_error_and_no_secret():
    result = ctl("config", JWT_SECRET="tooshort", LOG_LEVEL="loud", MAX_REQUESTS="-1")
    assert (result.returncode, result.stdout) == (FAILED, "")
    assert all(name in result.stderr for name in ("JWT_SECRET", "LOG_LEVEL", "MAX_REQUESTS"))
    assert "tooshort" not in result.stderr


def test_config_as_markdown_needs_no_valid_settings():
    shown = succeed("config", "--markdown", JWT_SECRET=None, LOG_LEVEL="loud")
    assert shown.startswith("| Variable |") and "| `REDIS_URL` |" in shown


# --- health --------------------------------------------------------------------------------------


@contextlib.contextmanager
def answering(responses):
    """A server that answers paths so: {path: (status, text)}; yields its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, text = responses.get(self.path, (404, "{}"))
            self.send_response(status)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def well(status="healthy", **more):
    return 200, json.dumps({"status": status, "version": "1.2.3", **more})


def test_health_of_a_running_engine(engine):
    lines = succeed("health", "--url", engine.base_url + "/", JWT_SECRET=None).splitlines()
    [line] = lines
    assert re.fullmatch(r"ok +health +200 healthy, version \d\S*, \d+ ms", line)


def test_readiness_of_a_running_engine_names_its_dependencies(engine):
    lines = succeed("health", "--ready", "--url", engine.base_url).splitlines()
    named = [line.split()[1] for line in lines]
    assert named == ["health", "ready", "state_store", "worker", "dapr"]
    assert lines[2].split()[0] == "ok"


def test_health_says_3_when_nobody_answers():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        result = ctl("health", "--ready", "--url", url)
    assert result.returncode == AWAY
    assert re.fullmatch(rf"away +health +{url}: .+\n", result.stdout)


def test_health_gives_up_after_its_timeout():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert ctl("health", "--timeout", 1, "--url", url).returncode == AWAY


def test_health_asks_from_the_address_it_is_told():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        ctl("health", "--timeout", 1, "--from", "127.0.0.9", "--url", url)
        connection, (address, _) = silent.accept()
        connection.close()
        assert address == "127.0.0.9"
        result = ctl("health", "--from", "nowhere at all", "--url", url)
    assert result.returncode == AWAY and "binding" in result.stdout


def test_health_goes_to_the_address_itself_and_not_to_a_proxy():
    with answering({"/health": well()}) as url:
        succeed("health", "--url", url, http_proxy="http://127.0.0.1:1")


@pytest.mark.parametrize(
    "response",
    [
        (200, "hello"),
        (200, '{"status":"ok"}'),
        (200, "[]"),
        (200, ""),
        (503, '{"status":"healthy"}'),
        (302, '{"status":"healthy"}'),
        (200, '{"status":"\\u001b[31m"}'),
    ],
)
def test_health_says_1_when_something_else_answers(response):
    with answering({"/health": response}) as url:
        result = ctl("health", "--url", url)
    assert result.returncode == FAILED and result.stdout.startswith("failed")
    assert "\x1b" not in result.stdout


def test_an_answer_without_end_is_not_read():
    with answering({"/health": (200, " " * 1000000)}) as url:
        assert ctl("health", "--url", url).returncode == AWAY


def test_not_ready_is_1_and_says_what_is_away():
    ready = {"status": "not_ready", "dependencies": {"state_store": "unavailable"}}
    with answering({"/health": well(), "/ready": (503, json.dumps(ready))}) as url:
        result = ctl("health", "--ready", "--url", url)
        assert ctl("health", "--url", url).returncode == DONE
    assert result.returncode == FAILED
    assert [line.split()[:3] for line in result.stdout.splitlines()] == [
        ["ok", "health", "200"],
        ["failed", "ready", "503"],
        ["away", "state_store", "unavailable"],
    ]


def test_colours_are_for_terminals_without_no_color():
    with answering({"/health": well()}) as url:
        arguments = ["health", "--url", url]
        assert "\x1b" not in succeed(*arguments)
        assert "\x1b[32mok" in at_terminal(*arguments)[1]
        assert "\x1b[32mok" in at_terminal(*arguments, NO_COLOR="")[1]
        assert "\x1b" not in at_terminal(*arguments, NO_COLOR="1")[1]


# --- nginx-locations -----------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["maps", "public", "sidecar"])
def test_each_part_of_the_locations_can_be_printed(part):
    assert ("map " if part == "maps" else "location ") in succeed(
        "nginx-locations", part, JWT_SECRET=None
    )


# --- dapr-operations -----------------------------------------------------------------------------


def test_operations_for_callers_through_dapr_are_the_paths_of_the_service_invocation():
    lines = succeed("dapr-operations", JWT_SECRET=None).splitlines()
    names = [line.split(": ")[1] for line in lines if line.startswith("- name: ")]
    assert "/process" in names and "/api/v1/process/health" in names and len(names) == len(set(names))
    assert all("process" in name for name in names)


# --- seed: made-up history -----------------------------------------------------------------------


def seeded(redis_server, *arguments, **options):
    return ctl("seed", *arguments, REDIS_URL=redis_server.url, **options)


STATED_AT, UPDATED_AT = 82, 162  # positions in the packed state (docs/data-model.md)


def states(redis_server):
    """Of everybody who is there: {student: (the stated components, time of the last write in ms)}."""
    client = with_bytes(redis_server.client())
    found = {}
    for key in client.scan_iter("*student:*", count=1000):
        student = key.decode().split("student:")[1]
        if ":" not in student:
            state = client.hget(key, "s")
            stated = zip(COMPONENTS, struct.unpack_from("<4d", state, STATED_AT), strict=True)
            found[student] = dict(stated), *struct.unpack_from("<q", state, UPDATED_AT)
    return found


def day_keys(redis_server, student):
    """The days of a student that are stored, the current one included, as YYYYMMDD."""
    store = redis_server.client()
    state = with_bytes(store).hget(student_key(student), "s")
    current = date(1970, 1, 1) + timedelta(days=int.from_bytes(state[2:6], "little"))
    return sorted(one.strftime("%Y%m%d") for one in {current, *day_records(store, student)})


def history(engine, student):
    with contextlib.closing(engine.admin()) as client:
        response = assert_ok(client.get(f"/api/v1/mastery/history/{student}?days=90"))
    return response["history"]


def test_seed_makes_a_straight_line_without_noise(engine, student):
    line = ["--days", "11", "--from", "0.2", "--to", "0.7", "--noise", "0"]
    engine.ctl("seed", "--student", student, *line)
    entries = sorted(history(engine, student), key=lambda entry: entry["date"])
    assert [entry["date"] for entry in entries] == [day(ago) for ago in range(10, -1, -1)]
    for i, entry in enumerate(entries):
        assert entry["mastery_score"] == pytest.approx(0.2 + 0.05 * i, abs=1e-9)


def test_seed_of_a_single_day_has_the_value_of_the_end(redis_server):
    assert seeded(redis_server, "--student", "a", "--days", 1, "--noise", 0).returncode == DONE
    components, updated_at_ms = states(redis_server)["a"]
    assert set(components.values()) == {0.8}
    assert 0 <= time.time() * 1000 - updated_at_ms < 60_000, "today's statement is of now"


def test_seed_tells_what_it_did(redis_server):
    result = seeded(redis_server, "--student", "a,b", "--student", "c", "--days", 90)
    assert (result.returncode, result.stderr) == (DONE, "")
    assert re.fullmatch(r"3 students, 270 days, \d+\.\d s\n", result.stdout)
    assert day_keys(redis_server, "b") == [day(ago).replace("-", "") for ago in range(89, -1, -1)]


def test_seed_for_load_is_complete_whatever_is_under_way_at_once(redis_server):
    result = seeded(redis_server, "--students", 150, "--prefix", "p-", "--days", 5)
    assert result.stdout.startswith("150 students, 750 days, ")
    assert set(states(redis_server)) == {f"p-{i}" for i in range(1, 151)}
    for student in ("p-1", "p-77", "p-150"):
        assert len(day_keys(redis_server, student)) == 5


def components_of(redis_server, *arguments):
    redis_server.client().flushall()
    assert seeded(redis_server, *arguments, "--days", 2).returncode == DONE
    return {student: components for student, (components, _) in states(redis_server).items()}


def test_noise_is_the_same_again_and_another_for_others(redis_server):
    first = components_of(redis_server, "--student", "a,b")
    assert first == components_of(redis_server, "--student", "b,a")
    assert first["a"] == components_of(redis_server, "--student", "a")["a"]
    assert first["a"] != first["b"]
    assert len(set(first["a"].values())) > 1
    assert first != components_of(redis_server, "--student", "a,b", "--random-seed", 2)


def test_noise_leaves_no_value_outside_of_0_to_1(redis_server):
    found = components_of(redis_server, "--students", 50, "--noise", 1)
    values = [value for components in found.values() for value in components.values()]
    assert min(values) == 0 and max(values) == 1
    assert all(value == round(value, 3) for value in values)


def test_seed_shows_its_progress_to_people_only(redis_server):
    code, seen = at_terminal(
        "seed", "--students", 20, "--days", 10, stream="stderr", REDIS_URL=redis_server.url
    )
    assert code == DONE
    assert "100 %  200 of 200 days" in seen and seen.endswith("\r\x1b[K")


# --- seed: files ---------------------------------------------------------------------------------


def table(*rows):
    return "\n".join([HEADER, *rows]) + "\n"


def test_seed_reads_a_table_in_any_order(engine):
    one, other = fresh_id(), fresh_id()
    rows = [(one, 0, 0.5), (other, 3, 0.1), (one, 89, 0.25), (one, 7, 1), (other, 4, 0)]
    engine.seed([(who, day(ago), score, score, score, score) for who, ago, score in rows])
    for student in (one, other):
        expected = {day(ago): score for who, ago, score in rows if who == student}
        found = {entry["date"]: entry["mastery_score"] for entry in history(engine, student)}
        assert found == pytest.approx(expected)


SEMICOLONS = HEADER.replace(",", ";")
QUOTED = ",".join(f'"{name}"' for name in HEADER.split(","))
AS_PEOPLE_HAVE_THEM = {
    "no header": "a,{today},0,1,0.25,1e-1",
    "plain": "a,{today},0,1,0.25,0.1\n",
    "CRLF": HEADER + "\r\na,{today},0,1,0.25,0.1\r\n",
    "CR": HEADER + "\ra,{today},0,1,0.25,0.1\r",
    "byte order mark": "\ufeff" + HEADER + "\na,{today},0,1,0.25,0.1\n",
    "byte order mark before quotes": "\ufeff" + QUOTED + "\na,{today},0,1,0.25,0.1\n",
    "C22 quoted": QUOTED + '\r\n"a","{today}","0","1","0.25","0.1"\r\n',
    "C22 semicolons and decimal commas": SEMICOLONS + "\r\na;{today};0;1;0,25;0,1\r\n",
    "semicolons without a header": "a;{today};0;1;0,25;0,1",
    "three decimals": SEMICOLONS + "\r\na;{today};0,000;1,000;0,250;0,100\r\n",
    "quoted decimal commas": HEADER + '\na,{today},0,1,"0,25","0,1"\n',
    "tabs": HEADER.replace(",", "\t") + "\na\t{today}\t0\t1\t0,25\t0,1\n",
    "Excel's separator line": "sep=;\r\n" + SEMICOLONS + "\r\na;{today};0;1;0,25;0,1\r\n",
    "C22 header case": "Student_ID,DATE,Completion,Quiz,Quality,Consistency\r\na,{today},0,1,0.25,0.1\r\n",
    "spaces": "student_id, date, completion , quiz,quality,consistency\na , {today}, 0, 1, 0.25, \"0.1\" \n",
    "C22 blank last line": HEADER + "\na,{today},0,1,0.25,0.1\n\n",
    "blank lines": HEADER + "\n\na,{today},0,1,0.25,0.1\n,,,,,\n  \n",
    "another order": "date,quiz,completion,consistency,quality,student_id\n{today},1,0,0.1,0.25,a\n",
    "more columns": 'note,' + HEADER + '\n"said ""x"", then\r\ny",a,{today},0,1,0.25,0.1\n',
}


@pytest.mark.parametrize("text", AS_PEOPLE_HAVE_THEM.values(), ids=AS_PEOPLE_HAVE_THEM)
def test_seed_takes_what_spreadsheets_write(redis_server, tmp_path, text):
    path = tmp_path / "days.csv"
    path.write_bytes(text.format(today=day(0)).encode())
    assert seeded(redis_server, path).stdout.startswith("1 student, 1 day, ")
    assert list(states(redis_server)["a"][0].values()) == [0, 1, 0.25, 0.1]


def test_a_dry_run_checks_the_table_and_writes_nothing(redis_server):
    good = table(GOOD, f"other,{day(2)},0,0,0,0")
    away = {"REDIS_URL": "redis://127.0.0.1:1"}
    result = ctl("seed", "--dry-run", "-", text=good, **away)
    assert (result.returncode, result.stdout) == (DONE, "2 students, 2 days; nothing was written\n"), result
    result = ctl("seed", "--dry-run", "-", text=table(GOOD, "x"), **away)
    assert result.returncode == FAILED and result.stderr.startswith("standard input:3: ")
    assert seeded(redis_server, "--dry-run", "--student", "a", "--days", 3).stdout.startswith("1 student, 3 days; ")
    assert redis_server.client().dbsize() == 0


def test_lines_are_counted_past_line_breaks_in_quotes(redis_server):
    text = f'note,{HEADER}\n"one\ntwo",a,{day(0)},0,0,0,0\n,b,{day(0)},0,0,0,x\n'
    assert seeded(redis_server, "-", text=text).stderr.startswith("standard input:4: consistency: ")


def test_a_file_in_utf_16_is_told(redis_server, tmp_path):
    path = tmp_path / "days.csv"
    path.write_bytes(table(GOOD).encode("utf-16"))
    result = seeded(redis_server, path)
    assert result.returncode == FAILED and 'save it as "CSV UTF-8"' in result.stderr


def test_a_table_without_lines_is_nothing_to_do(redis_server):
    for text in ("", HEADER, HEADER + "\n"):
        assert seeded(redis_server, "-", text=text).stdout.startswith("0 students, 0 days, ")


GOOD = f"good,{day(1)},0.5,0.5,0.5,0.5"
BAD_LINES = [
    (f"a,{day(1)},0.5,0.5,0.5", "5 fields instead of 6"),
    (f"a,{day(1)},0.5,0.5,0.5,0.5,", "7 fields instead of 6"),
    (f"a b,{day(1)},0,0,0,0", 'student_id: "a b" is not an id'),
    (f",{day(1)},0,0,0,0", 'student_id: "" is not an id'),
    (f"{'a' * 129},{day(1)},0,0,0,0", "student_id: "),
    (f'"a""b",{day(1)},0,0,0,0', 'student_id: "a"b"'),
    (f'"a"b,{day(1)},0,0,0,0', "there is text after a closing quotation mark"),
    (f'"a,{day(1)},0,0,0,0', "a quotation mark is opened and not closed"),
    ("a,yesterday,0,0,0,0", 'date: "yesterday" is not a date'),
    ("a,2026-02-30,0,0,0,0", "is not a date"),
    (f"a,{day(-2)},0,0,0,0", "is in the future"),
    (f"a,{day(90)},0,0,0,0", "is more than 89 days ago"),
    (f"a,{day(1)},1.01,0,0,0", 'completion: "1.01" is not a number from 0 to 1'),
    (f"a,{day(1)},0,-0.1,0,0", "quiz: "),
    (f"a,{day(1)},0,0,.5,0", "quality: "),
    (f"a,{day(1)},0,0,0,nan", "consistency: "),
    (f"a,{day(1)},0,0,0,0x1", "consistency: "),
    (f'a,{day(1)},0,0,0,"1,000"', 'consistency: "1,000" is not a number'),
    (f'a,{day(1)},0,0,0,"0,1,2"', "consistency: "),
    (f"a,{day(1)},0,0,0,\x1b[31m", 'consistency: "?[31m"'),
    (f"a,{day(1)},0,0,0,{'9' * 99}", f'consistency: "{"9" * 40}..."'),
    (GOOD, "the same student and date are in line 2"),
]


@pytest.mark.parametrize("line, complaint", BAD_LINES, ids=range(len(BAD_LINES)))
def test_a_bad_line_is_told_and_nothing_is_written(redis_server, line, complaint):
    result = seeded(redis_server, "-", text=table(GOOD, line))
    assert (result.returncode, result.stdout) == (FAILED, "")
    lines = result.stderr.splitlines()
    assert lines[0].startswith("standard input:3: ") and complaint in lines[0]
    assert lines[1:] == ["mastery-ctl seed: 1 error: nothing is written (--keep-going loads the rest)"]
    assert redis_server.client().dbsize() == 0


def test_all_bad_lines_are_told_and_the_others_loaded_on_request(redis_server, tmp_path):
    path = tmp_path / "days.csv"
    # After a quotation mark that is never closed, nothing can be told any more.
    bad = [line for line, complaint in BAD_LINES if "not closed" not in complaint]
    path.write_text(table(GOOD, *bad))
    result = seeded(redis_server, "--keep-going", path)
    assert result.returncode == FAILED
    assert result.stdout.startswith("1 student, 1 day, ")
    assert {line.split(": ")[0] for line in result.stderr.splitlines()} == {
        f"{path}:{n}" for n in range(3, 3 + len(bad))
    }
    assert set(states(redis_server)) == {"good"}


def test_each_wrong_field_of_a_line_is_told_by_its_column(redis_server):
    result = seeded(redis_server, "-", text=table("a b,x,2,0,y,0"))
    told = [line.split(": ")[1] for line in result.stderr.splitlines()[:-1]]
    assert told == ["student_id", "date", "completion", "quality"]
    assert result.stderr.splitlines()[-1].startswith("mastery-ctl seed: 4 errors: ")


def test_of_very_many_errors_the_first_are_told_and_the_rest_counted(redis_server):
    result = seeded(redis_server, "-", text=table(*["a,x,0,0,0,0"] * 150))
    told = result.stderr.splitlines()
    assert told[:100] == [f'standard input:{n}: date: "x" is not a date like 2026-01-31' for n in range(2, 102)]
    assert told[100] == "standard input: 50 further errors are not shown"
    assert told[101].startswith("mastery-ctl seed: 150 errors: ")


@pytest.mark.parametrize(
    "header, complaint",
    [
        ("student_id,date,completion,quiz,quality", "consistency: the header does not have this column"),
        (HEADER + ",Quiz", "quiz: the header has this column twice"),
    ],
)
def test_a_wrong_header_is_told(redis_server, header, complaint):
    result = seeded(redis_server, "-", text=f"{header}\n{GOOD}\n")
    assert result.returncode == FAILED and result.stderr.startswith(f"standard input:1: {complaint}\n")
    assert redis_server.client().dbsize() == 0


def test_a_file_that_cannot_be_read_is_a_failure(redis_server, tmp_path):
    for path in (tmp_path / "none.csv", tmp_path, "/dev/zero"):
        result = seeded(redis_server, path)
        assert result.returncode == FAILED and str(path) in result.stderr
    assert redis_server.client().dbsize() == 0


# --- seed: what is there already -----------------------------------------------------------------


def test_history_is_not_put_before_what_is_there(redis_server):
    assert seeded(redis_server, "--student", "old", "--days", 1).returncode == DONE
    before = redis_server.client().dbsize()
    result = seeded(redis_server, "--student", "old,new", "--days", 3)
    assert result.returncode == FAILED and result.stdout.startswith("0 students, 0 days, ")
    assert f"old: has data of {day(0)}: 2 older days" in result.stderr
    assert redis_server.client().dbsize() == before
    result = seeded(redis_server, "--student", "old,new", "--days", 3, "--keep-going")
    assert result.returncode == FAILED and result.stdout.startswith("2 students, 4 days, ")
    assert len(day_keys(redis_server, "old")) == 1 and len(day_keys(redis_server, "new")) == 3


def test_history_goes_on_behind_what_is_there(redis_server):
    rows = [f"a,{day(ago)},0.5,0.5,0.5,0.5" for ago in (5, 4)]
    assert seeded(redis_server, "-", text=table(*rows)).returncode == DONE
    assert seeded(redis_server, "--student", "a", "--days", 4).returncode == DONE
    assert len(day_keys(redis_server, "a")) == 6


def test_an_erased_student_gets_no_new_data(redis_server):
    redis_server.client().set(tombstone("gone"), "1")
    result = seeded(redis_server, "--student", "gone,here", "--days", 2)
    assert result.returncode == FAILED and "gone: is erased" in result.stderr
    assert states(redis_server) == {}
    assert seeded(redis_server, "--student", "gone,here", "--keep-going").returncode == FAILED
    assert set(states(redis_server)) == {"here"}


# --- seed: the store -----------------------------------------------------------------------------


def test_a_store_that_is_not_there_is_3():
    result = ctl("seed", "--students", 100, REDIS_URL="unix:///nowhere/redis.sock")
    assert result.returncode == AWAY and "Redis cannot be reached: " in result.stderr
    assert "No such file" in result.stderr


def test_a_store_that_takes_no_writes_is_3(redis_server):
    redis_server.client().config_set("maxmemory", 1)
    result = seeded(redis_server, "--students", 100)
    assert result.returncode == AWAY and "accepts no writes" in result.stderr


def test_a_store_that_hangs_is_3(stand_in):
    stand_in.mode = "hang"
    result = seeded(stand_in, "--students", 100)
    assert result.returncode == AWAY and "did not reply in time" in result.stderr


def test_seeding_can_go_on_after_the_store_went_away(redis_server, stand_in):
    stand_in.mode, stand_in.cut_after = "cut", 30000
    arguments = ["--students", 100, "--days", 10]
    result = seeded(stand_in, *arguments)
    assert result.returncode == AWAY
    written = int(re.search(r"(\d+) days?,", result.stdout).group(1))
    assert 0 < written < 1000
    again = seeded(redis_server, *arguments, "--keep-going")
    assert again.returncode in (DONE, FAILED)
    for student in ("load_1", "load_50", "load_100"):
        assert len(day_keys(redis_server, student)) == 10


def test_seeding_again_counts_nothing_again(engine, student):
    arguments = ("seed", "--student", student, "--days", 5)
    engine.ctl(*arguments)
    engine.ctl(*arguments, "--keep-going", check=False)
    history = engine.admin().get(f"/api/v1/mastery/history/{student}").json["history"]
    assert [day["sample_size"] for day in history] == [1] * 5
    engine.ctl("seed", "-", text=f"student_id,date,completion,quiz,quality,consistency\n"
               f"{student},{history[-1]['date']},1,1,1,1\n")  # fmt: skip
    [today] = engine.admin().get(f"/api/v1/mastery/history/{student}?days=1").json["history"]
    assert today["mastery_score"] == 1, "other components are another statement"


def test_a_record_that_cannot_be_read_is_left_alone(redis_server):
    shard = hashlib.sha256(b"odd").hexdigest()[:2]
    redis_server.client().hset(f"{{{shard}}}:student:odd", mapping={"s": "x"})
    result = seeded(redis_server, "--student", "odd")
    assert result.returncode == FAILED and "odd: has data that cannot be read" in result.stderr


def test_seed_needs_a_valid_configuration(redis_server):
    result = seeded(redis_server, "--student", "a", LOG_LEVEL="loud")
    assert result.returncode == FAILED and "LOG_LEVEL" in result.stderr
