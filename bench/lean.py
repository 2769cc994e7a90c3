# SPDX-License-Identifier: GPL-3.0-or-later
"""The lean peers (bench/peers): the two endpoints and nothing else, as users of each platform would write them."""

import glob
import json
import os
import sys
from typing import NamedTuple

from systems import (
    BENCH,
    DATA_KEYS,
    DAY_SECONDS,
    NPM,
    PROCESSES,
    PROXY,
    UPSTREAM,
    Lua,
    Peer,
    admin_token,
    day_score,
    installed,
    mastery_of,
    past_days,
    student,
    wait_until,
)

# Debian's name of the program has the version in it.
PHP_FPM = max(glob.glob("/usr/sbin/php-fpm*"), default="php-fpm")
FASTCGI = "\n".join(f"            fastcgi_param {name} {value};" for name, value in (
    ("SCRIPT_FILENAME", f"{BENCH}/peers/php/index.php"), ("REQUEST_METHOD", "$request_method"),
    ("DOCUMENT_URI", "$uri"), ("CONTENT_TYPE", "$content_type"), ("CONTENT_LENGTH", "$content_length")))
UVICORN = ["venv/bin/uvicorn", "main:app", "--workers", str(PROCESSES), "--no-access-log", "--log-level", "warning"]


class Recipe(NamedTuple):
    """How a peer is built from its folder (each command once), and started; {socket} is replaced."""

    needs: tuple = ()
    build: tuple = ()
    command: tuple = ()
    location: str = PROXY


RECIPES = {
    "rust": Recipe(("cargo",), (["cargo", "build", "--quiet", "--release", "--locked"],),
                   ("target/release/mastery-bench-lean-rust",)),
    "go": Recipe(("go",), (["go", "build", "-mod=readonly", "-o", "mastery", "."],), ("./mastery",)),
    "fastify": Recipe(("node", "npm"), (NPM,),
                      ("node", "server.js")),
    "fastapi": Recipe(("python3",), ([sys.executable, "-m", "venv", "venv"],
                                     ["venv/bin/pip", "install", "--quiet", "--no-deps", "-r", "requirements.txt"]),
                      (*UVICORN, "--uds", "{socket}")),
    # Without fastcgi_keep_conn: a kept connection holds one of PHP-FPM's few processes, and requests on others wait.
    "php": Recipe((PHP_FPM,), (), (PHP_FPM, "--nodaemonize", "--allow-to-run-as-root", "--fpm-config", "fpm.conf"),
                  f"fastcgi_pass peer;\n{FASTCGI}"),
}


class Lean(Peer):
    """A lean peer: its keys and its response are fewer than those of the peers that do the same work as the engine."""

    headers = frozenset({"content-type"})
    data_keys = DATA_KEYS - {"evidence"}
    template = os.path.join(BENCH, "peers", "nginx.conf")

    def __init__(self, name):
        super().__init__(name)
        self.folder = os.path.join(BENCH, "peers", name.removeprefix("lean-"))
        self.recipe = RECIPES.get(name.removeprefix("lean-"), Recipe())
        self.needs = self.recipe.needs

    def start(self, workspace, redis, secret):
        recipe = self.recipe
        self.token = admin_token(secret)
        folder = installed(self.name, self.folder, recipe.build)
        path = workspace.path(f"{self.name}.sock")
        command = [word.format(socket=path) for word in recipe.command]
        environment = {**self.environment(redis, secret), "SOCKET": path, "PROCESSES": str(PROCESSES),
                       "NODE_ENV": "production"}
        workspace.start(self.name, command, cwd=folder, env=environment)
        wait_until(self.name, lambda: os.path.exists(path))
        workspace.start(self.name, self.configure_nginx(workspace, UPSTREAM.format(socket=path), recipe.location))

    def seed_commands(self, i):
        key, days = f"{self.name}:student:{student(i)}", past_days()
        scores = [word for k, day in enumerate(days) for word in (day, str(day_score(i, k)))]
        data = {name: value for name, value in mastery_of(i).items() if name != "evidence"}
        yield ["SET", key, json.dumps(data, separators=(",", ":"))]
        yield ["HSET", f"{key}:days", *scores]
        yield ["EXPIRE", f"{key}:days", str(90 * DAY_SECONDS)]


class LeanLua(Lean):
    start = Lua.start  # inside nginx: no second process

LEAN = {f"lean-{name}": LeanLua if name == "lua" else Lean for name in ("lua", *RECIPES)}
