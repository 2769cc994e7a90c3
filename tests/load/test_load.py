# SPDX-License-Identifier: GPL-3.0-or-later
"""For locust: the users of behaviour.py.

    JWT_SECRET=… locust -f tests/load/test_load.py --host=URL --users=50 --spawn-rate=5 --run-time=5m [--headless]

The exit status is 0 when the limits of the checklist hold, by the same verdicts as those of scripts/load, which does
the same without locust; otherwise, without a secret, and when the load cannot be prepared it is 1.
"""
import sys
import time
from pathlib import Path

from locust import HttpUser, between, events, task

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from harness.client import Client  # noqa: E402
from harness.deployment import NO_SIGNER, signer  # noqa: E402
from load import behaviour, runner  # noqa: E402
from load.report import print_verdicts  # noqa: E402

RECOVERY_S = 10
world = behaviour.World(signer())
if not world.key:
    sys.exit(NO_SIGNER)


class Measured:
    """The responses of the run, and when it began and had all its users, in seconds of the monotonic clock."""

    def __init__(self):
        self.samples, self.users, self.began, self.all_there = [], 0, time.monotonic(), None


measured = Measured()


class Caller(HttpUser):
    """A user of locust whose task is one request of a person of behaviour.py."""

    abstract = True
    kind = None
    wait_time = between(*behaviour.PAUSE_S)

    def on_start(self):
        self.person = self.kind(world, self.call)

    def call(self, name, method, path, body, headers):
        began = time.monotonic()
        with self.client.request(
            method, path, json=body, headers=headers, name=name.split(" ", 1)[1], catch_response=True
        ) as response:
            sample = runner.Sample(
                began - measured.began, name, (time.monotonic() - began) * 1000, response.status_code,
                bool(response.headers.get("Retry-After")),
            )  # fmt: skip
            measured.samples.append(sample)
            if sample.good:
                response.success()
            return response.status_code, response.headers, self.content(response)

    @staticmethod
    def content(response):
        try:
            return response.json()
        except ValueError:
            return None

    @task
    def act(self):
        self.person.act()


def user_of(kind):
    members = {"kind": kind, "weight": round(100 * kind.share), "__module__": __name__}
    return type(f"{kind.__name__}User", (Caller,), members)


StudentUser, TeacherUser, ServiceUser, AdminUser, ProbeUser = map(user_of, behaviour.KINDS)


@events.test_start.add_listener
def prepare(environment, **_):
    measured.__init__()
    try:
        runner.prepare(environment.host, world)
    except behaviour.SetUpFailed as error:
        print(f"{environment.host}: the load cannot be prepared: {error}", file=sys.stderr)
        environment.process_exit_code = 1
        environment.runner.quit()
    measured.began = time.monotonic()


@events.spawning_complete.add_listener
def count_users(user_count, **_):
    measured.users, measured.all_there = user_count, time.monotonic()


@events.test_stop.add_listener
def judge(environment, **_):
    """The verdict, which is the exit status; then nothing is left behind."""
    stopped = time.monotonic()
    if measured.all_there is None:
        if environment.process_exit_code is None:
            print("the run ended before all users had started", file=sys.stderr)
        environment.process_exit_code = 1
    else:
        results, failures = runner.judged(
            environment.host, world, measured.users, measured.samples, measured.all_there - measured.began,
            stopped - measured.all_there, RECOVERY_S,
        )  # fmt: skip
        for failure in failures[:5]:
            print(failure, file=sys.stderr)
        environment.process_exit_code = 0 if print_verdicts(results) else 1
    left = world.clean_up(Client(environment.host))
    if left:
        print(f"{len(left)} students and cohorts named {world.run}_… could not be erased", file=sys.stderr)
