# SPDX-License-Identifier: GPL-3.0-or-later
"""How a check ends: it returns the evidence of a box that is ticked, or raises one of these with it."""


class Failed(Exception):
    """The box does not hold, or its check is not possible although it should be."""


class NotFound(Failed):
    """The object that a check looks at does not exist."""


class ForPerson(Exception):
    """A program cannot see it from here; the evidence is what a person is to look at."""


def judge(holds, evidence):
    if not holds:
        raise Failed(evidence)
    return evidence


def same_commit(one, other):
    """As far as the shorter of the two abbreviations reaches."""
    return min(len(one), len(other)) >= 7 and (one.startswith(other) or other.startswith(one))


def joined(mapping, between=" "):
    """{"a": 1, "b": 2} as "a 1, b 2"."""
    return ", ".join(f"{name}{between}{value}" for name, value in mapping.items())
