# SPDX-License-Identifier: GPL-3.0-or-later
"""The runbook's back-up of a Redis that runs, taken while erasures have it rewrite its file."""
import os
import re
import shutil
import subprocess
import threading

import pytest
from harness.binaries import ROOT, bin_dir
from harness.redis_server import RedisServer

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


def procedure():
    page = (ROOT / "docs/runbooks.md").read_text().split("## Back up and restore Redis")[1]
    return re.search(r"```sh\n(.*?)```", page, re.DOTALL)[1]


def back_up(folder, into, path=os.environ["PATH"]):
    done = subprocess.run(
        ["sh", "-euc", procedure()], cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and not (folder / "backup").exists(), done
    shutil.move(folder / "backup.tar", into)


def restored(archive):
    """All keys of a Redis that has been given the back-up."""
    server = RedisServer(*AOF)
    folder = server.folder / "appendonlydir"
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", folder, "-f", archive], timeout=300, check=True)
    manifest = folder / "appendonly.aof.manifest"
    subprocess.run(["redis-check-aof", "--fix", manifest], input="y\n", text=True, capture_output=True, timeout=300, check=True)
    with server:
        return set(server.client().scan_iter("kept:*", count=1000))


class Erasing:
    """Erases one student after the other, each of whom has Redis rewrite its file."""

    def __init__(self, pool):
        self.pool, self.erased, self.enough = pool, 0, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def ctl(self, *arguments):
        command = [bin_dir() / "mastery-ctl", *map(str, arguments)]
        subprocess.run(command, env=self.pool.environment, stdout=subprocess.DEVNULL, timeout=300, check=True)

    def run(self):
        while not self.enough.is_set():
            self.ctl("erase", f"load_{self.erased % STUDENTS + 1}")
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
        with Erasing(pool) as erasing:
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
