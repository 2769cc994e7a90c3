# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit log as it lies in Redis, and an independent check of its seals."""
import hashlib
import hmac
import json

from harness.ctl import run_ctl
from harness.store import student_key, tagged
from harness.wait import wait_for

FIELDS = "artowscdn"
SEAL_FIELDS = "qpbflnkmh"


def log_key(student):
    return tagged(student, "audit")


def pseudonym(redis, student):
    return redis.get(student_key(student, ":pseudonym"))


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


def wait_records(redis, number=1, **wanted):
    def enough():
        found = records(redis, **wanted)
        return found if len(found) >= number else None

    return wait_for(enough, f"{number} records with {wanted}")


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


def ctl_audit(pool, *arguments, **settings):
    """mastery-ctl audit with the settings of the pool and these."""
    return run_ctl({**pool.environment, **settings}, "audit", *arguments)


def unstored(log_text, key):
    """The events that are in the log of a process because Redis did not accept them. Their chain is
    checked: each line has the number and the MAC that it must have after the one before it."""
    found, chains = [], {}
    for line in log_text.splitlines():
        if '"event":"audit.unstored"' not in line:
            continue
        signed, _, tail = line.rpartition(',"mac":"')
        value = json.loads(line)
        number, previous = chains.get(value["pid"], (0, ""))
        expected = hmac.new(key.encode(), signed.encode(), hashlib.sha256).hexdigest()
        assert tail == expected + '"}', line
        assert (value["number"], value["previous"]) == (number + 1, previous), line
        chains[value["pid"]] = value["number"], value["mac"]
        found.append(value)
    return found


def recorded(redis, but=None):
    """How many events are in Redis, as records or counts, of all shards but one."""
    total = 0
    for key in redis.scan_iter("{??}:audit", count=1000, _type="stream"):
        if key[1:3] != but:
            total += sum(int(fields["n"]) for _, fields in redis.xrange(key))
    for key in redis.scan_iter("{??}:audit:reads", count=1000, _type="hash"):
        if key[1:3] != but:
            total += sum(int(value.split()[0]) for value in redis.hvals(key))
    return total
