# SPDX-License-Identifier: GPL-3.0-or-later
"""The packed records of a student (app/store/student_days.h, student_marks.h, event_pack.h), read without the engine."""
import ctypes
import functools
import hashlib
import json
import re
from datetime import date, timedelta

from harness.binaries import ROOT
from harness.store import student_key

MAGIC = b"\x28\xb5\x2f\xfd"  # a zstd frame is stored without it
EVENT_TEXT_MAX = 1 << 20
EPOCH = date(1970, 1, 1)
MARK_HEADER = 11
NO_STUDENT = 255


@functools.cache
def dictionary(name):
    source = (ROOT / f"app/base/dictionary_{name}.c").read_text()
    return bytes(map(int, re.findall(r"\d+", re.search(r"bytes\[\] = \{(.*?)\};", source, re.DOTALL)[1])))


@functools.cache
def zstd():
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_createDCtx.restype = ctypes.c_void_p
    library.ZSTD_createCCtx.restype = ctypes.c_void_p
    library.ZSTD_decompress_usingDict.restype = ctypes.c_size_t
    library.ZSTD_compress_usingDict.restype = ctypes.c_size_t
    return library


def decompress(text, name="events"):
    """With a context of its own: several threads may do it at the same time."""
    context = ctypes.c_void_p(zstd().ZSTD_createDCtx())
    out, frame, known = ctypes.create_string_buffer(EVENT_TEXT_MAX), MAGIC + text, dictionary(name)
    n = zstd().ZSTD_decompress_usingDict(
        context, out, ctypes.c_size_t(len(out)), frame, ctypes.c_size_t(len(frame)), known, ctypes.c_size_t(len(known))
    )
    zstd().ZSTD_freeDCtx(context)
    assert n <= len(out), "no zstd frame"
    return out.raw[:n]


def unpack_event(text, student):
    """The JSON text of a packed event."""
    assert text[0] == 1
    body, at = decompress(text[4:]), text[3]
    return body if at == NO_STUDENT else body[:at] + f'"student_id":"{student}",'.encode() + body[at:]


def with_bytes(redis):
    """A client of the same server that does not decode replies."""
    if hasattr(redis, "with_bytes"):  # of a cluster
        return redis.with_bytes
    if not redis.connection_pool.connection_kwargs.get("decode_responses"):
        return redis
    kwargs = {**redis.connection_pool.connection_kwargs, "decode_responses": False}
    pool = type(redis.connection_pool)(connection_class=redis.connection_pool.connection_class, **kwargs)
    return type(redis)(connection_pool=pool)


def event_texts(redis, student):
    """The JSON texts of the events in the student's stream, in order."""
    entries = with_bytes(redis).xrange(student_key(student, ":events"))
    return [(unpack_event(f[b"z"], student) if b"z" in f else f[b"e"]).decode() for _, f in entries]


def events(redis, student):
    return [json.loads(text) for text in event_texts(redis, student)]


def marks(redis, student):
    """{first 8 bytes of the digest of the event's id: (day, mark)}."""
    found = {}
    for bucket in with_bytes(redis).hvals(student_key(student, ":counted")):
        at = 0
        while at < len(bucket):
            day, size = int.from_bytes(bucket[at + 8 : at + 10], "little"), bucket[at + 10]
            assert bucket[at : at + 8] not in found
            found[bucket[at : at + 8]] = (day, bucket[at + MARK_HEADER : at + MARK_HEADER + size])
            at += MARK_HEADER + size
    return found


def mark_of(event_id):
    return hashlib.sha256(event_id.encode()).digest()[:8]


def mark_record(event_id, day, mark=b""):
    """A record, and the name of its bucket."""
    digest = mark_of(event_id)
    return digest[0] % 16, digest + day.to_bytes(2, "little") + bytes([len(mark)]) + mark


def day_records(redis, student):
    """{date: record} of the closed days, the newest first."""
    text, found = with_bytes(redis).get(student_key(student, ":days")) or b"", {}
    while text:
        n = 3 + text[2]
        found[EPOCH + timedelta(days=int.from_bytes(text[:2], "big"))] = text[:n]
        text = text[n:]
    assert list(found) == sorted(found, reverse=True)
    return found


def set_days(redis, student, records):
    """Replaces the closed days by these records; the expiry stays."""
    key = student_key(student, ":days")
    if records:
        with_bytes(redis).set(key, b"".join(records), keepttl=True)
    else:
        redis.delete(key)
