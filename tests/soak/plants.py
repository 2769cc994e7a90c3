# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs that a run must find, planted beside the engine: its data is changed behind its back, or a request is
sent that the model does not know of. Each plants one, around a write that was acknowledged."""
import contextlib

from harness.store import student_key

class Plant:
    """None: the engine is as it is."""

    kind, skipped = None, 0  # of the writes; so many before the one that is chosen

    def __init__(self, redis_client=None):
        self.redis, self.seen, self.planted = redis_client, 0, False

    @contextlib.contextmanager
    def around(self, kind, actor, body):
        chosen = kind == self.kind and not self.planted and self.suits(actor, body)
        self.seen += chosen
        if not chosen or self.seen <= self.skipped:
            yield
            return
        before = self.before(body)
        yield
        self.planted = True
        self.after(actor, body, before)

    def suits(self, actor, body):
        return True

    def before(self, body):
        return None

    def dumps(self, keys):
        found = {key: self.redis.dump(key) for key in keys}
        return {key: value for key, value in found.items() if value is not None}

    def restore(self, dumps, keys):
        """These keys are what they were."""
        for key in keys:
            self.redis.delete(key)
        for key, value in dumps.items():
            self.redis.restore(key, 0, value, replace=True)


class DroppedWrite(Plant):
    """An acknowledged event: the student's keys are afterwards what they were before."""

    kind, skipped = "ingest", 5

    def suits(self, actor, body):
        return not actor.world.pupil(body["student_id"]).common and actor.world.pupil(body["student_id"]).may_write()

    def keys(self, body):
        key = student_key(body["student_id"])
        return [name for name in self.redis.scan_iter(f"{key}*") if b":pseudonym" not in name]

    def before(self, body):
        return self.dumps(self.keys(body))

    def after(self, actor, body, before):
        self.restore(before, self.keys(body))


class DoubledEvent(DroppedWrite):
    """An acknowledged event is counted once more, under another id."""

    def after(self, actor, body, before):
        again = {**body, "event_id": f"{body['event_id']}-again"}
        response = actor.run.site.engine.admin().post("/api/v1/mastery/ingest", again)
        assert response.status == 202, response


class StaleRight(Plant):
    """A roster without a teacher or student who was in it: the index of the rights stays the old one."""

    kind = "roster"

    def suits(self, actor, body):
        old = actor.world.rights.rosters.get(body["cohort"], ((), ()))
        new = (set(body["teacher_ids"]), set(body["student_ids"]))
        return bool({(t, s) for t in old[0] for s in old[1]} - {(t, s) for t in new[0] for s in new[1]})

    def keys(self, body):
        """The index: which cohorts a teacher or a student is in. The record of the cohort is changed."""
        return list(self.redis.scan_iter("*:cohorts"))

    def before(self, body):
        return self.dumps(self.keys(body))

    def after(self, actor, body, before):
        self.restore(before, self.keys(body))


PLANTS = {"dropped-write": DroppedWrite, "doubled-event": DoubledEvent, "stale-right": StaleRight}
