# SPDX-License-Identifier: GPL-3.0-or-later
"""For locust: the users of behaviour.py.

    JWT_SECRET=… locust -f tests/load/test_load.py --host=URL --users=50 --spawn-rate=5 --run-time=5m

scripts/load does the same without locust, and judges what it sees.
"""
import os
import sys
from pathlib import Path

from locust import HttpUser, between, events, task

sys.path.insert(0, str(Path(__file__).resolve().parent))
import behaviour  # noqa: E402

world = behaviour.World(os.environ.get("JWT_SECRET", "").splitlines()[0] if os.environ.get("JWT_SECRET") else "")


class Caller(HttpUser):
    """Lets a person of behaviour.py act: a turn is a task."""

    abstract = True
    kind = None
    wait_time = between(*behaviour.PAUSE_S)

    def on_start(self):
        self.person = self.kind(world, self.call)

    def call(self, name, method, path, body, headers):
        with self.client.request(
            method, path, json=body, headers=headers, name=name.split(" ", 1)[1], catch_response=True
        ) as answer:
            if behaviour.right(name, answer.status_code):
                answer.success()
            return answer.status_code, answer.headers, self.content(answer)

    @staticmethod
    def content(answer):
        try:
            return answer.json()
        except ValueError:
            return None

    @task
    def turn(self):
        self.person.turn()


def user_of(kind):
    members = {"kind": kind, "weight": round(100 * kind.share), "__module__": __name__}
    return type(f"{kind.__name__}User", (Caller,), members)


StudentUser, TeacherUser, ServiceUser, AdminUser, ProbeUser = map(user_of, behaviour.KINDS)


@events.test_start.add_listener
def needs_a_secret(environment, **_):
    if not world.secret:
        print("JWT_SECRET is not set: the users of this test have no tokens", file=sys.stderr)
        environment.runner.quit()


@events.test_stop.add_listener
def clean_up(environment, **_):
    from runner import patient

    left = world.clean_up(patient(environment.host))
    if left:
        print(f"{len(left)} students and cohorts named {world.run}_… could not be erased", file=sys.stderr)
