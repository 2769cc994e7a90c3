# SPDX-License-Identifier: GPL-3.0-or-later
"""Deterministic interleavings: one command of an operation is lost, repeated or held back.

A `Commands` sees the commands of one process on its way to Redis, one at a time. It counts those of the
operation, and at the one that a test aims at it takes an action:

before   the connection ends before Redis has the command
after    the connection ends when Redis has executed it, before its reply
repeat   Redis executes it twice, and the second reply counts
hold     it waits until the test releases it, and is executed then

The network never repeats a command. The engine does: reads after a lost connection, and scripts which
say themselves whether they have run before. `repeat` is left out where a second execution is meant to
have a second effect.
"""
import functools
import hashlib
import itertools
import os
import re
import subprocess
import threading

from harness.binaries import ROOT
from harness.packed import unpack_event
from harness.wait import LIMIT_S

# Commands of the process rather than of the operation: handshake, heartbeat and probe of a connection, the
# worker's heartbeat, and the audit log, to which a process sends its records after the response.
OF_THE_CONNECTION = {"AUTH", "SELECT", "SCRIPT", "ROLE", "TIME", "PING"}
ASIDE_KEY = re.compile(rb"schema|workers|\{\w\w\}:audit(:.*)?|.*:pseudonym")
# Each execution of these adds something.
WITHOUT_IDENTITY = {"XADD", "HINCRBY", "INCR"}


def arguments(command):
    """The texts of a command in RESP."""
    found, at = [], command.index(b"\r\n") + 2
    while at < len(command):
        end = command.index(b"\r\n", at)
        length = int(command[at + 1 : end])
        found.append(command[end + 2 : end + 2 + length])
        at = end + 2 + length + 2
    return found


@functools.cache
def script_names():
    """The name of each script by its text, and by the SHA-1 of it."""
    folder, names = ROOT / "app" / "store" / "lua", {}
    for path in folder.glob("*.lua"):
        command = [ROOT / "scripts" / "embed-lua", "--text", folder, path.stem]
        text = subprocess.run(command, check=True, capture_output=True).stdout
        names[text] = names[hashlib.sha1(text).hexdigest().encode()] = path.stem
    return names


def name_of(words):
    """The command's name in capitals, or the name of the script that it runs."""
    name = words[0].upper()
    return script_names()[words[1]] if name in (b"EVALSHA", b"EVAL") else name.decode()


def keys_of(words):
    """The keys of a script; for another command, whose first argument is its key, all arguments."""
    return words[3 : 3 + int(words[2])] if words[0].upper() in (b"EVALSHA", b"EVAL") else words[1:]


def is_of_a_request(name, keys):
    """Whether a command is not one of the process itself."""
    is_poll = name == "GET" and keys[0] == b"erasures:epoch"  # each second
    return name not in OF_THE_CONNECTION and not is_poll and not (keys and ASIDE_KEY.fullmatch(keys[0]))


class Commands:
    """belongs(name, keys): whether a command is one of the operation."""

    def __init__(self, stand_in, belongs=is_of_a_request):
        self.belongs, self.lock, self.released = belongs, threading.Lock(), threading.Event()
        self.reached = threading.Event()  # the action has been taken, or is being taken
        self.executed = threading.Event()  # so has the command that was held back
        self.aim(None, None)
        stand_in.stepper = self

    def aim(self, at, action):
        """Counts from one again, and takes the action at that command."""
        with self.lock:
            self.at, self.action, self.trace = at, action, []
        for event in (self.reached, self.released, self.executed):
            event.clear()

    def release(self):
        """Lets the command go on that is held back, if there is one, and waits until Redis has executed it."""
        self.released.set()
        if self.action == "hold" and self.reached.is_set():
            assert self.executed.wait(LIMIT_S)

    def wants(self, command):
        words = arguments(command)
        return self.belongs(name_of(words), keys_of(words))

    def step(self, command, execute):
        name = name_of(arguments(command))
        with self.lock:
            self.trace.append(name)
            action = self.action if len(self.trace) == self.at else "let_pass"
        return getattr(self, action)(name, execute)

    @staticmethod
    def let_pass(_, execute):
        return execute()

    def before(self, *_):
        self.reached.set()

    def after(self, _, execute):
        execute()
        self.reached.set()

    def repeat(self, name, execute):
        self.reached.set()
        if name not in WITHOUT_IDENTITY:
            execute()
        return execute()

    def hold(self, _, execute):
        self.reached.set()
        self.released.wait()
        reply = execute()
        self.executed.set()
        return reply


# What differs between two runs that did the same: ids, tokens, times, the shard of an id.
VARYING = re.compile(
    r"(?P<float>\d+\.\d{3,}(e-?\d+)?\b)(?!Z)"
    r"|(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z)"
    r"|(?P<uuid>[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"|(?P<entry>\b[0-9a-f]{2}-\d{10,}-\d+)"
    r"|(?P<hex>(?<![0-9A-Za-z])[0-9a-f]{16,}(?![0-9A-Za-z]))|(?P<number>\b\d{10,}(-\d+)?\b)"
    r"|(?P<shard>(?<=\{)[0-9a-f]{2}(?=\}))"
)


def plain(text, names):
    """The text without what differs between two runs. names: the subjects' ids and what stands for them."""
    for name, word in names.items():
        text = text.replace(name, word)

    def word_of(match):
        if match.lastgroup == "float" or match["float"]:
            return f"{float(match['float']):.3g}"  # evidence decays from second to second
        return next(kind for kind in ("time", "uuid", "entry", "hex", "number", "shard") if match[kind]).upper()

    return VARYING.sub(word_of, text)


def _text(value, names):
    if isinstance(value, (list, tuple)):
        return [_text(one, names) for one in value]
    if not isinstance(value, bytes):
        return value
    text = value.decode("latin-1")
    if not text.replace("\n", "").isprintable():
        return f"{len(value)} bytes"  # a packed state
    return plain(text, names)


READS = {
    b"string": lambda redis, key: redis.get(key),
    b"hash": lambda redis, key: sorted(redis.hgetall(key).items()),
    b"set": lambda redis, key: sorted(redis.smembers(key)),
    b"zset": lambda redis, key: sorted(redis.zrange(key, 0, -1)),
    b"stream": lambda redis, key: [tuple(sorted(fields.items())) for _, fields in redis.xrange(key)],
}


def snapshot(redis, names, without=()):
    """All that the store has, without the audit log, the lease of a cohort (which ends by itself), the wish to
    rewrite the file, and keys that have one of the texts in their name. A job may be in the queue twice, since
    its results are written once. redis: a client that does not decode."""
    found = []
    for key in redis.scan_iter(count=1000):
        if ASIDE_KEY.fullmatch(key) or any(text in key for text in (b":lock", b"erasures:rewrite", *without)):
            continue
        content = READS[redis.type(key)](redis, key)
        if not content:  # a stream whose entries have been removed
            continue
        if key.startswith(b"queue:{batch}"):
            content = sorted(set(content))
        if key.endswith(b":counted"):  # the buckets depend on the ids of the events
            content = b"".join(bucket for _, bucket in content)
            content = f"{len(content)} bytes of marks"
        if key.endswith(b":events"):  # the compressed size depends on the ids, too
            student = key.decode().split(":")[2]
            content = [tuple((name, unpack_event(text, student) if name == b"z" else text) for name, text in entry) for entry in content]
        found.append(f"{_text(key, names)}: {_text(content, names)}")
    return sorted(found)


def remove_all(redis):
    """What snapshot would show."""
    for key in redis.scan_iter(count=1000):
        if not ASIDE_KEY.fullmatch(key):
            redis.delete(key)


def assert_equal(found, expected, what):
    """Says where the first lines that differ do so."""
    missing = [line for line in expected if line not in found]
    more = [line for line in found if line not in expected]
    differ = [f"{what}:"]
    for a, b in itertools.zip_longest(missing, more, fillvalue=""):
        at = len(os.path.commonprefix([a, b]))
        part = slice(max(at - 40, 0), at + 200)
        differ += [f"at {at} of {(a or b)[:60]}:", f"- {a[part]}", f"+ {b[part]}"]
    assert found == expected, "\n".join(differ)
