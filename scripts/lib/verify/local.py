# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and programs of the machine on which the verification runs."""
import json
import os
import re
import subprocess
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[2]  # of the tree; there is no tree around an installed copy


def parse_json(text):
    """JSON with 60.0 as 60, which is how evidence shows it; None when the text is not JSON."""
    try:
        return json.loads(text, parse_float=lambda digits: int(n) if (n := float(digits)).is_integer() else n)
    except ValueError:
        return None


def run_program(*command, environment=None):
    """(exit status, standard output, last line of standard error); 127 when there is no such program."""
    try:
        done = subprocess.run(
            list(map(str, command)), env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
    except OSError as error:
        return 127, "", str(error)
    return done.returncode, done.stdout, (done.stderr.strip().splitlines() or [""])[-1]


def lines_of(text, expression):
    """Lines that begin with what the regular expression matches."""
    return [line for line in text.splitlines() if re.match(expression, line)]
