# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo class of scripts/run (scripts/lib/demo.sh), for which the OpenAPI document has examples."""
import contextlib

from harness.engine import Engine
from harness.expect import assert_ok

STUDENTS = ["student-1", "student-2", "student-3"]
COHORT = {"name": "Demo class", "teacher_ids": ["teacher-1"], "student_ids": STUDENTS}


@contextlib.contextmanager
def demo_engine(**settings):
    """An engine with the class."""
    with Engine(**settings) as engine:
        make_demo_class(engine)
        yield engine


def make_demo_class(engine):
    engine.ctl("seed", "--student", ",".join(STUDENTS), "--days", 14)
    admin = engine.admin()
    assert admin.request("PUT", "/api/v1/cohorts/demo-class", json=COHORT).status in (200, 201)
    consent = {"consent_type": "research", "granted": True}
    assert_ok(admin.post("/api/v1/compliance/consent/student-1", consent))
