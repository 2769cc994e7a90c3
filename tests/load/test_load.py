# SPDX-License-Identifier: GPL-3.0-or-later
"""For locust: the users of behaviour.py.

    JWT_SECRET=… locust -f tests/load/test_load.py --host=URL --users=50 --spawn-rate=5 --run-time=5m

scripts/load does the same without locust, and compares the figures with the checklist.
"""
import sys
from pathlib import Path

from locust import HttpUser, between, events, task

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from harness.client import Client  # noqa: E402
from harness.deployment import NO_SIGNER, signer  # noqa: E402
from load import behaviour  # noqa: E402

world = behaviour.World(signer())


class Caller(HttpUser):
    """A user of locust whose task is one request of a person of behaviour.py."""

    abstract = True
    kind = None
    wait_time = between(*behaviour.PAUSE_S)

    def on_start(self):
        self.person = self.kind(world, self.call)

    def call(self, name, method, path, body, headers):
        with self.client.request(
            method, path, json=body, headers=headers, name=name.split(" ", 1)[1], catch_response=True
        ) as response:
            if behaviour.right(name, response.status_code):
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
def require_secret(environment, **_):
    if not world.key:
        print(NO_SIGNER, file=sys.stderr)
        environment.runner.quit()


@events.test_stop.add_listener
def clean_up(environment, **_):
    left = world.clean_up(Client(environment.host))
    if left:
        print(f"{len(left)} students and cohorts named {world.run}_… could not be erased", file=sys.stderr)
