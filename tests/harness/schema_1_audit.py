# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit log in the forms of schema 1: records under seals, and counts of a minute."""
import hashlib
import hmac

from harness.audit import FIELDS, SEAL_FIELDS
from harness.audit import schema_1_key as log_key
from harness.wait import wait_for

__all__ = ["log_key"]


def use_schema_1(redis):
    """As a store of 0.1.0 has it, before mastery-ctl migrate."""
    redis.set("schema", "1")


def records(redis, **wanted):
    """All records of all shards, as dictionaries with their id; those alone that have the wanted
    values in the fields named by their letters."""
    found = []
    for key in sorted(redis.scan_iter("{??}:audit", count=1000)):
        for entry_id, fields in redis.xrange(key):
            if all(fields[name] == value for name, value in wanted.items()):
                found.append({"id": entry_id, "shard": key[1:3], **fields})
    return found


def counts(redis, **wanted):
    """The reads that are still being counted: (minute, fields by letter, number)."""
    found = []
    for key in redis.scan_iter("{??}:audit:reads", count=1000):
        for field, value in redis.hgetall(key).items():
            whom, minute, *values = field.split("\n")
            fields = {**dict(zip("artosd", values)), "w": whom}
            if fields["a"] == "=":
                fields["a"] = f"student:{whom}"
            number, fields["c"] = value.split(" ", 1)
            if all(fields[name] == value for name, value in wanted.items()):
                found.append((int(minute), fields, int(number)))
    return found


def make_minutes_old(redis):
    """The minutes of all counts are over."""
    for key in redis.scan_iter("{??}:audit:reads", count=1000):
        for field, value in redis.hgetall(key).items():
            whom, minute, rest = field.split("\n", 2)
            redis.hdel(key, field)
            redis.hset(key, f"{whom}\n{int(minute) - 5}\n{rest}", value)


def sealed(redis):
    """Whether every record is under a seal."""
    for key in redis.scan_iter("{??}:audit", count=1000):
        [last] = redis.xrevrange(key, count=1)
        seals = redis.xrevrange(f"{key}:seals", count=1)
        if not seals or seals[0][1]["l"] != last[0]:
            return False
    return True


def wait_sealed(redis):
    wait_for(lambda: sealed(redis), "all records sealed")


def mac(key, *lines):
    text = "".join(f"{line}\n" for line in lines)
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def record_mac(key, entry_id, fields):
    assert "".join(fields) == FIELDS
    return mac(key, entry_id, *fields.values())[:32]


def seal_head(key, shard, fields):
    assert "".join(fields) == SEAL_FIELDS
    return mac(key, shard, *(fields[name] for name in SEAL_FIELDS[:-1]))
