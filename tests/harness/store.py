# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of keys in Redis (app/store/keys.def), and what tests read there directly."""
import hashlib
import hmac
import json
import re
import subprocess

from harness.binaries import ROOT
from harness.engine import fresh_id

DEAD_LETTERS = "queue:{dead}"
DEAD_LETTER_KEYS = (DEAD_LETTERS, f"{DEAD_LETTERS}:letters", f"{DEAD_LETTERS}:index")


def shard_of(student):
    """The two hexadecimal digits in the tags of all keys of a student."""
    return hashlib.sha256(student.encode()).hexdigest()[:2]


def tagged(student, rest):
    """A key of the student's shard."""
    return f"{{{shard_of(student)}}}:{rest}"


def student_key(student, suffix=""):
    """A key of the student's own, in which each colon of the id is a slash."""
    return tagged(student, f"student:{student.replace(':', '/')}{suffix}")


def tombstone(student, log_key="no LOG_KEY"):
    """The key of the mark that the student was erased."""
    key = hmac.digest(log_key.encode(), b"mastery-engine key names", "sha256")
    return tagged(student, f"student:{hmac.digest(key, student.encode(), 'sha256')[:16].hex()}:erased")


def neighbour(student):
    """Another student of the same shard, whose events are in the same journal and outbox."""
    while True:
        found = fresh_id("n")
        if shard_of(found) == shard_of(student):
            return found


def students_on(cluster, server, count=3):
    """New ones whose keys are on this node of the cluster now."""
    found = []
    while len(found) < count:
        student = fresh_id()
        if cluster.master_of(tagged(student, "journal")).port == server.port:
            found.append(student)
    return found


def raw(redis, key):
    """What Redis would write to a file about the key, which may be more than it shows."""
    redis.config_set("rdbcompression", "no")
    return redis.execute_command("DUMP", key, NEVER_DECODE=True) or b""


def script(name):
    """The text of a Lua script as the engine sends it to Redis."""
    command = [ROOT / "scripts/embed-lua", "--text", ROOT / "app/store/lua", name]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def dead_letters(redis):
    """Those that are there; one may be removed while they are read."""
    ids = [one for one, _ in redis.xrange(DEAD_LETTERS)]
    return [json.loads(text) for text in redis.hmget(DEAD_LETTER_KEYS[1], ids) if text] if ids else []


def put_dead_letter(redis, event, source="dapr", reason="r"):
    """As the engine does it, with every text that could be an id as a name. Returns the letter's id."""
    letter = {"reason": reason, "source": source, "event": event, "at": "2026-01-01T00:00:00.000Z"}
    names = set(re.findall(r"(?<=[\"\\])[A-Za-z0-9_-][A-Za-z0-9._~@:|+=-]{0,127}(?=[\"\\])", json.dumps(event)))
    return redis.eval(script("dead_letter_add"), 3, *DEAD_LETTER_KEYS, source, json.dumps(letter), 10000, *names)


def put_event_job(redis, event, level="high", tries=0):
    """A learning event that `mastery-ctl dead retry` has put back: a dead letter, and a job that names
    it. Returns the job's id."""
    letter = put_dead_letter(redis, event)
    return redis.xadd(f"queue:{{batch}}:{level}", {"k": "event", "b": letter, "t": str(tries)})


def is_turned_and_published(redis):
    """Whether nothing is in any journal or outbox. The worker moves entries from the journal to the
    outbox, so that one looked at in the other order might be seen in neither."""

    def is_empty(pattern):
        return all(redis.xlen(key) == 0 for key in redis.scan_iter(pattern, count=1000))

    return is_empty("*:journal") and is_empty("*:outbox")
