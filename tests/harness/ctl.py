# SPDX-License-Identifier: GPL-3.0-or-later
"""mastery-ctl, run to its end."""
import subprocess

from harness.binaries import bin_dir
from harness.redis_kinds import trust

LIMIT_S = 300  # an audit log or a large export is read whole


def run_ctl(environment, *arguments, text=""):
    """The finished process, with its output as text. text: its standard input."""
    return subprocess.run(
        [str(bin_dir() / "mastery-ctl"), *map(str, arguments)],
        env={**trust(), **{name: str(value) for name, value in environment.items()}},
        input=text,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
