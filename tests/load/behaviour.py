# SPDX-License-Identifier: GPL-3.0-or-later
"""The users of the engine: their kinds, their requests, and how often they send each.

Shared by locust (test_load.py) and by scripts/load, which needs no locust. A user gets the `call` of its
driver: call(name, method, path, body, headers) -> (status, headers, body as JSON or None), and its `pause`, which
waits for some seconds and returns true when the run has ended meanwhile.

Weights are chosen for the limits: at two and a half requests a second from each of 50 users neither a
token nor the one address from which all come is refused. With 200 users they are.
"""
import itertools
import random
import time
import uuid
from datetime import datetime, timezone

from harness.deployment import send_with_retries, token_for

PAUSE_S = (0.2, 0.55)  # between two requests of a user
SCORES = {"completion": 0.8, "quiz": 0.9, "quality": 0.85, "consistency": 0.7}
FIRST_STUDENTS = 10  # that are there before any user
REFUSALS = (409, 429, 503)  # that pass, if they have Retry-After: a cohort may still be changed by a request that got 503
PASSING = (0, *REFUSALS, 500, 502, 504)  # statuses after which what prepares the load is repeated
TOKEN_S = 7200  # longer than the longest run


def now_text():
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def score():
    return round(random.uniform(0.3, 1), 3)


class SetUpFailed(Exception):
    """The deployment does not let the load be prepared."""


class World:
    """Students of this run, and cohorts that its teachers and admins make of them."""

    def __init__(self, key):
        """key: of harness.deployment.signer(); signs the tokens."""
        self.key, self.run = key, f"load_{uuid.uuid4().hex[:8]}"
        self.names, self.numbers = {}, itertools.count()  # of all students, to be erased
        self.students = []  # those that have data, so that every request about them is right
        self.admins, self.cohorts = 0, {}
        self.metrics = True  # whether they are open to this address

    def token(self, user, role):
        return token_for(self.key, user, role, TOKEN_S)

    def new_name(self):
        name = f"{self.run}_s{next(self.numbers)}"  # never one of an erased student
        self.names[name] = True
        return name

    def prepare(self, client):
        """Makes the first students, repeated until each has data: no user finds none."""
        for _ in range(FIRST_STUDENTS):
            body = {"student_id": self.new_name(), "components": SCORES}
            response = send_with_retries(
                client, "POST", "/api/v1/mastery/calculate", PASSING, 10, token=self.admin_token(), json=body
            )
            if response.status != 200:
                raise SetUpFailed(f"POST /api/v1/mastery/calculate is {response.status} {response.text[:160]}")
            self.students.append(body["student_id"])

    def admin_token(self):
        """Another one each time: preparations must not use up one user's limit."""
        self.admins += 1
        return self.token(f"{self.run}_prepares{self.admins}", "admin")

    def some_students(self, n):
        return random.sample(self.students, min(n, len(self.students)))

    def delete(self, client, path):
        """The status, after retries while the deployment refuses."""
        response = send_with_retries(client, "DELETE", path, (0, 429, 503), 20, token=self.admin_token())
        return response.status

    def clean_up(self, client):
        """Erases students and cohorts; returns those that could not be erased."""
        for cohort in list(self.cohorts):
            if self.delete(client, f"/api/v1/cohorts/{cohort}") in (200, 204, 404):
                del self.cohorts[cohort]
        for name in list(self.names):
            status = self.delete(client, f"/api/v1/compliance/student/{name}")
            if status == 200:
                del self.names[name]
            if status == 0:  # nobody has answered for so long that nobody will
                break
        return list(self.names) + list(self.cohorts)


class Person:
    """A user: a name, a role, a token, and tasks of which one is chosen for each request."""

    role = None
    share = 0  # of all users
    ended = False  # the run has ended while the user waited

    def __init__(self, world, call, pause=time.sleep):
        self.world, self._call, self._pause = world, call, pause
        self.name = f"{world.run}_{self.role}{uuid.uuid4().hex[:6]}"
        self.enter()
        self.token = world.token(self.name, self.role)

    def enter(self):
        """Prepares what the tasks need."""

    def tasks(self):
        """[(weight, method of self)]"""
        raise NotImplementedError

    def act(self):
        weights, tasks = zip(*self.tasks())
        random.choices(tasks, weights)[0]()

    def call(self, name, method, path, body=None, headers=None):
        """(status, body); after a refusal it waits for the seconds of Retry-After."""
        headers = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        status, response_headers, content = self._call(name, method, path, body, headers)
        wait_s = response_headers.get("Retry-After")
        if status in (429, 503) or (status in REFUSALS and wait_s):
            self.ended = self._pause(float(wait_s or 1))
        return status, content

    def call_until_right(self, *request):
        """For what the user's later requests need: repeated while a repetition can help, until the run ends."""
        while True:
            status, content = self.call(*request)
            if right(request[0], status) or status not in PASSING or self.ended:
                return status, content
            if status not in REFUSALS:
                self.ended = self._pause(1)

    def get(self, route, path=None):
        return self.call(f"GET {route}", "GET", path or route)

    def post(self, route, body, headers=None):
        return self.call(f"POST {route}", "POST", route, body, headers)


class Student(Person):
    role, share = "student", 0.6

    def enter(self):
        self.name, self.recommended = self.world.new_name(), []
        self.token = self.world.token(self.name, self.role)
        if self.call_until_right(*self.calculation())[0] == 200:
            self.world.students.append(self.name)
        self.adaptive()

    def body(self, **more):
        return {"student_id": self.name, **more}

    def calculation(self):
        path, key = "/api/v1/mastery/calculate", {"Idempotency-Key": uuid.uuid4().hex}
        return f"POST {path}", "POST", path, self.body(components={name: score() for name in SCORES}), key

    def calculate(self):
        self.call(*self.calculation())

    def query(self):
        self.post("/api/v1/mastery/query", self.body(include_history=random.random() < 0.2))

    def ingest(self):
        quiz = {"quiz_id": "q1", "questions_total": 10, "questions_correct": 7, "score": 0.7, "time_spent_seconds": 300}
        lesson = {"lesson_id": "l1", "duration_seconds": 240, "completion_percentage": random.randint(1, 100)}
        kind, data = random.choice([("quiz.completed", quiz), ("lesson.viewed", lesson)])
        event = {"event_id": uuid.uuid4().hex, "event_type": kind, "timestamp": now_text(), "data": data}
        self.post("/api/v1/mastery/ingest", self.body(**event))

    def cloudevents(self):
        lesson = {"lesson_id": "l1", "duration_seconds": 240, "completion_percentage": 50}
        one = {"specversion": "1.0", "source": "/load", "type": "lesson.viewed", "subject": self.name, "data": lesson}
        batch = [{**one, "id": uuid.uuid4().hex, "time": now_text()} for _ in range(random.randint(1, 5))]
        self.post("/api/v1/events", batch, {"Content-Type": "application/cloudevents-batch+json"})

    def statement(self):
        statement = {
            "actor": {"account": {"homePage": "https://learn.example.org", "name": self.name}},
            "verb": {"id": "http://adlnet.gov/expapi/verbs/passed"},
            "object": {
                "id": "https://learn.example.org/quiz/1",
                "definition": {"type": "http://adlnet.gov/expapi/activities/assessment"},
            },
            "result": {"score": {"scaled": score()}},
        }
        version = {"X-Experience-API-Version": "1.0.3"}
        self.get("/api/v1/xapi/about")
        self.post("/api/v1/xapi/statements", statement, version)
        path = f"/api/v1/xapi/statements?statementId={uuid.uuid4()}"
        self.call("PUT /api/v1/xapi/statements", "PUT", path, statement, version)

    def history(self):
        self.get("/api/v1/mastery/history/{student_id}", f"/api/v1/mastery/history/{self.name}?days=14")

    def statistics(self):
        self.get("/api/v1/mastery/statistics/{student_id}", f"/api/v1/mastery/statistics/{self.name}")

    def explain(self):
        self.get("/api/v1/mastery/explain/{student_id}", f"/api/v1/mastery/explain/{self.name}")

    def topics(self):
        self.get("/api/v1/mastery/topics/{student_id}", f"/api/v1/mastery/topics/{self.name}?limit=20")

    def next_week(self):
        self.post("/api/v1/predictions/next-week", self.body())

    def trajectory(self):
        self.post("/api/v1/predictions/trajectory", self.body(days=14))

    def intervention(self):
        self.post("/api/v1/predictions/next-week/intervention", self.body(intervention_type="practice"))

    def accuracy(self):
        self.get("/api/v1/predictions/accuracy/{student_id}", f"/api/v1/predictions/accuracy/{self.name}")

    def prediction_config(self):
        self.get("/api/v1/predictions/config")
        self.post("/api/v1/predictions/config", {})

    def adaptive(self):
        status, content = self.post("/api/v1/recommendations/adaptive", self.body(limit=5))
        if status == 200 and content:
            self.recommended = [item["recommendation_id"] for item in content["recommendations"]]

    def learning_path(self):
        self.post("/api/v1/recommendations/learning-path", self.body())

    def compact(self):
        self.post("/api/v1/recommendations/compact", self.body())

    def feedback(self):
        if self.recommended:
            which = random.choice(self.recommended)
            self.post("/api/v1/recommendations/feedback", {"recommendation_id": which, "completed": True})

    def recommendation_history(self):
        self.get("/api/v1/recommendations/{student_id}/history", f"/api/v1/recommendations/{self.name}/history")

    def recommendation_config(self):
        self.get("/api/v1/recommendations/config")

    def mastery_history(self):
        self.post("/api/v1/analytics/mastery-history", self.body(days=30, aggregation="weekly"))

    def comprehensive(self):
        self.post("/api/v1/analytics/comprehensive", self.body(days=30))

    def analytics_config(self):
        self.get("/api/v1/analytics/config")

    def consents(self):
        route = "/api/v1/compliance/consent/status/{student_id}"
        self.get(route, route.replace("{student_id}", self.name))

    def consent(self):
        route = "/api/v1/compliance/consent/{student_id}"
        for name in (route, f"{route}/withdraw"):
            path = name.replace("{student_id}", self.name)
            self.call(f"POST {name}", "POST", path, {"consent_type": "research", "granted": name == route})

    def export(self):
        route = "/api/v1/compliance/export/{student_id}"
        self.get(route, route.replace("{student_id}", self.name))

    def tasks(self):
        return [
            (12, self.query), (2, self.calculate), (22, self.ingest), (3, self.cloudevents), (11, self.statement), (5, self.history),
            (2, self.statistics), (1, self.explain), (2.5, self.topics), (4, self.next_week), (3, self.trajectory), (2, self.intervention),
            (2, self.accuracy), (1, self.prediction_config), (4, self.adaptive), (2, self.learning_path),
            (6, self.compact), (3, self.feedback), (3, self.recommendation_history), (1, self.recommendation_config),
            (6, self.mastery_history), (5, self.comprehensive), (1, self.analytics_config), (1.5, self.consents),
            (0.8, self.consent), (0.5, self.export),
        ]  # fmt: skip


class Teacher(Person):
    role, share = "teacher", 0.14

    def enter(self):
        """Makes a class of some of the students."""
        self.cohort = f"{self.name}_class"
        self.students = self.world.some_students(25)
        body = {"name": "Load", "teacher_ids": [self.name], "student_ids": self.students}
        self.token = self.world.admin_token()
        self.world.cohorts[self.cohort] = True
        self.call_until_right("PUT /api/v1/cohorts/{cohort_id}", "PUT", f"/api/v1/cohorts/{self.cohort}", body)

    def one(self, **more):
        return {"student_id": random.choice(self.students), **more}

    def query(self):
        self.post("/api/v1/mastery/query", self.one())

    def history(self):
        student = random.choice(self.students)
        self.get("/api/v1/mastery/history/{student_id}", f"/api/v1/mastery/history/{student}?days=30")

    def mastery_history(self):
        self.post("/api/v1/analytics/mastery-history", self.one(days=90, aggregation="monthly"))

    def comprehensive(self):
        self.post("/api/v1/analytics/comprehensive", self.one(days=90))

    def next_week(self):
        self.post("/api/v1/predictions/next-week", self.one())

    def compare_students(self):
        if len(self.students) > 1:
            some = random.sample(self.students, min(5, len(self.students)))
            self.post("/api/v1/analytics/compare/students", {"student_ids": some, "metric": "mastery_score"})

    def compare(self):
        self.post("/api/v1/analytics/compare", self.one(cohort_id=self.cohort, metric="by_component"))

    def my_class(self):
        self.get("/api/v1/cohorts/{cohort_id}", f"/api/v1/cohorts/{self.cohort}")

    def overview(self):
        self.get("/api/v1/cohorts/{cohort_id}/overview", f"/api/v1/cohorts/{self.cohort}/overview")

    def classes(self):
        self.get("/api/v1/cohorts")

    def tasks(self):
        return [
            (28, self.query), (6, self.history), (16, self.mastery_history), (16, self.comprehensive),
            (6, self.next_week), (12, self.compare_students), (8, self.compare), (4, self.my_class), (4, self.overview),
            (4, self.classes),
        ]  # fmt: skip


class Service(Person):
    """Other services of the platform, which send intents."""

    role, share = "admin", 0.1

    def payload(self, **more):
        return {"student_id": random.choice(self.world.students), **more}

    def process(self):
        intent, more = random.choice(
            [
                ("mastery_calculation", {"components": SCORES}),
                ("get_prediction", {}),
                ("generate_path", {}),
                ("analytics_query", {"query_type": "history", "days": 7}),
            ]
        )
        self.post("/api/v1/process", {"intent": intent, "payload": self.payload(**more)})

    def mastery(self):
        self.post("/api/v1/process/mastery", self.payload(components=SCORES))

    def prediction(self):
        self.post("/api/v1/process/prediction", self.payload())

    def path(self):
        self.post("/api/v1/process/path", self.payload())

    def tasks(self):
        return [(40, self.process), (20, self.mastery), (20, self.prediction), (20, self.path)]


class Admin(Person):
    role, share = "admin", 0.06

    def enter(self):
        self.batches = []

    def calculate(self):
        student = random.choice(self.world.students)
        self.post("/api/v1/mastery/calculate", {"student_id": student, "components": SCORES})

    def query(self):
        self.post("/api/v1/mastery/query", {"student_id": random.choice(self.world.students)})

    def classes(self):
        """A class that is made, read and deleted."""
        route, cohort = "/api/v1/cohorts/{cohort_id}", f"{self.name}_{uuid.uuid4().hex[:6]}"
        self.world.cohorts[cohort] = True
        body = {"name": "Load", "teacher_ids": [], "student_ids": self.world.some_students(5)}
        path = f"/api/v1/cohorts/{cohort}"
        if self.call_until_right(f"PUT {route}", "PUT", path, body)[0] not in (200, 201):
            return
        self.get(route, path)
        if self.call(f"DELETE {route}", "DELETE", path)[0] in (200, 204, 404):
            self.world.cohorts.pop(cohort, None)

    def compare_cohorts(self):
        some = self.world.some_students(20)
        if len(some) >= 4:
            half = len(some) // 2
            body = {"cohort_a_student_ids": some[:half], "cohort_b_student_ids": some[half:]}
            self.post("/api/v1/analytics/compare/cohorts", body)

    def batch(self):
        status, content = self.post("/api/v1/batch/mastery", {"student_ids": self.world.some_students(20), "priority": "low"})
        if status == 202 and content:
            self.batches.append(content["batch_id"])

    def of_a_batch(self, end, query=""):
        if self.batches:
            route = "/api/v1/batch/mastery/{batch_id}" + end
            self.get(route, route.replace("{batch_id}", random.choice(self.batches)) + query)

    def batch_status(self):
        self.of_a_batch("")

    def batch_results(self):
        self.of_a_batch("/results", "?limit=10")

    def cancel(self):
        """A batch that has ended cannot be cancelled: 409 is right as well."""
        if self.batches:
            path = f"/api/v1/batch/mastery/{self.batches[-1]}"
            self.call("DELETE /api/v1/batch/mastery/{batch_id}", "DELETE", path)

    def audit_log(self):
        self.get("/api/v1/compliance/audit/logs", "/api/v1/compliance/audit/logs?limit=20")

    def erase(self):
        """Erases a student that it has just made."""
        student = self.world.new_name()
        status, _ = self.post("/api/v1/mastery/calculate", {"student_id": student, "components": SCORES})
        if status == 200:
            route = "/api/v1/compliance/student/{student_id}"
            path = route.replace("{student_id}", student)
            if self.call(f"DELETE {route}", "DELETE", path)[0] == 200:
                self.world.names.pop(student, None)

    def tasks(self):
        return [
            (8, self.calculate), (28, self.query), (2, self.classes), (8, self.compare_cohorts), (3, self.batch),
            (8, self.batch_status), (6, self.batch_results), (1, self.cancel), (3, self.audit_log), (2, self.erase),
        ]  # fmt: skip


class Probe(Person):
    """Probes, monitoring, developers."""

    role, share = "admin", 0.1

    def tasks(self):
        open_routes = [(20, "/health"), (20, "/ready"), (10, "/"), (8, "/openapi.json"), (20, "/api/v1/process/health")]
        if self.world.metrics:
            open_routes += [(12, "/metrics"), (10, "/metrics/detailed")]
        return [(weight, lambda route=route: self.get(route)) for weight, route in open_routes]


KINDS = [Student, Teacher, Service, Admin, Probe]
# Statuses other than 2xx that are right.
RIGHT = {"DELETE /api/v1/batch/mastery/{batch_id}": (409,)}


def right(name, status):
    return 200 <= status < 300 or status in RIGHT.get(name, ())


def kinds_of(users):
    """The kind of each of so many users, by shares: students first, because the others need some."""
    counts = {kind: max(1, round(kind.share * users)) for kind in KINDS[1:]}
    students = max(1, users - sum(counts.values()))
    return [Student] * students + [kind for kind, n in counts.items() for _ in range(n)]
