# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of keys in Redis (app/store/keys.h), and what tests read there directly."""
import hashlib
import json

from harness.engine import fresh_id

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


def neighbour(student):
    """Another student of the same shard, whose events are in the same journal and outbox."""
    while True:
        found = fresh_id("n")
        if shard_of(found) == shard_of(student):
            return found


def raw(redis, key):
    """What Redis would write to a file about the key, which may be more than it shows."""
    redis.config_set("rdbcompression", "no")
    return redis.execute_command("DUMP", key, NEVER_DECODE=True) or b""


def dead_letters(redis):
    return [json.loads(fields["e"]) for _, fields in redis.xrange(DEAD_LETTERS)]


def is_turned_and_published(redis):
    """Whether nothing is in any journal or outbox. The worker moves entries from the journal to the
    outbox, so that one looked at in the other order might be seen in neither."""

    def is_empty(pattern):
        return all(redis.xlen(key) == 0 for key in redis.scan_iter(pattern, count=1000))

    return is_empty("*:journal") and is_empty("*:outbox")
