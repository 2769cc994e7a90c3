# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON values with one place changed, and JSON texts that json.dumps cannot write."""
import json

ID_MAX, DEPTH_MAX = 128, 32


class Raw(str):
    """A JSON text that is written as it stands."""


class Pairs(list):
    """The members of an object, in order; a name may occur twice."""


TEXTS = [
    "", " ", "a", "-", "_", ".", "..", "../../etc/passwd", "%00", "a b", "a/b", "a:b", "@a", "auth0|a", "a+b@example.org", "QQ==", "a\r\nX-Odd: 1",
    "a" * ID_MAX, "a" * (ID_MAX + 1), "a" * 1001, "ä" * 600, "\U0001d4b3" * 65, "e\u0301" * 64,
    "\u0000", "\u202e", "\ud800", "\udc00\ud800", "\ufeff", "\ufdd0", "<script>alert(1)</script>",
    "null", "NaN", "0", "1", "1e999", "{{7*7}}", "${jndi:x}", "' OR 1=1 --", "*", "\\", '"',
    "2026-02-30", "0000-00-00", "9999-12-31", "2024-02-29T23:59:60Z", "1970-01-01T00:00:00Z",
    "2026-01-01T00:00:00.1234567890+23:59", "P1Y2M3DT4H5M6.7S", "PT99999999999999999999S",
]  # fmt: skip
NUMBERS = [
    0, 1, -1, 2, 0.5, 1.0, 1.0000001, -0.0000001, 99, 1000, 1001, 2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1,
    2**63, 2**64, -(2**63) - 1, 1e308, -1e308, 5e-324,
    *map(Raw, ["-0", "1E+2", "1e400", "01", "1.", "+1", ".5", "NaN", "-Infinity", "0x10", "1_0"]),
    Raw("1" * 400), Raw("0." + "0" * 400 + "1"), Raw("1e-999999999"),
]  # fmt: skip


def odd(rng):
    kind = rng.randrange(8)
    if kind < 3:
        return rng.choice(TEXTS)
    if kind < 6:
        return rng.choice(NUMBERS)
    if kind == 6:
        return rng.choice([None, True, False, [], Pairs(), [None], [[]], Pairs([("", None)])])
    return nested(rng, rng.choice(NUMBERS))


def nested(rng, value):
    """Within so many arrays or objects, near the limit of levels or far beyond."""
    for _ in range(rng.choice([1, 2, DEPTH_MAX - 2, DEPTH_MAX - 1, DEPTH_MAX, 100])):
        value = [value] if rng.random() < 0.5 else Pairs([("a", value)])
    return value


def without_one(rng, value):
    """A container without one of its members, a text or number that is near."""
    if isinstance(value, list) and value:
        at = rng.randrange(len(value))
        return type(value)(value[:at] + value[at + 1 :])
    if isinstance(value, str) and value and not isinstance(value, Raw):
        return value[:-1]
    return value - 1 if isinstance(value, (int, float)) else odd(rng)


def with_one_more(rng, value):
    """A container in which a member occurs twice, or which has an unknown one."""
    if isinstance(value, Pairs):
        one = rng.choice(value) if value and rng.random() < 0.5 else (rng.choice(TEXTS), odd(rng))
        at = rng.randrange(len(value) + 1)
        return Pairs(value[:at] + [one] + value[at:])
    if isinstance(value, list):
        return value * rng.choice([2, 3, 300]) if value else [odd(rng)]
    if isinstance(value, str) and not isinstance(value, Raw):
        return value + rng.choice(TEXTS)
    return value + 1 if isinstance(value, (int, float)) else odd(rng)


def of_another_type(rng, value):
    text = to_text(value)
    return rng.choice([text, [value], Pairs([("value", value)]), len(text), Raw(text + "0")])


def another(rng, _):
    return odd(rng)


CHANGES = [another, another, without_one, with_one_more, of_another_type, nested]


def pairs_of(value):
    """The same value with Pairs in place of each dict."""
    if isinstance(value, dict):
        return Pairs((name, pairs_of(member)) for name, member in value.items())
    return [pairs_of(member) for member in value] if isinstance(value, list) else value


def places(value, path=()):
    """The path of each value within a value: positions in lists and Pairs."""
    yield path
    if isinstance(value, list):
        for at, member in enumerate(value):
            yield from places(member[1] if isinstance(value, Pairs) else member, (*path, at))


def changed_at(value, path, change):
    if not path:
        return change(value)
    copy, at = type(value)(value), path[0]
    if isinstance(value, Pairs):
        copy[at] = (value[at][0], changed_at(value[at][1], path[1:], change))
    else:
        copy[at] = changed_at(value[at], path[1:], change)
    return copy


def mutated(rng, value):
    """Pairs or another value, with one place changed."""
    path = rng.choice(list(places(value)))
    return changed_at(value, path, lambda old: rng.choice(CHANGES)(rng, old))


def to_text(value, ascii_only=True):
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, Pairs):
        members = (f"{to_text(n, ascii_only)}:{to_text(v, ascii_only)}" for n, v in value)
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(to_text(member, ascii_only) for member in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


def to_bytes(rng, value):
    """Characters escaped or in UTF-8; a lone surrogate is then not valid UTF-8."""
    return to_text(value, rng.random() < 0.5).encode("utf-8", "surrogatepass")


BYTES = [b"\0", b"\xff", b"\xc0\x80", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\n", b"\t", b"{", b"]", b'"', b",", b"\\u0000"]


def damaged(rng, data):
    """Cut, a byte changed, or bytes added."""
    at = rng.randrange(len(data) + 1)
    kind = rng.randrange(5)
    if kind == 0:
        return data[:at]
    if kind == 1 and at < len(data):
        return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
    if kind == 2:
        return data + rng.choice([*BYTES, b" " * 5000, data])
    return data[:at] + rng.choice(BYTES) * rng.choice([1, 1, 1, 2000]) + data[at:]
