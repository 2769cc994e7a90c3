# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes whose wall clock is wrong."""
import subprocess
from pathlib import Path

from harness.binaries import sanitizer_options


def build_library(folder):
    """The library that changes the clock of a process which loads it."""
    library, source = folder / "clock_ahead.so", Path(__file__).with_name("clock_ahead.c")
    command = ["cc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True)
    return library


def environment_ahead(library, seconds):
    """The environment of a process whose clock is ahead by so much, or behind if negative."""
    # ASan would otherwise refuse a library that is loaded before its own
    sanitizers = sanitizer_options(verify_asan_link_order=0)
    return {"LD_PRELOAD": str(library), "CLOCK_AHEAD_S": str(seconds), **sanitizers}
