# SPDX-License-Identifier: GPL-3.0-or-later
"""The image, and the pods that run from it by the manifests of k8s/: looked at from inside, tested by
the black-box tests, and replaced under load.

As root, with the network for Debian's packages where the image is not there yet (scripts/build-image):
collected only when MASTERY_POD_TESTS is 1."""
import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from harness.engine import ROOT, fresh_id
from harness.expect import assert_ok, assert_problem
from harness.load import Load
from harness.pod import Pod, Service, podman
from harness.wait import wait_for

IMAGE, BASE = "localhost/mastery-engine:latest", "localhost/debian:bookworm-slim"
SCORES = dict.fromkeys(("completion", "quiz", "quality", "consistency"), 0.5)

# Of tests/api those that know an engine by its address alone.
BLACK_BOX = """calculate cohorts compare headers history http idempotency ingest openapi operations query
    sidecar roles""".split()

# Two callers at once disturb what it counts in Redis.
COUNTS_COMMANDS = ["test_compare.py::test_two_rounds_are_enough_for_two_thousand"]


def in_image(*command, options=()):
    return podman("run", "--rm", "--no-healthcheck", "--network", "host", *options, IMAGE, *command, check=False)


@pytest.fixture(scope="module")
def image():
    return json.loads(podman("image", "inspect", IMAGE)[1])[0]


@pytest.fixture(scope="module")
def pod():
    with Pod() as running:
        yield running


@pytest.fixture(scope="module")
def limited(pod):
    """As it comes: with limits of requests."""
    with Pod(redis=pod.redis, RATE_LIMITS="on") as running:
        yield running


# ---- the image ----


def test_image_is_small(image):
    base = json.loads(podman("image", "inspect", BASE)[1])[0]
    assert image["Size"] < 250e6
    assert image["Size"] - base["Size"] < 120e6


def test_image_says_what_it_is(image):
    labels, config = image["Labels"], image["Config"]
    version = (ROOT / "VERSION").read_text().strip()
    assert labels["org.opencontainers.image.version"] == version
    assert re.fullmatch(r"[0-9a-f]{12}(-dirty)?", labels["org.opencontainers.image.revision"])
    assert config["User"] == "10001:10001" and config["WorkingDir"] == "/opt/mastery-engine"
    assert config["Cmd"] == ["serve-pool"]
    assert image["HealthcheckConfig" if "HealthcheckConfig" in image else "Healthcheck"]["Test"] == [
        "CMD", "/opt/mastery-engine/scripts/health-check.sh", "liveness",
    ]  # fmt: skip


def test_image_has_what_runs_and_nothing_that_builds():
    _, output = in_image(
        "sh", "-c", "command -v gcc make autoconf redis-server curl python3; "
        "find / -xdev -perm /6000 -type f; find / -xdev -name '*.[oa]'; ls -d /src; "
        "ls /var/lib/apt/lists /var/cache/apt/archives /usr/share/man",
    )  # fmt: skip
    # what Debian's base brings may have its bits: no privileges can be gained in the pod
    paths = [line for line in output.splitlines() if line.startswith("/") and not line.endswith(":")]
    assert not [path for path in paths if "mastery" in path or path.endswith((".o", ".a"))]
    assert not re.search(r"bin/(gcc|make|autoconf|redis-server|curl|python3)$", output, re.M)
    assert "cannot access '/src'" in output


def test_version_and_commit_come_from_the_build(image, pod):
    info = pod.client("anyone").get("/").json
    assert info["version"] == image["Labels"]["org.opencontainers.image.version"]
    assert info["commit"] == image["Labels"]["org.opencontainers.image.revision"]


# ---- wrong settings ----


@pytest.mark.parametrize(
    "settings, status, words",
    [
        ({}, 78, "JWT_SECRET"),
        ({"JWT_SECRET": "short"}, 78, "shorter than 32 bytes"),
        ({"JWT_SECRET": "x" * 32, "REDIS_URL": "nonsense"}, 78, "REDIS_URL"),
        ({"JWT_SECRET": "x" * 32, "FCGI_SOCKET": "/opt/engine.sock"}, 73, "cannot write to /opt"),
    ],
)
def test_container_with_wrong_settings_ends_and_says_why(settings, status, words):
    options = [f"--env={name}={value}" for name, value in settings.items()]
    began = time.monotonic()
    found, output = in_image("serve-pool", options=["--read-only", *options])
    assert (found, len(output.splitlines())) == (status, 1), output
    assert words in output and time.monotonic() - began > 1


# ---- the pod from inside ----


@pytest.mark.parametrize("container", ["app", "nginx"])
def test_containers_have_no_rights(pod, container):
    _, output = pod.exec(container, "sh", "-c", "id -u; grep -h -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/1/status")
    assert output.split()[0] != "0"
    assert set(re.findall(r"Cap\w+:\s*(\w+)", output)) == {"0" * 16}
    assert re.search(r"NoNewPrivs:\s*1", output) and re.search(r"Seccomp:\s*2", output)
    status, output = pod.exec(container, "touch", "/opt/mastery-engine/file", check=False)
    assert status != 0 and "Read-only file system" in output


def test_the_socket_is_for_the_group_alone(pod):
    _, app = pod.exec("app", "stat", "-c", "%a %u %g", "/run/mastery-engine/engine.sock")
    assert app.split() == ["660", "10001", "10001"]
    _, nginx = pod.exec("nginx", "id")
    assert "uid=10002" in nginx and "gid=10001" in nginx
    status, output = pod.exec("nginx", "ls", "/etc/mastery-engine/secrets", check=False)
    assert status != 0, output


def test_first_processes_are_the_servers_themselves(pod):
    """No shell between, which would not pass a signal on (hazards M7)."""
    assert pod.exec("app", "cat", "/proc/1/comm")[1].strip() == "multiwatch"
    assert pod.exec("nginx", "cat", "/proc/1/comm")[1].strip() == "nginx"


@pytest.mark.parametrize("kind", ["startupProbe", "livenessProbe", "readinessProbe"])
def test_probes_succeed(pod, kind):
    assert pod.probe("app", kind)


def test_probes_have_a_budget_of_their_own(limited):
    """Whoever comes from the same host, by a forwarded port, cannot take it."""
    client = limited.client()
    wait_for(lambda: client.get("/health").status == 429, 30, every=0, what="limit reached")
    for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert limited.probe("app", kind)


def test_the_worker_is_seen_in_its_pods_metrics(pod):
    """Of the students whose shard it has: another pod's worker may share this Redis."""
    admin, client = pod.client("root"), pod.client(url=pod.values["WORKER_URL"])

    def turned():
        body = {"student_id": fresh_id(), "components": SCORES}
        assert_ok(admin.post("/api/v1/mastery/calculate", body))
        text = client.get("/metrics").text
        found = re.search(r'journal_entries_total\{status="turned"\} (\d+)', text)
        return found and int(found.group(1)) > 0

    wait_for(turned, 30, every=0.2, what="the worker's count in its pod's metrics")
    assert client.get("/ready").json["dependencies"]["worker"] == "healthy"


def test_logs_are_json(pod):
    pod.client().get("/nothing")
    lines = pod.log("app").splitlines()
    assert lines and all(json.loads(line)["service"] == "mastery-engine" for line in lines)


# ---- the tests of the API against the pod ----


def test_black_box_tests_pass_against_the_pod(pod, tmp_path):
    more = {"MASTERY_BASE_URL": pod.base_url, "STORE_ROUND_TIMEOUT_MS": "5000"}
    environment = {**os.environ, **pod.values, **more}
    files = [str(ROOT / f"tests/api/test_{name}.py") for name in BLACK_BOX]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", *files]
        + [f"--deselect=tests/api/{name}" for name in COUNTS_COMMANDS],
        env=environment, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-6000:]
    [passed] = re.findall(r"(\d+) passed", result.stdout)
    assert int(passed) > 400 and "skipped" not in result.stdout


def test_deployment_is_verified(limited, tmp_path):
    """Every box of the checklist that a program can tick here is ticked."""
    log = tmp_path / "log"
    environment = {**os.environ, **limited.values, "ENGINE_LOG": str(log)}
    with limited.following("app", log):
        result = subprocess.run(
            [str(ROOT / "scripts/verify-deployment.sh"), "--json", limited.base_url],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, timeout=500, check=False,
        )  # fmt: skip
    boxes = json.loads(result.stdout)["boxes"]
    failed = [box for box in boxes if box["result"] == "failed"]
    assert not failed and result.returncode == 0, (failed, result.stderr)
    assert sum(box["result"] == "ticked" for box in boxes) > 60


# ---- what happens to pods ----


def calculate(service, pod):
    """A caller with a connection of its own for each request, as from many clients."""

    def call(caller, turn):
        client = pod.client("root", url=service.url)
        try:
            body = {"student_id": f"caller-{caller}", "components": SCORES}
            if turn % 2:
                return client.post("/api/v1/mastery/query", {"student_id": f"caller-{caller}"}).status
            return client.post("/api/v1/mastery/calculate", body).status
        finally:
            client.close()

    return call


def test_rolling_update_fails_no_request(pod):
    """A new pod comes, is ready and gets requests; the old one goes as the kubelet ends it, while some
    proxies, slow to hear of it, still send to it."""
    settings = {"redis": pod.redis, "restart_policy": "Never", "PRE_STOP_SECONDS": "5"}
    with Pod(**settings) as old, Service(old.port) as service:
        with Load(4, calculate(service, old)) as load:
            wait_for(lambda: len(load.results) > 50, 30, what="requests before")
            with Pod(**settings) as new:
                assert new.probe("app", "readinessProbe")
                service.ports = [old.port, new.port]
                before = len(load.results)
                wait_for(lambda: len(load.results) > before + 50, 30, what="requests to both")
                with concurrent.futures.ThreadPoolExecutor() as executor:
                    gone = executor.submit(old.delete)
                    concurrent.futures.wait([gone], timeout=3)  # until the last proxy has heard
                    service.ports = [new.port]
                    gone.result(timeout=90)
                assert not old.running("app") and not old.running("nginx")
                assert old.inspect("app", "{{.State.ExitCode}}") == "0", old.log("app")[-2000:]
                before = len(load.results)
                wait_for(lambda: len(load.results) > before + 50, 30, what="requests after")
                load.__exit__()
        assert set(load.results) == {200} and not load.errors, load.errors[:3]


def test_pool_that_ends_alone_comes_back(pod):
    """nginx stays; until the pool is there again it answers itself, in the engine's form (hazards K1)."""
    with Pod(redis=pod.redis) as alone:
        client = alone.client("root")
        began = alone.inspect("app", "{{.State.StartedAt}}")
        nginx = alone.inspect("nginx", "{{.State.StartedAt}}")
        os.kill(int(alone.inspect("app", "{{.State.Pid}}")), signal.SIGKILL)

        def restarted():
            answer = client.get("/ready")
            if answer.status == 502:
                assert_problem(answer, 502, "BAD_GATEWAY")
            return answer.status == 200 and alone.inspect("app", "{{.State.StartedAt}}") != began

        wait_for(restarted, 60, every=0.05, what="pool back")
        assert alone.inspect("nginx", "{{.State.StartedAt}}") == nginx
        assert alone.probe("app", "readinessProbe")


def test_keys_are_read_anew_when_told(pod):
    assert re.search(r"signalled [1-9] processes", pod.exec("app", "reload-keys")[1])
    wait_for(lambda: "keys.reloaded" in pod.log("app"), 20, every=0.2, what="keys read")


def test_worker_ends_when_told(pod):
    with Pod(redis=pod.redis, restart_policy="Never") as other:
        podman("kill", "--signal", "TERM", other.container("worker", "worker"))
        wait_for(lambda: not other.running("worker", "worker"), 40, every=0.2, what="worker ended")
        assert other.inspect("worker", "{{.State.ExitCode}}", "worker") == "0"
