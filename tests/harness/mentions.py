# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds an id in the raw store, wherever it may hide."""
import base64
import binascii
import contextlib
import gzip
import re
import zlib


def pieces(store):
    """(key, bytes) of all that is in Redis: names of keys, fields, values, members, entries; and
    what Redis would write to a file, which may hold more than it shows."""
    store.config_set("rdbcompression", "no")
    for key in store.scan_iter("*", count=1000):
        kind = store.type(key)
        yield key, key
        yield key, store.dump(key) or b""
        if kind == b"string":
            yield key, store.get(key) or b""
        elif kind == b"hash":
            for name, value in store.hgetall(key).items():
                yield key, name
                yield key, value
        elif kind == b"set":
            for member in store.smembers(key):
                yield key, member
        elif kind == b"zset":
            for member in store.zrange(key, 0, -1):
                yield key, member
        elif kind == b"stream":
            for _, fields in store.xrange(key):
                for name, value in fields.items():
                    yield key, name
                    yield key, value
        elif kind != b"none":  # deleted since the scan, such as counts that have been folded
            raise AssertionError(f"{key} is a {kind}")


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


def decoded(text):
    """The text, and what base64 and compression in it hide, however often they were used."""
    yield text
    for found in re.findall(rb"[A-Za-z0-9+/_-]{16,}={0,2}", text):
        for start in range(4):  # a text before it may have letters of base64 at its end
            part = found[start:]
            for altchars in (b"+/", b"-_"):
                with contextlib.suppress(binascii.Error, ValueError):
                    plain = base64.b64decode(part[: len(part) // 4 * 4], altchars)
                    if b'"' in plain or plain[:2] == b"\x1f\x8b":
                        yield from decoded(plain)
    for magic, unpack in ((b"\x1f\x8b", gzip.decompress), (b"x\x9c", zlib.decompress)):
        if magic in text:
            with contextlib.suppress(OSError, EOFError, zlib.error):
                yield from decoded(unpack(text[text.index(magic) :]))


def mentioning(store, student):
    """The keys that hold the id in any place."""
    word = student.encode()
    return {
        key.decode()
        for key, piece in pieces(store)
        if any(is_word(text, word) for text in decoded(piece))
    }
