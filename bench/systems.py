# SPDX-License-Identifier: GPL-3.0-or-later
"""The systems that bench/run measures: how each is started, seeded, checked and stopped."""

import base64
import contextlib
import datetime
import hashlib
import hmac
import http.client
import importlib.machinery
import importlib.util
import json
import os
import shlex
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

BENCH = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(BENCH)
STUDENTS = 200
MANY_STUDENTS = 10000
PREFIX = "bench-"
HISTORY_DAYS = 7
DAY_SECONDS = 86400
PROCESSES = len(os.sched_getaffinity(0))
WEIGHTS = {"completion": 0.4, "quiz": 0.3, "quality": 0.2, "consistency": 0.1}
COMPONENTS = tuple(WEIGHTS)

# Keys and headers that the responses of all systems must have, so that the comparison is fair.
RESPONSE_KEYS = {"success", "student_id", "mastery_score", "level", "data", "historical_average", "trend", "metadata"}
DATA_KEYS = {"student_id", "mastery_score", "level", "components", "breakdown", "evidence", "calculated_at", "version"}
HEADERS = {"content-type", "content-length", "cache-control", "x-request-id", "x-trace-id", "traceparent",
           "server-timing", "x-service-name", "x-api-version", "x-content-type-options", "x-frame-options",
           "content-security-policy", "referrer-policy"}


def fail(text):
    sys.exit(f"bench: {text}")


def load_run():
    """Imports bench/run, which has no suffix .py, for its way to measure."""
    loader = importlib.machinery.SourceFileLoader("bench_run", os.path.join(BENCH, "run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_run", loader))
    loader.exec_module(module)
    return module


def summary(values, unit="", digits=2):
    """The median ± half the range, as text."""
    return f"{statistics.median(values):.{digits}f} ± {(max(values) - min(values)) / 2:.{digits}f}{unit}"


# --- processes ---


def end(child):
    child.terminate()
    try:
        child.wait(timeout=10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


class Workspace:
    """A temporary folder, and the processes started in it, which are ended in reverse order."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="mastery-bench-")
        self.pids = {}  # by the name under which the process was started
        self.exit_stack = contextlib.ExitStack()
        return self

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, name, command, **options):
        with open(self.path(f"{name}.log"), "ab") as log:
            child = subprocess.Popen(command, stdout=log, stderr=log, **{"stdin": subprocess.DEVNULL, **options})
        self.exit_stack.callback(end, child)
        self.pids.setdefault(name, []).append(child.pid)

    def __exit__(self, kind, error, trace):
        self.exit_stack.close()
        if kind is None or kind is KeyboardInterrupt:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            print(f"bench: the logs are in {self.folder}", file=sys.stderr)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(what, test, seconds=120):
    deadline = time.monotonic() + seconds
    while not test():
        if time.monotonic() > deadline:
            fail(f"{what} is not ready after {seconds} s")
        time.sleep(0.05)


def require_programs(*programs):
    missing = [p for p in programs if shutil.which(p) is None]
    if missing:
        fail(f"not installed: {', '.join(missing)}; run scripts/install-packages bench")


def installed(name, source, commands):
    """Copies a peer's folder into the user's cache and runs the commands that install it there, once for each
    content of the folder. Returns the folder."""
    digest = hashlib.sha256()
    for folder, _, names in sorted(os.walk(source)):
        for path in sorted(os.path.join(folder, n) for n in names):
            with open(path, "rb") as f:
                digest.update(f"{os.path.relpath(path, source)}\0".encode() + f.read())
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    target = os.path.join(cache, "mastery-bench", f"{name}-{digest.hexdigest()[:16]}")
    done = os.path.join(target, ".installed")
    if not os.path.exists(done):
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
        for command in commands:
            result = subprocess.run(command, cwd=target, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True, check=False)
            if result.returncode != 0:
                fail(f"{name}: {shlex.join(command)} failed (--only leaves the system out):\n{result.stdout}")
        with open(done, "w", encoding="utf-8"):
            pass
    return target


# --- Memory of processes ---


def descendants(roots):
    """The processes and all that they have started."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat", encoding="utf-8") as f:
                parent = int(f.read().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry))
    found = list(roots)
    for pid in found:
        found += children.get(pid, [])
    return found


def memory_mib(roots):
    """PSS of the processes and their descendants in MiB: of nginx, and of all others."""
    kib = {"nginx": 0, "app": 0}
    for pid in set(descendants(roots)):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
                name = "nginx" if f.read().strip() == "nginx" else "app"
            with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as f:
                kib[name] += next(int(line.split()[1]) for line in f if line.startswith("Pss:"))
    return {name: amount / 1024 for name, amount in kib.items()}


# --- Redis, for seeding the peers ---


class Redis:
    """A client of the Redis that all systems share, with as much of the protocol as seeding needs."""

    def __init__(self, path, password):
        self.path = path
        self.password = password

    def send_commands(self, commands):
        if self.password:
            commands = [["AUTH", self.password], *commands]
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.path)
            self.send_pipeline(connection, list(commands))

    @staticmethod
    def send_pipeline(connection, commands):
        out = bytearray()
        for command in commands:
            out += b"*%d\r\n" % len(command)
            for word in command:
                word = word.encode()
                out += b"$%d\r\n%s\r\n" % (len(word), word)
        connection.sendall(out)
        replies = connection.makefile("rb")
        for command in commands:
            reply = replies.readline()
            if not reply.startswith((b"+", b":")):
                fail(f"Redis replied to {command[0]}: {reply!r}")


def start_redis(workspace):
    """Starts Redis, for runs without the engine; scripts/run starts one with the engine."""
    path = workspace.path("redis.sock")
    workspace.start("redis", ["redis-server", "--port", "0", "--unixsocket", path, "--dir", workspace.folder,
                          "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
                          "--maxmemory-policy", "noeviction"])
    wait_until("Redis", lambda: os.path.exists(path))
    return Redis(path, "")


# --- requests ---


def student(i):
    """The i-th student, from 0; named as mastery-ctl seed and load.lua do."""
    return f"{PREFIX}{i + 1}"


def shard(student_id):
    return f"{{{hashlib.sha256(student_id.encode()).hexdigest()[:2]}}}"


def admin_token(secret):
    def encoded(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    now = int(time.time())
    claims = {"sub": "bench", "role": "admin", "iat": now, "exp": now + DAY_SECONDS}
    signed = encoded(b'{"alg":"HS256","typ":"JWT"}') + b"." + encoded(json.dumps(claims).encode())
    return (signed + b"." + encoded(hmac.new(secret.encode(), signed, "sha256").digest())).decode()


def post(connection, path, token, body):
    connection.request("POST", path, json.dumps(body),
                       {"Content-Type": "application/json", "Authorization": f"Bearer {token}"})
    response = connection.getresponse()
    return response, response.read()


def some_components(i):
    return {name: ((i * 7 + k * 13) % 60 + 40) / 100 for k, name in enumerate(COMPONENTS)}


# --- the systems ---


class System:
    """A server to be measured. start() starts it and sets port and token."""

    needs = ()  # programs
    headers = HEADERS  # that each response must have
    data_keys = DATA_KEYS

    def __init__(self, name):
        self.name = name
        self.port = None
        self.token = None

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def post_operation(self, operation="query"):
        body = {"student_id": student(0)}
        if operation == "calculate":
            body["components"] = some_components(0)
        with contextlib.closing(self.connect()) as connection:
            try:
                return post(connection, f"/api/v1/mastery/{operation}", self.token, body)
            except OSError:
                return None, b""

    def is_up(self):
        response, _ = self.post_operation()
        return response is not None and response.status in (200, 404)

    def check(self, operation):
        """Fails unless the response has the keys and headers that it must have, the right result, and a changed
        token is refused."""
        response, body = self.post_operation(operation)
        if response is None or response.status != 200:
            fail(f"{self.name}: {operation} gets {response and response.status}: {body!r}")
        missing = self.headers - {name.lower() for name, _ in response.getheaders()}
        document = json.loads(body)
        missing |= RESPONSE_KEYS - document.keys() | self.data_keys - document.get("data", {}).keys()
        if missing:
            fail(f"{self.name}: the response to {operation} lacks {', '.join(sorted(missing))}")
        expected = mastery_of(0)["mastery_score"]
        if operation == "calculate" and document["mastery_score"] != expected:
            fail(f"{self.name}: the score of {operation} is {document['mastery_score']}, not {expected}")
        self.check_refusal(operation)

    def check_refusal(self, operation):
        token = self.token
        signed, _, signature = token.rpartition(".")
        self.token = f"{signed}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
        response, _ = self.post_operation(operation)
        self.token = token
        if response is None or response.status != 401:
            fail(f"{self.name}: {operation} with a forged token gets {response and response.status}, not 401")

    def seed(self, redis):
        pass

    def between_rounds(self, redis):
        pass

    def memory(self, workspace):
        return memory_mib(workspace.pids[self.name])


class NginxSystem(System):
    """A program behind (or inside) an nginx of its own."""

    template = os.path.join(BENCH, "nginx.conf")

    def configure_nginx(self, workspace, http, location, modules="", main=""):
        """Writes the configuration of nginx and returns the command that starts it."""
        folder = workspace.path(f"{self.name}-nginx")
        os.mkdir(folder)
        if os.geteuid() == 0:
            main = f"user root;\n{main}"
        self.port = free_port()
        with open(self.template, encoding="utf-8") as f:
            text = f.read()
        words = {"modules": modules, "dir": folder, "main": main, "http": http, "port": str(self.port),
                 "location": location}
        for word, value in words.items():
            text = text.replace(f"@{word}@", value)
        path = os.path.join(folder, "nginx.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return ["nginx", "-e", os.path.join(folder, "error.log"), "-p", folder, "-c", path]


class Peer(NginxSystem):
    """A program that does the same work as the engine, with keys of its own in the same Redis."""

    def environment(self, redis, secret):
        return {**os.environ, "REDIS_SOCKET": redis.path, "REDIS_PASSWORD": redis.password, "JWT_SECRET": secret,
                "KEY_PREFIX": f"{self.name}:", "RECORD_SCRIPT": os.path.join(BENCH, "record.lua")}

    def seed(self, redis):
        """Writes each student's profile and the days before today, in the peer's format."""
        redis.send_commands(command for i in range(MANY_STUDENTS) for command in self.seed_commands(i))

    def seed_commands(self, i):
        data, key = mastery_of(i), f"{self.name}:{shard(student(i))}:student:{student(i)}"
        yield ["HSET", key, "m", json.dumps(data, separators=(",", ":")),
               "s", f"1 {data['mastery_score']} {data['level']}"]
        for k, day in enumerate(past_days()):
            text = json.dumps({"mastery_score": day_score(i, k), "level": "proficient",
                               "components": some_components(i + k), "sample_size": 1}, separators=(",", ":"))
            yield ["SET", f"{key}:day:{day}", text, "EX", str(90 * DAY_SECONDS)]

    def between_rounds(self, redis):
        """Deletes the journals, which have no other consumer: the peers have no worker, as the engine has."""
        redis.send_commands(["UNLINK", f"{self.name}:{{{i:02x}}}:journal"] for i in range(256))


def past_days():
    today = datetime.datetime.now(datetime.timezone.utc).date()
    return [(today - datetime.timedelta(days=k)).strftime("%Y%m%d") for k in range(1, HISTORY_DAYS)]


def day_score(i, k):
    return (i * 3 + k * 5) % 100 / 100


def level_of(score):
    return "novice" if score < 0.4 else "developing" if score < 0.6 else "proficient" if score < 0.8 else "master"


def mastery_of(i):
    """The result of calculate with some_components(i)."""
    components = some_components(i)
    breakdown = {name: round(components[name] * weight, 12) for name, weight in WEIGHTS.items()}
    score = round(sum(components[name] * weight for name, weight in WEIGHTS.items()), 12)
    return {"student_id": student(i), "mastery_score": score, "level": level_of(score), "components": components,
            "breakdown": {**breakdown, "weighted_sum": score, "weights": WEIGHTS},
            "evidence": dict.fromkeys(COMPONENTS, 5), "calculated_at": "2026-01-01T00:00:00.000Z", "version": "1.0.0"}


# The words that replace @http@ and @location@ in the peers' nginx.conf.
UPSTREAM = """upstream peer {{
        server unix:{socket};
        keepalive 64;
        keepalive_requests 1000;
        keepalive_timeout 5s;
    }}"""
PROXY = """proxy_pass http://peer;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_next_upstream off;"""
NPM = ("npm", "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund")
LUA_LOCATIONS = """return 404;
        }
        location = /api/v1/mastery/query {
            content_by_lua_block { mastery.query() }
        }
        location = /api/v1/mastery/calculate {
            content_by_lua_block { mastery.calculate() }"""


def load_modules():
    modules = "/usr/lib/nginx/modules"
    if not os.path.exists(f"{modules}/ngx_http_lua_module.so"):
        fail("nginx's Lua module is not installed: run scripts/install-packages bench")
    return f"load_module {modules}/ndk_http_module.so;\nload_module {modules}/ngx_http_lua_module.so;"


class Hello(NginxSystem):
    def start(self, workspace, redis, secret):
        self.token = admin_token(secret)
        program = workspace.path("hello")
        subprocess.run(["gcc", "-O2", "-D_GNU_SOURCE", os.path.join(BENCH, "hello.c"), "-o", program, "-lfcgi", "-lev"],
                       check=True)
        path = workspace.path("hello.sock")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(1024)
            listener.setblocking(False)
            for _ in range(PROCESSES):
                workspace.start("hello", [program], stdin=listener)
        parameters = "\n".join(f"            fastcgi_param {name} {value};" for name, value in (
            ("REQUEST_METHOD", "$request_method"), ("DOCUMENT_URI", "$uri"), ("CONTENT_LENGTH", "$content_length"),
            ("REQUEST_ID", "$id"), ("HTTP_AUTHORIZATION", "$http_authorization")))
        workspace.start("hello", self.configure_nginx(
            workspace, UPSTREAM.format(socket=path),
            "fastcgi_pass peer;\n            fastcgi_keep_conn on;\n            fastcgi_next_upstream off;\n"
            f"            fastcgi_pass_request_headers off;\n{parameters}"))

    def check(self, operation):
        response, body = self.post_operation(operation)
        if response is None or response.status != 200:
            fail(f"hello: the response is {response and response.status}: {body!r}")


class Fastify(Peer):
    needs = ("node", "npm")

    def start(self, workspace, redis, secret):
        self.token = admin_token(secret)
        folder = installed(self.name, os.path.join(BENCH, "fastify"), [NPM])
        path = workspace.path("fastify.sock")
        environment = {**self.environment(redis, secret), "SOCKET": path, "NODE_ENV": "production",
                       "PROCESSES": str(PROCESSES)}
        workspace.start("fastify", ["node", "server.js"], cwd=folder, env=environment)
        wait_until("Fastify", lambda: os.path.exists(path))
        workspace.start("fastify", self.configure_nginx(workspace, UPSTREAM.format(socket=path),
                                                      f"{PROXY}\n            proxy_set_header X-Request-ID $id;"))


class Lua(Peer):
    folder = os.path.join(BENCH, "lua")

    def start(self, workspace, redis, secret):
        """Inside nginx: no second process."""
        self.token = admin_token(secret)
        environment = self.environment(redis, secret)
        http = f'lua_package_path "{self.folder}/?.lua;;";\n    init_by_lua_block {{ mastery = require "mastery" }}'
        names = ("REDIS_SOCKET", "REDIS_PASSWORD", "JWT_SECRET", "KEY_PREFIX", "RECORD_SCRIPT")
        workspace.start(self.name, self.configure_nginx(
            workspace, http, LUA_LOCATIONS, modules=load_modules(), main="".join(f"env {name};\n" for name in names)),
            env=environment)


class Engine(System):
    """The engine of this tree. scripts/run starts it, and the Redis that all systems use; scripts/stop stops both."""

    students = STUDENTS

    def start_engine(self, workspace, **settings):
        state = workspace.path("engine")
        environment = {**os.environ, "STATE_DIR": state, "PORT": "0", "POOL_SIZE": str(PROCESSES), "NO_SEED": "yes",
                       "RATE_LIMITS": "off", "APPENDFSYNC": "everysec", "REDIS_URL": "", **settings}
        stop = [os.path.join(ROOT, "scripts", "stop")]
        workspace.exit_stack.callback(subprocess.run, stop, env=environment, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False)
        done = subprocess.run([os.path.join(ROOT, "scripts", "run"), "--detach"], env=environment, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            fail(f"scripts/run cannot start the engine (to run without it, use --only):\n{done.stdout}")
        with open(os.path.join(state, "env"), encoding="utf-8") as f:
            self.settings = dict(word.split("=", 1) for word in shlex.split(f.read(), comments=True) if "=" in word)
        self.port = int(self.settings["BASE_URL"].rsplit(":", 1)[1].rstrip("/"))
        secret = self.settings["JWT_SECRET"].splitlines()[0]
        self.token = admin_token(secret)
        return Redis(self.settings["REDIS_URL"].removeprefix("unix://"), self.settings["REDIS_PASSWORD"]), secret

    def seed(self, redis):
        subprocess.run([os.path.join(self.settings["BIN_DIR"], "mastery-ctl"), "seed", "--students", str(self.students),
                        "--prefix", PREFIX, "--days", str(HISTORY_DAYS)],
                       env={**os.environ, **self.settings}, stdout=subprocess.DEVNULL, check=True)

    def memory(self, workspace):
        return memory_mib(int(self.settings[name]) for name in ("NGINX_PID", "POOL_PID", "WORKER_PID"))


class RedisCli:
    """The Redis of an engine, by redis-cli, which scripts/run needs anyway."""

    def __init__(self, engine):
        self.command = ["redis-cli", "-s", engine.settings["REDIS_URL"].removeprefix("unix://")]
        password = engine.settings["REDIS_PASSWORD"]
        self.environment = {**os.environ, **({"REDISCLI_AUTH": password} if password else {})}

    def call(self, *words):
        return subprocess.run([*self.command, *words], env=self.environment, stdout=subprocess.PIPE, text=True,
                              check=True).stdout


SYSTEMS = {"hello": Hello, "engine": Engine, "fastify": Fastify, "lua": Lua}
