# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets change while everything runs (fault 25, hazards K7, W7): no good token is refused, a
removed key ends after its grace, and what is empty or broken changes nothing but an alarm."""
import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from harness.prometheus import Scrape
from harness.token import make_token
from harness.wait import wait_for

OLD = "the old secret, which is to go away soon after"
NEW = "the new secret, which has come instead of it"
PATH = "/api/v1/predictions/config"
SOON = {"KEY_POLL_MS": 20}


class Secret:
    """A file as Kubernetes mounts one: a link into a folder that is swapped as a whole."""

    def __init__(self, folder, text):
        self.folder, self.path, self._count = Path(folder), Path(folder) / "secret", 0
        self.write(text)
        self.path.symlink_to("..data/secret")

    def write(self, text):
        self._count += 1
        version = self.folder / f"..{self._count}"
        version.mkdir()
        (version / "secret").write_text(text)
        link = self.folder / "..new"
        link.symlink_to(version.name)
        os.replace(link, self.folder / "..data")


@pytest.fixture
def secret(tmp_path):
    return Secret(tmp_path, OLD)


@pytest.fixture
def start(start_pool, secret):
    """Two processes that have read their signing secret from the file."""

    def make(**settings):
        pool = start_pool(
            **{"size": 2, "JWT_SECRET": "", "JWT_SECRET_FILE": secret.path, **SOON, **settings}
        )
        wait_for(lambda: metric(pool, "processes") == pool.size, "all have started")
        return pool

    return make


def status(pool, token, path=PATH, **more):
    return pool.request("GET", path, token=token, **more).status


def everywhere(pool, expected, token):
    """Whether all processes say so: more connections than one takes at once."""
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(pool.connect()) for _ in range(8 * pool.size)]
        return all(c.request("GET", PATH, token=token).status == expected for c in connections)


def metric(pool, name):
    return Scrape(pool.request("GET", "/metrics").text).sum(name)


def changes(pool):
    return Scrape(pool.request("GET", "/metrics").text).value("key_reloads_total", result="changed")


class Callers:
    """Threads that ask without a pause, each with the latest token, and note what is not 200."""

    def __init__(self, pool, token, count=4):
        self.pool, self.token, self.refused, self.asked = pool, token, [], 0
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _ask(self):
        with self.pool.connect() as connection:
            while not self._end.is_set():
                token = self.token
                response = connection.request("GET", PATH, token=token)
                if response.status != 200:
                    self.refused.append(response)
                self.asked += 1

    def go_on(self):
        """A while of asking."""
        asked = self.asked
        wait_for(lambda: self.asked >= asked + 200, "callers asking")


def test_rotation_under_load_refuses_no_good_token(start, secret):
    pool = start(KEY_GRACE_S=600)
    old, new = (make_token(key, "someone", "student") for key in (OLD, NEW))
    with Callers(pool, old) as callers:
        callers.go_on()
        secret.write(f"{OLD}\n{NEW}\n")
        wait_for(lambda: changes(pool) == pool.size, "the new secret is known")
        callers.token = new
        callers.go_on()
        secret.write(NEW)
        wait_for(lambda: changes(pool) == 2 * pool.size, "the old secret is gone")
        callers.token = old  # within its grace
        callers.go_on()
    assert callers.refused == []


def test_a_swap_at_one_stroke_keeps_the_old_tokens_for_the_grace(start, secret):
    pool = start(KEY_GRACE_S=600)
    old = make_token(OLD, "someone", "student")
    with Callers(pool, old) as callers:
        callers.go_on()
        secret.write(NEW)
        new = make_token(NEW, "someone", "student")
        wait_for(lambda: everywhere(pool, 200, new), "the new secret is known")
        callers.go_on()
    assert callers.refused == []


@pytest.mark.parametrize("grace", [0, 1])
def test_a_removed_key_is_refused_after_its_grace(start, secret, grace):
    """Though its tokens are remembered as good ones."""
    pool = start(KEY_GRACE_S=grace)
    old = make_token(OLD, "someone", "student")
    assert everywhere(pool, 200, old)
    secret.write(NEW)
    wait_for(lambda: changes(pool) >= pool.size, "both have read the new secret")
    wait_for(lambda: everywhere(pool, 401, old), "the old secret is refused")
    assert everywhere(pool, 200, make_token(NEW, "someone", "student"))


def test_hup_makes_it_look_at_once(start, secret):
    pool = start(KEY_POLL_MS=3600000, KEY_GRACE_S=0)
    old, new = (make_token(key, "someone", "student") for key in (OLD, NEW))
    secret.write(NEW)
    assert everywhere(pool, 200, old) and everywhere(pool, 401, new)
    for pid in pool.pids():
        os.kill(pid, signal.SIGHUP)
    wait_for(lambda: everywhere(pool, 200, new), "the new secret is known")
    wait_for(lambda: everywhere(pool, 401, old), "the old secret is refused")


BROKEN = ["", "\n\n", "short", f"{NEW}\nshort", "-----BEGIN PUBLIC KEY-----"]


@pytest.mark.parametrize("text", BROKEN)
def test_an_empty_or_broken_file_keeps_the_old_keys_and_raises_an_alarm(start, secret, text):
    pool = start(KEY_GRACE_S=0)
    token = make_token(OLD, "someone", "student")
    assert metric(pool, "keys_refused") == 0
    secret.write(text)
    wait_for(lambda: metric(pool, "keys_refused") == pool.size, "the alarm")
    assert everywhere(pool, 200, token)
    log = pool.log_path.read_text()
    assert '"keys.refused"' in log and "JWT_SECRET" in log and OLD not in log and NEW not in log
    secret.write(NEW)
    wait_for(lambda: metric(pool, "keys_refused") == 0, "the end of the alarm")
    assert everywhere(pool, 200, make_token(NEW, "someone", "student"))


def test_a_missing_file_keeps_the_old_keys(start, secret):
    pool = start(KEY_GRACE_S=0)
    (secret.folder / "..data").unlink()
    wait_for(lambda: metric(pool, "keys_refused") == pool.size, "the alarm")
    assert everywhere(pool, 200, make_token(OLD, "someone", "student"))


def test_the_refusal_is_logged_once_and_not_at_each_look(start, secret):
    pool = start(size=1)
    secret.write("")
    wait_for(lambda: metric(pool, "key_reloads_total") > 5, "looks at the file")
    wait_for(lambda: '"keys.refused"' in pool.log_path.read_text(), "the log line")
    assert pool.log_path.read_text().count('"keys.refused"') == 1


def as_sidecar(pool, api_token):
    """What the app channel says to whom has this token."""
    return pool.request(
        "POST",
        "/dapr/events",
        json={"specversion": "1.0"},
        headers={"dapr-api-token": api_token},
        CONTENT_TYPE="application/cloudevents+json",
        MASTERY_LISTENER="sidecar",
    ).status


def test_the_sidecars_token_rotates_too(start_pool, secret):
    pool = start_pool(APP_API_TOKEN_FILE=secret.path, KEY_GRACE_S=2, **SOON)
    assert as_sidecar(pool, OLD) == 200 and as_sidecar(pool, NEW) == 401
    secret.write(NEW)
    wait_for(lambda: as_sidecar(pool, NEW) == 200, "the new token is known")
    assert as_sidecar(pool, OLD) in (200, 401)  # its grace may be over by now
    wait_for(lambda: as_sidecar(pool, OLD) == 401, "the old token is refused")
    secret.write("")
    wait_for(lambda: metric(pool, "keys_refused") == 1, "the alarm")
    assert as_sidecar(pool, NEW) == 200 and as_sidecar(pool, "") == 401


def test_the_password_of_redis_rotates_too(redis_server, start_pool, secret):
    admin = redis_server.client()
    admin.config_set("requirepass", OLD)
    admin.auth(OLD)
    pool = start_pool(REDIS_PASSWORD_FILE=secret.path, **SOON)
    assert pool.calculate("someone").status == 200
    admin.execute_command("ACL", "SETUSER", "default", f">{NEW}", f"<{OLD}")
    secret.write(NEW)
    wait_for(lambda: changes(pool) == 1, "the new password is known")
    admin.client_kill_filter(skipme=True)
    wait_for(lambda: pool.query("someone").status == 200, "connected by the new password")
    admin.close()


def listens(admin):
    return any(client["cmd"] == "xread" for client in admin.client_list())


def test_the_workers_second_connection_is_made_by_the_new_password_too(
    redis_server, start_pool, start_worker, secret
):
    admin = redis_server.client()
    admin.config_set("requirepass", OLD)
    admin.auth(OLD)
    pool = start_pool(REDIS_PASSWORD_FILE=secret.path)
    worker = start_worker(pool, KEY_GRACE_S=1, **SOON)
    wait_for(lambda: listens(admin), "it listens")
    admin.execute_command("ACL", "SETUSER", "default", f">{NEW}", f"<{OLD}")
    secret.write(NEW)
    wait_for(lambda: '"keys.reloaded"' in worker.log(), "the new password is known")
    time.sleep(2)  # longer than the grace: the old one is forgotten
    admin.client_kill_filter(skipme=True)
    wait_for(lambda: listens(admin), "it listens again")
    assert worker.alive()
    admin.close()


def test_the_token_for_the_sidecar_is_the_one_in_the_file(
    start_pool, start_worker, stand_in_sidecar, secret
):
    pool = start_pool()
    stand_in_sidecar.api_token = OLD
    worker = start_worker(pool, stand_in_sidecar, DAPR_API_TOKEN_FILE=secret.path, **SOON)
    assert pool.calculate("first").status == 200
    wait_for(lambda: stand_in_sidecar.events("first"), "published by the old token")
    secret.write(NEW)
    wait_for(lambda: '"keys.reloaded"' in worker.log(), "the new token is known")
    stand_in_sidecar.api_token = NEW
    assert pool.calculate("second").status == 200
    wait_for(lambda: stand_in_sidecar.events("second"), "published by the new token")


def test_a_broken_audit_key_raises_the_alarm(start_pool, secret):
    pool = start_pool(AUDIT_KEY="", AUDIT_KEY_FILE=secret.path, **SOON)
    secret.write("short")
    wait_for(lambda: metric(pool, "keys_refused") == 1, "the alarm")
    wait_for(lambda: "AUDIT_KEY" in pool.log_path.read_text(), "the log line")
    secret.write(NEW)
    wait_for(lambda: metric(pool, "keys_refused") == 0, "the end of the alarm")
