# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a condition instead of for a time."""
import os
import time

from harness.binaries import sanitized


def within(seconds):
    """The bound of the contract, which is for release builds; three times that with sanitizers."""
    slowness = os.environ.get("MASTERY_TEST_SLOWNESS") or (3 if sanitized() else 1)
    return seconds * float(slowness)


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
