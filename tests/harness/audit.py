# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit log as it lies in Redis, and an independent check of its segments and seals."""
import ast
import ctypes
import functools
import hashlib
import hmac
import json
import pathlib
import re

from harness.ctl import run_ctl
from harness.packed import MAGIC, zstd
from harness.store import student_key, tagged
from harness.wait import wait_for

FIELDS = "artowscdn"
SEAL_FIELDS = "qpbflnkmh"
SEGMENT_FIELDS = "nwcartosd"  # the columns of a segment after ids and times
ROOT = pathlib.Path(__file__).resolve().parents[2]


def log_key(student):
    """The records of the open segment of the student's shard."""
    return tagged(student, "audit:open")


def schema_1_key(student):
    """The records of the student's shard in the forms of schema 1."""
    return tagged(student, "audit")


def pseudonym(redis, student):
    return redis.get(student_key(student, ":pseudonym"))


# ---- segments ----


@functools.cache
def dictionary():
    """The dictionary in app/base/dictionary_audit.c."""
    text = (ROOT / "app/base/dictionary_audit.c").read_text()
    [literals] = re.findall(r"dictionary_audit = STR_INIT\((.*?)\);", text, re.DOTALL)
    return "".join(ast.literal_eval(literal) for literal in re.findall(r'"(?:[^"\\]|\\.)*"', literals)).encode()


def _by_dictionary(function, context, data, room, *level):
    out = ctypes.create_string_buffer(room)
    size = function(
        ctypes.c_void_p(context), out, ctypes.c_size_t(room), data, ctypes.c_size_t(len(data)),
        dictionary(), ctypes.c_size_t(len(dictionary())), *level,
    )  # fmt: skip
    assert size <= room, "zstd failed"
    return out.raw[:size]


def decompress(packed):
    context = zstd().ZSTD_createDCtx()
    try:
        return _by_dictionary(zstd().ZSTD_decompress_usingDict, context, MAGIC + packed, 1 << 22)
    finally:
        zstd().ZSTD_freeDCtx(ctypes.c_void_p(context))


def compress(text):
    context = zstd().ZSTD_createCCtx()
    try:
        return _by_dictionary(zstd().ZSTD_compress_usingDict, context, text, len(text) + 4096, 9).removeprefix(MAGIC)
    finally:
        zstd().ZSTD_freeCCtx(ctypes.c_void_p(context))


def stored_segments(redis, key):
    """The entries of {ss}:audit:segments: (id, fields), all but the ids as bytes."""
    script = "return redis.call('XRANGE', KEYS[1], '-', '+')"  # the client decodes the reply of XRANGE
    found = redis.execute_command("EVAL", script, 1, key, NEVER_DECODE=True)
    return [
        (entry_id.decode(), dict(zip((name.decode() for name in fields[::2]), fields[1::2], strict=True)))
        for entry_id, fields in found
    ]


def _number(value):
    """A number in the bytes of a segment: seven bits a byte, the lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _signed(value):
    return _number(2 * value if value >= 0 else -2 * value - 1)


def _subject(name):
    """(form, bytes) of a pseudonym."""
    if re.fullmatch(r"[0-9a-f]{16}|[0-9a-f]{32}", name):
        return len(name), bytes.fromhex(name)
    return 2 * len(name) + 1, name.encode()


def _split_id(entry_id):
    ms, number = entry_id.split("-")
    return int(ms), int(number)


def _columns(lines, count):
    return [lines[7 + c * count : 7 + (c + 1) * count] for c in range(2 + len(SEGMENT_FIELDS))]


def pack_segment(text):
    """The field z of the segment with this text, by docs/audit.md."""
    lines = text.split("\n")
    shard, number, previous, before, key_id, count, _ = lines[:7]
    times, spans, n, w, c, a, *kinds = _columns(lines, int(count))
    steps = [(int(part[0]), int(part[1]) if len(part) > 1 else 0) for part in (time.split("-") for time in times)]
    out = bytearray(bytes.fromhex(shard) + _number(int(number)) + bytes.fromhex(key_id))
    if previous:
        before_ms, before_number = _split_id(before)
        out += bytes.fromhex(previous) + _number(steps[0][0] - before_ms) + _number(before_number)
    for step in steps[1:]:
        out += _number(step[0])
    for step, earlier in zip(steps[1:], steps):
        out += _signed(step[1] - earlier[1] - 1)
    for value, span in zip(n, spans):
        out += _number(2 * int(value) + (span != ""))
    for value, span in zip(n, spans):
        out += _number(int(span)) if span and value != "1" else b""
    subjects, found = [], []
    for name in w:
        out += _number(0 if not name else subjects.index(name) + 2 if name in subjects else 1)
        subjects += [name] if name and name not in subjects else []
    for kind in zip(*kinds, a):
        out += _number(found.index(kind) + 1 if kind in found else 0)
        found += [] if kind in found else [kind]
    forms = [_subject(name) for name in subjects]
    out += b"".join(_number(form) for form, _ in forms) + b"".join(raw for _, raw in forms)
    texts = [*(value for kind in found for value in kind), *(text for text, span in zip(c, spans) if span == "")]
    return compress(bytes(out) + "".join(f"{value}\n" for value in texts).encode())


class _Bytes:
    def __init__(self, data):
        self.data = data

    def take(self, n):
        assert len(self.data) >= n
        taken, self.data = self.data[:n], self.data[n:]
        return taken

    def number(self):
        value, shift = 0, 0
        while True:
            [byte] = self.take(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def numbers(self, n):
        return [self.number() for _ in range(n)]

    def line(self):
        line, _, self.data = self.data.partition(b"\n")
        return line.decode()


def segment_text(entry_id, fields):
    """The text of a segment, of which its head is the HMAC."""
    data, count = _Bytes(decompress(fields["z"])), int(fields["n"])
    shard, number, key_id, previous = data.take(1).hex(), data.number(), "", ""
    key_id = data.take(2).hex()
    since, before_number = 0, 0
    if number > 1:
        previous, since, before_number = data.take(16).hex(), data.number(), data.number()
    steps = data.numbers(count - 1)
    rises = [(value >> 1 if value % 2 == 0 else -(value + 1 >> 1)) + 1 for value in data.numbers(count - 1)]
    counts = data.numbers(count)
    spans = ["" if value % 2 == 0 else str(data.number()) if value >> 1 != 1 else "0" for value in counts]
    subject_codes, kind_codes = data.numbers(count), data.numbers(count)
    forms = data.numbers(subject_codes.count(1))
    names = [data.take(form // 2) for form in forms]
    subjects = [name.decode() if form % 2 else name.hex() for form, name in zip(forms, names)]
    kinds = [[data.line() for _ in range(6)] for _ in range(kind_codes.count(0))]
    requests = [data.line() if span == "" else "" for span in spans]
    assert not data.data
    last_ms, last_number = _split_id(entry_id)
    first_ms, numbers = last_ms - sum(steps), [last_number - sum(rises)]
    for rise in rises:
        numbers.append(numbers[-1] + rise)
    before = f"{first_ms - since}-{before_number}" if number > 1 else ""
    times = [f"{step}-{n}" if n else str(step) for step, n in zip([first_ms, *steps], numbers)]
    names, new = [], iter(subjects)
    for code in subject_codes:
        names.append("" if code == 0 else next(new) if code == 1 else subjects[code - 2])
    found, new = [], iter(kinds)
    for code in kind_codes:
        found.append(next(new) if code == 0 else kinds[code - 1])
    *columns, actors = [list(column) for column in zip(*found)]
    lines = [shard, number, previous, before, key_id, count, fields["c"].decode(), *times, *spans]
    lines += [value >> 1 for value in counts] + names + requests + actors + [value for column in columns for value in column]
    return "".join(f"{line}\n" for line in lines)


class Segment:
    """A segment as it is described in docs/audit.md."""

    def __init__(self, entry_id, fields):
        self.id, self.text = entry_id, segment_text(entry_id, fields)
        lines = self.text.split("\n")
        self.shard, number, self.previous, self.before, self.key_id, count, total = lines[:7]
        self.number, self.count, self.total = int(number), int(count), int(total)
        self.head = fields["h"].hex()
        columns = _columns(lines, self.count)
        assert lines[7 + (2 + len(SEGMENT_FIELDS)) * self.count :] == [""], self.text
        self.records, ms = [], 0
        for i in range(self.count):
            part, _, sequence = columns[0][i].partition("-")
            ms += int(part)
            fields = {name: columns[2 + c][i] for c, name in enumerate(SEGMENT_FIELDS)}
            if fields["a"] == "=":
                fields["a"] = f"student:{fields['w']}"
            record = {"id": f"{ms}-{sequence or 0}", "shard": self.shard, **{name: fields[name] for name in FIELDS}}
            self.records.append(record | ({"last": ms + int(columns[1][i])} if columns[1][i] else {}))


def segments(redis, shard="??"):
    found = []
    for key in sorted(redis.scan_iter(f"{{{shard}}}:audit:segments", count=1000, _type="stream")):
        found += [Segment(*entry) for entry in stored_segments(redis, key)]
    return found


def segment_head(key, text):
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]


# ---- records and counts ----


def open_records(redis):
    """The records of the open segments, and those in the forms of schema 1."""
    found = []
    for pattern in ("{??}:audit", "{??}:audit:open"):
        for key in sorted(redis.scan_iter(pattern, count=1000, _type="stream")):
            found += [{"id": entry_id, "shard": key[1:3], **fields} for entry_id, fields in redis.xrange(key)]
    return found


def records(redis, **wanted):
    """All records of all shards, as dictionaries with their id, without the counts of open segments;
    those alone that have the wanted values in the fields named by their letters."""
    found = [record for segment in segments(redis) for record in segment.records] + open_records(redis)
    return [record for record in found if all(record[name] == value for name, value in wanted.items())]


def counts(redis, **wanted):
    """The accesses that are still being counted: (time of the first in ms, fields by letter, number).
    A refusal that was recorded and not repeated has the number 0."""
    found = []
    for key in redis.scan_iter("{??}:audit:counts", count=1000, _type="hash"):
        for field, value in redis.hgetall(key).items():
            whom, *values = field.split("\n")
            fields = {**dict(zip("artosd", values)), "w": whom}
            if fields["a"] == "=":
                fields["a"] = f"student:{whom}"
            number, first, _ = value.split(" ")
            fields["c"] = ""
            if all(fields[name] == value for name, value in wanted.items()):
                found.append((int(first.split("-")[0]), fields, int(number)))
    return found


def _closed(redis):
    """How many segments there are of each shard."""
    return {key: redis.xlen(key) for key in redis.scan_iter("{??}:audit:segments", count=1000, _type="stream")}


def _undisturbed(redis, take):
    """What take() returns. It is taken again if a segment was closed meanwhile, whose accesses it may have
    met twice or not at all."""

    def undisturbed():
        before, found = _closed(redis), take()
        return (found,) if _closed(redis) == before else None

    [found] = wait_for(undisturbed, "a look at the audit log while no segment is closed")
    return found


def count_of(redis, **wanted):
    """How many accesses like these were recorded or counted."""

    def take():
        counted = sum(number for _, _, number in counts(redis, **wanted))
        return counted + sum(int(record["n"]) for record in records(redis, **wanted))

    return _undisturbed(redis, take)


def wait_count(redis, number=1, **wanted):
    wait_for(lambda: count_of(redis, **wanted) >= number, f"{number} of {wanted}")
    assert count_of(redis, **wanted) == number


def wait_records(redis, number=1, **wanted):
    def enough():
        found = records(redis, **wanted)
        return found if len(found) >= number else None

    return wait_for(enough, f"{number} records with {wanted}")


def sealed(redis):
    """Whether every record and count is in a closed segment."""
    return not open_records(redis) and not [number for _, _, number in counts(redis) if number]


def wait_sealed(redis):
    """Of workers with a small AUDIT_SEAL_S."""
    wait_for(lambda: sealed(redis), "all records in closed segments")


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

    def take():
        total = sum(int(record["n"]) for record in records(redis) if record["shard"] != but)
        for key in redis.scan_iter("{??}:audit:counts", count=1000, _type="hash"):
            if key[1:3] != but:
                total += sum(int(value.split()[0]) for value in redis.hvals(key))
        return total

    return _undisturbed(redis, take)
