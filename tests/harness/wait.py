# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a condition instead of for a time."""
import os
import time

# Bounds of the contract are for release builds; sanitizers and valgrind make everything slower.
SLOWNESS = float(os.environ.get("MASTERY_TEST_SLOWNESS", "1"))


def within(seconds):
    """The bound to hold a release build to, stretched for slower ones."""
    return seconds * SLOWNESS


def wait_for(condition, timeout=5.0, every=0.02, what=None):
    """Calls condition until what it returns is true, and returns that; fails after timeout."""
    deadline = time.monotonic() + within(timeout)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            name = what or getattr(condition, "__name__", "condition")
            raise AssertionError(f"{name}: not within {within(timeout):g} s (last: {value!r})")
        time.sleep(every)
