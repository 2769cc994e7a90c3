# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of examples/, and what those in Python and JavaScript print for the demo class."""
import os
import subprocess

from harness.engine import ROOT
from harness.wait import LIMIT_S

EXAMPLES = ROOT / "examples"
LANGUAGES = {"curl": (".sh", "sh"), "python": (".py", "/usr/bin/python3"), "javascript": (".js", "node")}
STUDENTS = r"(?:student-\d+: .+\n){3}"
# In the order of the map; each a regular expression.
PRINTED = {
    "sign_in": r"demo-class: Demo class\n(?:.+\n)*",
    "send_events": r"accepted example-quiz\naccepted example-exercise\n",
    "mastery": r"mastery 0\.\d\d [a-z]+\n(?:(?:completion|quiz|quality|consistency) \d\.\d\d\n){4}",
    "next_week": r"next week \d\.\d\d, between \d\.\d\d and \d\.\d\d\n",
    "recommendations": r"(?:(?:low|medium|high), [a-z:]+: .+\n)+",
    "overview": rf"Demo class: \d+ students\n{STUDENTS}",
    "import_csv": r"accepted 3 results\n",
    "xapi": r"recorded [0-9a-f-]{36}\n",
    "cloudevent": r"accepted\n",
}
TASKS = tuple(PRINTED)


def run_example(engine, language, task, folder=EXAMPLES, **environment):
    """As the map says, with the file of values sourced; `folder` has the examples."""
    suffix, program = LANGUAGES[language]
    names = ("BASE_URL", "STUDENT_TOKEN", "TEACHER_TOKEN")
    values = {name: engine.values[name] for name in names}
    return subprocess.run(
        [program, folder / language / f"{task}{suffix}"],
        env={**os.environ, **values, **environment},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
