# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of keys in Redis (app/store/keys.h), and what tests read there directly."""
import hashlib
import json

DEAD_LETTERS = "queue:{dead}"


def shard_of(student):
    """The two hexadecimal digits in the tags of all keys of a student."""
    return hashlib.sha256(student.encode()).hexdigest()[:2]


def tagged(student, rest):
    """A key of the student's shard."""
    return f"{{{shard_of(student)}}}:{rest}"


def student_key(student, suffix=""):
    """A key of the student's own."""
    return tagged(student, f"student:{student}{suffix}")


def dead_letters(redis):
    return [json.loads(fields["e"]) for _, fields in redis.xrange(DEAD_LETTERS)]


def is_turned_and_published(redis):
    """Whether nothing is in any journal or outbox."""
    keys = [*redis.scan_iter("*:journal", count=1000), *redis.scan_iter("*:outbox", count=1000)]
    return all(redis.xlen(key) == 0 for key in keys)
