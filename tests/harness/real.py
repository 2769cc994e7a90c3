# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of tests/real."""
import subprocess
from pathlib import Path


def built(folder):
    """Has the folder's script install or build what its tests need; where that is, its last line."""
    done = subprocess.run([Path(folder) / "build"], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()[-1]
