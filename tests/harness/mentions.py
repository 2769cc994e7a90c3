# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds an id in the raw store, wherever it may hide."""
import base64
import binascii
import contextlib
import functools
import gzip
import re
import zlib

from harness.packed import decompress

CHUNK = 500  # keys read in one round trip

READ = {  # the command that reads a key of the type, and the texts in its reply
    b"string": ("get", lambda value: [value or b""]),
    b"hash": ("hgetall", lambda fields: [text for pair in fields.items() for text in pair]),
    b"set": ("smembers", list),
    b"zset": ("zrange", list),
    b"stream": ("xrange", lambda entries: [text for _, fields in entries for pair in fields.items() for text in pair]),
}
ARGUMENTS = {"zrange": (0, -1)}


def in_one_round_trip(store, calls):
    pipeline = store.pipeline(transaction=False)
    for name, *arguments in calls:
        getattr(pipeline, name)(*arguments)
    return pipeline.execute()


def pieces(store):
    """(key, bytes) of all that is in Redis: names of keys, fields, values, members, entries; and
    what Redis would write to a file, which may hold more than it shows."""
    store.config_set("rdbcompression", "no")
    keys = list(store.scan_iter("*", count=CHUNK))
    for at in range(0, len(keys), CHUNK):
        chunk = keys[at : at + CHUNK]
        kinds = in_one_round_trip(store, [("type", key) for key in chunk])
        # b"none": deleted since the scan, such as counts that have been folded
        known = [(key, *READ[kind]) for key, kind in zip(chunk, kinds) if kind != b"none"]
        replies = in_one_round_trip(store, [(name, key, *ARGUMENTS.get(name, ())) for key, name, _ in known])
        dumps = in_one_round_trip(store, [("dump", key) for key, _, _ in known])
        for (key, _, texts), reply, dump in zip(known, replies, dumps):
            yield from ((key, text) for text in (key, dump or b"", *texts(reply)))


def is_word(text, word):
    """Whether word stands in text, not as a part of a longer id."""
    at = text.find(word)
    part = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
    while at >= 0:
        before, after = text[at - 1 : at], text[at + len(word) : at + len(word) + 1]
        if (at == 0 or before not in part) and (not after or after not in part):
            return True
        at = text.find(word, at + 1)
    return False


@functools.lru_cache(maxsize=100_000)
def decoded(text):
    """The text, and what base64 and compression in it hide, however often they were used."""
    texts = [text]
    for found in re.findall(rb"[A-Za-z0-9+/_-]{16,}={0,2}", text):
        for start in range(4):  # a text before it may have letters of base64 at its end
            part = found[start:]
            for altchars in (b"+/", b"-_"):
                with contextlib.suppress(binascii.Error, ValueError):
                    plain = base64.b64decode(part[: len(part) // 4 * 4], altchars)
                    if b'"' in plain or plain[:2] == b"\x1f\x8b":
                        texts += decoded(plain)
    if text[:1] == b"\x01" and len(text) > 4:  # as a packed event begins
        with contextlib.suppress(AssertionError):
            texts += decoded(decompress(text[4:]))
    for magic, unpack in ((b"\x1f\x8b", gzip.decompress), (b"x\x9c", zlib.decompress)):
        if magic in text:
            with contextlib.suppress(OSError, EOFError, zlib.error):
                texts += decoded(unpack(text[text.index(magic) :]))
    return texts


def mentioning(store, student):
    """The keys that hold the id in any place."""
    word = student.encode()
    return {
        key.decode()
        for key, piece in pieces(store)
        if any(is_word(text, word) for text in decoded(piece))
    }
