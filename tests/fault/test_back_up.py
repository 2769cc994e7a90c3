# SPDX-License-Identifier: GPL-3.0-or-later
"""The runbook's back-up of a Redis that runs, taken while erasures have it rewrite its file."""
import contextlib
import os
import re
import shutil
import subprocess
import textwrap
import threading
import time

import pytest
from harness.binaries import ROOT, bin_dir
from harness.engine import fresh_id
from harness.events import event
from harness.redis_server import RedisServer
from harness.store import put_dead_letter, raw, tagged, tombstone
from harness.wait import wait_for
from redis.exceptions import ResponseError

AOF = ("--appendonly", "yes", "--appendfsync", "always")
STUDENTS = 40
# In place of a command: the first time Redis rewrites its file just behind it.
REWRITING = """#!/bin/sh
PATH=/usr/bin:/bin
{command} "$@" || exit
if [ ! -e {mark} ]; then
    touch {mark}
    redis-cli -s {socket} BGREWRITEAOF
    while redis-cli -s {socket} INFO persistence | grep -qE 'aof_rewrite_(in_progress|scheduled):1'; do sleep 0.05; done
fi
"""


PAGE = (ROOT / "docs/runbooks.md").read_text().split("## Back up and restore Redis")[1].split("\n## ")[0]


def procedure(number=0):
    """A piece of shell of the page: 0 backs up, 1 repeats the erasures."""
    return textwrap.dedent(re.findall(r"( *)```sh\n(.*?)```", PAGE, re.DOTALL)[number][1])


def back_up(folder, into, path=os.environ["PATH"]):
    done = subprocess.run(
        ["sh", "-euc", procedure()], cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and not (folder / "backup").exists(), done
    shutil.move(folder / "backup.tar", into)


@contextlib.contextmanager
def restored_server(archive):
    """A Redis that has been given the back-up."""
    server = RedisServer(*AOF)
    folder = server.folder / "appendonlydir"
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", folder, "-f", archive], timeout=300, check=True)
    manifest = folder / "appendonly.aof.manifest"
    subprocess.run(["redis-check-aof", "--fix", manifest], input="y\n", text=True, capture_output=True, timeout=300, check=True)
    with server:
        yield server


def restored(archive):
    """All keys of the back-up."""
    with restored_server(archive) as server:
        return set(server.client().scan_iter("kept:*", count=1000))


class Erasing:
    """Erases one student after the other, and has Redis rewrite its file after each, as a worker does."""

    def __init__(self, pool, redis):
        self.pool, self.redis, self.erased, self.enough = pool, redis, 0, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def ctl(self, *arguments):
        command = [bin_dir() / "mastery-ctl", *map(str, arguments)]
        subprocess.run(command, env=self.pool.environment, stdout=subprocess.DEVNULL, timeout=300, check=True)

    def run(self):
        while not self.enough.is_set():
            self.ctl("erase", f"load_{self.erased % STUDENTS + 1}")
            with contextlib.suppress(ResponseError):  # it is rewriting it
                self.redis.bgrewriteaof()
            self.erased += 1

    def __enter__(self):
        self.ctl("seed", "--students", STUDENTS, "--days", 1)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.enough.set()
        self.thread.join()


def test_a_back_up_taken_while_the_file_is_rewritten_is_whole(start_pool, tmp_path):
    with RedisServer(*AOF) as server:
        redis, expected = server.client(), []
        pool = start_pool(redis_url=server.url)
        with Erasing(pool, redis) as erasing:
            for number in range(8):
                before = erasing.erased
                for i in range(200):
                    redis.set(f"kept:{number}:{i}", "x" * 1000)
                expected.append(set(redis.scan_iter("kept:*", count=1000)))
                back_up(server.folder, tmp_path / f"{number}.tar")
                while erasing.erased == before and erasing.thread.is_alive():
                    erasing.enough.wait(0.01)
        assert erasing.erased >= 8 and redis.info("persistence")["aof_last_bgrewrite_status"] == "ok"
    for number, keys in enumerate(expected):
        assert keys <= restored(tmp_path / f"{number}.tar"), number


@pytest.mark.parametrize("command", ["mkdir", "cp", "ln"])
def test_a_rewrite_in_the_middle_does_no_harm(tmp_path, command):
    with RedisServer(*AOF) as server:
        server.client().mset({f"kept:{i}": "x" for i in range(100)})
        shim, mark = tmp_path / command, tmp_path / "rewritten"
        shim.write_text(REWRITING.format(command=command, mark=mark, socket=server.path))
        shim.chmod(0o755)
        back_up(server.folder, tmp_path / "backup.tar", f"{tmp_path}:{os.environ['PATH']}")
        assert mark.exists()
    assert len(restored(tmp_path / "backup.tar")) == 100


# What was erased after the back-up


def call(pool, method, path, body=None):
    response = pool.request(method, path, json=body, token=pool.token("root", "admin"))
    assert response.status < 300, response
    return response


def erase(pool, student):
    call(pool, "DELETE", f"/api/v1/compliance/student/{student}")


def erased_lines(pool):
    return pool.log_path.read_text().count("student.erased")


def about(store, student):
    """The keys that hold the id, by what Redis would write to a file."""
    word = student.encode()
    return {key for key in store.scan_iter("*", count=1000) if word in key.encode() or word in raw(store, key)}


def replay(server, pool, log, since, **environment):
    """Runs the page's command; the program is found by PATH."""
    environment = {**pool.environment, "REDIS_URL": server.url, "LOG": str(log), "SINCE": since, **environment}
    environment["PATH"] = f"{bin_dir()}:{os.environ['PATH']}"
    command = ["sh", "-euc", procedure(1)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def rfc3339(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds * 1000) % 1000:03}Z"


@pytest.fixture
def backed_up(start_pool, tmp_path):
    """A back-up with three students: `gone` and `letter_alone` are erased after it, `again` was erased before."""
    with RedisServer(*AOF) as server:
        pool, store = start_pool(redis_url=server.url), server.client()
        names = {name: fresh_id(name[0]) for name in ("gone", "letter", "again", "stays")}
        wait_for(lambda: pool.calculate(names["again"]).status == 200, "the store in reach")
        erase(pool, names["again"])
        consent = {"consent_type": "data_processing", "granted": True}
        call(pool, "POST", f"/api/v1/compliance/consent/{names['again']}", consent)
        for name in ("gone", "again", "stays"):
            assert pool.calculate(names[name]).status == 200
        roster = {"name": "x", "teacher_ids": ["t"], "student_ids": [names["gone"], names["stays"]]}
        call(pool, "PUT", "/api/v1/cohorts/c1", roster)
        call(pool, "POST", "/api/v1/batch/mastery", {"student_ids": [names["gone"], names["stays"]]})
        for name in ("gone", "letter"):
            put_dead_letter(store, event(student=names[name]))
        earlier = erased_lines(pool)
        back_up(server.folder, tmp_path / "backup.tar")
        since = rfc3339(time.time())
        erase(pool, names["gone"])
        erase(pool, names["letter"])
        log = tmp_path / "pool.log"
        wait_for(lambda: erased_lines(pool) == earlier + 2, "logged")
        shutil.copy(pool.log_path, log)
        yield pool, names, tmp_path / "backup.tar", log, since


def test_a_restore_does_not_bring_back_the_erased(backed_up):
    pool, names, archive, log, since = backed_up
    with restored_server(archive) as server:
        store = server.client()
        assert about(store, names["gone"]) and about(store, names["letter"])
        done = replay(server, pool, log, since)
        assert done.returncode == 0 and "2 erasures in the list, 2 students found" in done.stdout, done
        for name in ("gone", "letter"):
            student = names[name]
            assert not about(store, student) and store.exists(tombstone(student))
        for name in ("again", "stays"):
            assert store.exists(tagged(names[name], f"student:{names[name]}")), name
        done = replay(server, pool, log, since)
        assert done.returncode == 0 and "2 erasures in the list, 0 students found" in done.stdout, done


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "JSON"])
def test_the_audit_log_is_such_a_list_too(backed_up, tmp_path, form):
    pool, names, archive, log, since = backed_up
    listed = subprocess.run([bin_dir() / "mastery-ctl", "audit", "list", *form], env=pool.environment, capture_output=True, text=True, check=True)
    assert not [name for name in names.values() if name in listed.stdout], "keyed hashes, no ids"
    (tmp_path / "audit.txt").write_text(listed.stdout)
    with restored_server(archive) as server:
        done = replay(server, pool, tmp_path / "audit.txt", since)
        assert done.returncode == 0 and "2 students found" in done.stdout, done


def test_a_list_made_with_another_key_is_refused(backed_up):
    """Otherwise everybody would be left out without a word."""
    pool, names, archive, log, since = backed_up
    with restored_server(archive) as server:
        done = replay(server, pool, log, since, LOG_KEY="another")
        assert done.returncode == 1 and "2 erasures are recorded with another key" in done.stderr, done
        assert about(server.client(), names["gone"])


@pytest.mark.parametrize(
    "arguments, said",
    [
        ([], "STUDENT is required"),
        (["no id!"], "STUDENT must be an id"),
        (["--replay", "x"], "--since is required"),
        (["--replay", "x", "--since", "yesterday"], "--since is required"),
        (["--replay", "x", "--since", "2026-01-01T00:00:00Z", "ann"], "STUDENT must not be given"),
        (["--since", "2026-01-01T00:00:00Z", "ann"], "--since is for --replay"),
    ],
)
def test_wrong_usage_of_erase_is_refused(start_pool, arguments, said):
    command = [bin_dir() / "mastery-ctl", "erase", *arguments]
    done = subprocess.run(command, env=start_pool().environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and said in done.stderr, done


def test_a_list_that_cannot_be_read_is_said_so(start_pool, redis_server):
    done = replay(redis_server, start_pool(), "/nowhere", rfc3339(0))
    assert done.returncode == 1 and "/nowhere: No such file" in done.stderr, done
