# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison at the end: everything that the engine holds with everything that was acknowledged."""
from harness.audit import pseudonym, records, sealed
from harness.batches import Batches
from harness.ctl import run_ctl
from harness.model import assert_close, to_ms
from harness.store import dead_letters, is_turned_and_published
from harness.wait import wait_for
from soak import plan
from soak.actor import V1, Request
from soak.pupils import Pupil

CHANGES = ("calculated", "event", "recomputed")  # actions of the audit log


class Comparison:
    def __init__(self, run, actor):
        self.run, self.actor, self.report, self.world = run, actor, run.report, run.world
        self.redis = run.site.redis.client()
        self.admin = run.site.engine.admin()

    def compare(self):
        wait_for(lambda: is_turned_and_published(self.redis), "everything processed by the worker", 120)
        self.compare_batches()
        wait_for(lambda: is_turned_and_published(self.redis), "everything processed by the worker", 120)
        pupils = [pupil for pupil in self.world.pupils() if not pupil.lost]
        for pupil in pupils:
            self.checked("at the end", pupil.name, lambda p=pupil: self.compare_pupil(p))
        self.compare_rosters()
        self.compare_audit([p for p in pupils if not p.erasures])
        for letter in dead_letters(self.redis):
            self.report.difference("dead letter", str(letter))

    def checked(self, what, name, check):
        try:
            check()
        except AssertionError as error:
            self.report.difference(what, f"{name}: {error}")

    def get(self, pupil, path, statuses=(200,)):
        response = self.actor.until_known(Request("admin-of-the-end", "admin", "GET", V1 + path))
        assert response is not None and response.status in statuses, f"{path}: {response!r}"
        return response

    def compare_pupil(self, pupil):
        request = self.actor.query_request(pupil, "admin-of-the-end", "admin")
        response = self.actor.until_known(request)
        assert response.status == (200 if pupil.has_data() else 404), f"query: {response!r}"
        if pupil.has_data():
            pupil.judge_query(response.json)
        history = self.get(pupil, f"mastery/history/{pupil.name}?days=90")
        pupil.judge_history(history.json["history"])
        self.compare_records(pupil)
        self.compare_replays(pupil)

    def compare_records(self, pupil):
        """Export and consent."""
        known = pupil.has_data() or pupil.consents
        response = self.get(pupil, f"compliance/export/{pupil.name}", (200,) if known else (200, 404))
        if response.status == 200:
            data = response.json["data"]
            pupil.judge_export(data)
            self.actor.judge_integrity(pupil, response)
            cohorts = sorted(self.world.rights.cohorts_with(pupil.name))
            assert sorted(data["cohorts"]) == cohorts, f"cohorts: {data['cohorts']} for {cohorts}"
            if pupil.has_data():
                assert_close(data["mastery_history"], pupil.history(), "history of the export")
        response = self.get(pupil, f"compliance/consent/status/{pupil.name}", (200, 404))
        if response.status == 200:
            found = {r["consent_type"]: (r["granted"], r["version"]) for r in response.json["consent_records"]}
            assert found == pupil.consents, f"consent: {found} for {pupil.consents}"

    def compare_replays(self, pupil):
        """The latest Idempotency-Key has its response still, and has no other effect."""
        for request, body in list(pupil.keys.values())[-1:]:
            if pupil.may_write():
                response = self.actor.until_known(request)
                assert response.headers.get("Idempotency-Replayed") == "true", f"no replay: {response!r}"
                assert response.body == body, f"replay: {response.body} for {body}"

    def compare_batches(self):
        batches = Batches(self.admin)
        for batch, stated in self.world.batches.items():
            self.checked("batch", batch, lambda b=batch, s=stated: self.compare_batch(batches, b, s))

    def compare_batch(self, batches, batch, stated):
        status = batches.wait(batch)
        assert status["status"] == "completed", status
        results = batches.results(batch)
        names = sorted(result["student_id"] for result in results)
        assert names == sorted(stated), f"results of {names}"
        for result in results:
            assert result["success"], result
            pupil = Pupil(result["student_id"])
            pupil.state(stated[pupil.name], to_ms(result["mastery_result"]["calculated_at"]))
            found = result["mastery_result"]["mastery_score"]
            expected = pupil.current(pupil.statements[0][0])["mastery_score"]
            assert_close(found, float(expected), f"{pupil.name} of the batch")
            self.compare_pupil(pupil)

    def compare_rosters(self):
        rights = self.world.rights
        for client in range(self.run.options.clients):
            for number in range(plan.COHORTS):
                cohort = plan.cohort_of(client, number)
                self.checked("roster at the end", cohort, lambda c=cohort: self.compare_roster(c))
            for number in range(plan.TEACHERS):
                teacher = plan.teacher_of(client, number)
                students = {s for _, members in rights.rosters.values() for s in members}
                students |= {self.world.latest(client, slot) for slot in range(plan.SLOTS)}
                students |= {plan.common_student(i) for i in range(plan.COMMON)}
                for student in sorted(students):
                    self.actor.judge_right(teacher, self.world.pupil(student))

    def compare_roster(self, cohort):
        response = self.get(None, f"cohorts/{cohort}", (200, 404))
        held = self.world.rights.rosters.get(cohort)
        assert (response.status == 200) == (held is not None), f"{response!r} for {held}"
        if held:
            self.actor.judge_roster("roster at the end", response.json, cohort, *held)

    def compare_audit(self, pupils):
        """Each change has its record, and no record is without its change; the chain is whole."""
        wait_for(lambda: sealed(self.redis), "all records sealed")
        found = {}
        # counts are in segments by now, since all is sealed
        for record in records(self.redis, s="1"):
            if record["t"] in CHANGES:
                found[record["w"]] = found.get(record["w"], 0) + int(record["n"])
        for pupil in pupils:
            if pupil.changes():
                number = found.get(pseudonym(self.redis, pupil.name), 0)
                if number != pupil.changes():
                    text = f"{pupil.name}: {number} records of changes for {pupil.changes()}"
                    self.report.difference("audit", text)
        result = run_ctl(self.run.site.ctl_environment, "audit", "verify")
        if result.returncode != 0:
            self.report.difference("audit", f"verify: {result.returncode} {result.stderr}")
