# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a condition instead of for a time, and judging times on a machine with other load.

No test sleeps in the hope that something has happened meanwhile, or requires so much work in a fixed
time: how quick the machine is says nothing about the engine.
"""
import os
import statistics
import time

from harness.binaries import sanitized

LIMIT_S = 60  # for what happens within a second on an idle machine
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.002, 0.05
# How long other load may keep a process from running. What the promises about time exclude takes
# longer: the watchdog ends a request after 10 s, nginx gives up after 12 s, a test after LIMIT_S.
DELAY_S = 3


SLOWNESS = float(os.environ.get("MASTERY_TEST_SLOWNESS") or 1)  # of a machine, or of valgrind


def slowness():
    """How many times slower the programs are than a release build on a usual machine."""
    return SLOWNESS * (3 if sanitized() else 1)


def wait_for(condition, what, timeout=LIMIT_S):
    """Calls condition until it returns something true, and returns that; fails after the timeout.

    what: says in the failure's message what was waited for. The pauses between two calls grow with
    the time that has passed, so that a short wait ends at once and a long one costs little.
    """
    began = time.monotonic()
    limit = timeout * SLOWNESS
    while True:
        value = condition()
        if value:
            return value
        elapsed = time.monotonic() - began
        if elapsed >= limit:
            raise AssertionError(f"{what}: not within {limit:g} s (last value: {value!r})")
        time.sleep(min(LONGEST_PAUSE_S, max(SHORTEST_PAUSE_S, elapsed / 10)))


def within(seconds):
    """The longest time that one action may take whose promise is so many seconds."""
    return seconds * slowness() + DELAY_S


def assert_typical(times, seconds):
    """Half of the times, which are many, are within the promise: other load delays some, a defect
    all of them. None is beyond the longest time of one action."""
    typical = statistics.median(times)
    assert typical < seconds * slowness(), f"typically {typical:.3f} s, not {seconds} s"
    assert max(times) < within(seconds), f"{max(times):.3f} s, not {seconds} s"


def assert_stays(condition, what, seconds=0.5):
    """The condition is true now and at every look during the next so many seconds.

    For what must not happen, which no other event announces: a slow machine makes such a test weaker
    and never red."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert condition(), f"{what}: no longer"
        time.sleep(0.01)
    assert condition(), f"{what}: no longer"
