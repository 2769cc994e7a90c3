# SPDX-License-Identifier: GPL-3.0-or-later
"""The topics that the script student_change keeps in the profile, on a real Redis: the formula is that of evidence_add
in C, the form is that of docs/data-model.md (Packed topics), and no stored text makes the script lose an event."""
import ctypes
import math
import random
import struct
import subprocess

import pytest
from harness.redis_server import RedisServer

from edge.test_lua import ROOT, text_of

KEYS = ["profile", "tombstone", "journal", "marks", "days"]
QUIZ, QUALITY = 2, 4
DAY_MS = 86_400_000
NOW = 20_700 * DAY_MS
AHEAD = 2 * 3_600_000


class Evidence(ctypes.Structure):
    _fields_ = [("sum", ctypes.c_double), ("weight", ctypes.c_double), ("at_ms", ctypes.c_int64)]


@pytest.fixture(scope="module")
def evidence_add(tmp_path_factory):
    """The function of app/domain/mastery.c."""
    library = tmp_path_factory.mktemp("domain") / "mastery.so"
    sources = [ROOT / f"app/{name}.c" for name in ("domain/mastery", "base/number", "base/clock", "base/buf", "base/arena", "base/str", "base/utf8")]
    subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-shared", "-fPIC", f"-I{ROOT}", "-o", library, *sources, "-lm"], check=True)
    function = ctypes.CDLL(str(library)).evidence_add
    function.argtypes = [ctypes.POINTER(Evidence), ctypes.c_double, ctypes.c_double, ctypes.c_int64]
    function.restype = None
    return function


@pytest.fixture(scope="module")
def store():
    with RedisServer() as server:
        yield server.client(decode=False)


@pytest.fixture(autouse=True)
def empty(store):
    store.flushall()


def packed(*topics):
    """topics: (id, components, sum, weight, time)."""
    text = b"\1"
    for name, components, *numbers in topics:
        name = name.encode()
        text += struct.pack(f"<B{len(name)}sBddd", len(name), name, components, *numbers)
    return text


def unpacked(text):
    """{id: (components, sum, weight, time)}, in the order of the text."""
    assert text[:1] == b"\1"
    topics, at = {}, 1
    while at < len(text):
        size = text[at]
        name, *rest = struct.unpack_from(f"<{size}sBddd", text, at + 1)
        assert name.decode() not in topics
        topics[name.decode()] = tuple(rest)
        at += 1 + size + 25
    return topics


def change(store, text, *observed, now=NOW):
    """The reply to one event, with these observations: (id, components, sum, weight, time)."""
    state = store.hget("profile", "s") or b""
    times, topics = ((now, now + AHEAD), packed(*observed)) if observed else (("", ""), "")
    entry = ["entry", "", "", topics]
    argv = [state, b"%d" % (int(state or 0) + 1), 1, *times, 0, 4000000000, *entry]
    return store.eval(text, len(KEYS), *KEYS, *argv)


def stored(store):
    return unpacked(store.hget("profile", "t"))


@pytest.fixture(scope="module")
def text():
    return text_of("student_change")


@pytest.mark.parametrize("seed", range(5))
def test_script_and_evidence_add_agree(store, text, evidence_add, seed):
    """Whatever the order of the times, 90 days and a student's pause included."""
    rng = random.Random(seed)
    expected = {}
    for _ in range(60):
        at = NOW - rng.choice([0, rng.randrange(90 * DAY_MS), rng.randrange(1000)])
        x, weight = rng.choice([0, 1, rng.random()]), rng.choice([0.1, 0.8, 1, 1.5, 3])
        names = rng.sample(["loops", "fractions", "a" * 128, "z"], rng.randint(1, 4))
        assert change(store, text, *[(name, QUIZ, weight * x, weight, at) for name in names]) == 1
        for name in names:
            evidence_add(expected.setdefault(name, Evidence()), x, weight, at)
    found = stored(store)
    assert set(found) == set(expected)
    for name, e in expected.items():
        _, total, weight, at = found[name]
        assert at == e.at_ms
        assert math.isclose(total, e.sum, rel_tol=1e-12, abs_tol=1e-12) and math.isclose(weight, e.weight, rel_tol=1e-12)


def test_order_does_not_matter(store, text):
    rng = random.Random(7)
    events = [("loops", QUIZ, w * rng.random(), w, NOW - rng.randrange(90 * DAY_MS)) for w in (0.1, 1, 1.5, 2, 3)]
    results = []
    for _ in range(4):
        rng.shuffle(events)
        store.flushall()
        for event in events:
            change(store, text, event)
        results.append(stored(store)["loops"])
    for result in results[1:]:
        assert result == pytest.approx(results[0], rel=1e-12)


def test_an_event_without_topics_leaves_them_and_reads_nothing_more(store, text):
    change(store, text, ("loops", QUIZ, 0.5, 1, NOW))
    before = store.hget("profile", "t")
    assert change(store, text) == 1
    assert store.hget("profile", "t") == before and store.hget("profile", "s") == b"2"
    store.flushall()
    assert change(store, text) == 1 and store.hget("profile", "t") is None


def test_components_are_the_set_of_all_observations(store, text):
    change(store, text, ("loops", QUIZ, 0.5, 1, NOW), ("strings", QUALITY, 0.5, 1, NOW))
    change(store, text, ("loops", QUALITY, 0.5, 1, NOW))
    assert {name: topic[0] for name, topic in stored(store).items()} == {"loops": QUIZ | QUALITY, "strings": QUALITY}


def test_a_topic_needs_at_most_40_bytes(store, text):
    """For ids of up to 12 bytes, whether there is one topic or 256."""
    names = [f"topic-{n:06}" for n in range(256)]
    for n in range(0, 256, 16):
        change(store, text, *[(name, QUIZ, 0.5, 1, NOW) for name in names[n : n + 16]])
        assert len(store.hget("profile", "t")) <= 40 * (n + 16)
    assert len(stored(store)) == 256
    store.flushall()
    change(store, text, ("topic-000000", QUIZ, 0.5, 1, NOW))
    assert len(store.hget("profile", "t")) <= 40


def test_the_least_recently_seen_topic_falls_out(store, text):
    for n in range(256):
        change(store, text, (f"t{n:03}", QUIZ, 0.5, 1, NOW - 256 + n))
    change(store, text, ("t000", QUIZ, 0.5, 1, NOW), ("new", QUIZ, 0.5, 1, NOW))
    assert set(stored(store)) == {f"t{n:03}" for n in range(256) if n != 1} | {"new"}
    change(store, text, ("late", QUIZ, 0.5, 1, NOW - 10_000))
    assert "late" not in stored(store) and len(stored(store)) == 256
    change(store, text, ("zebra", QUIZ, 0.5, 1, NOW - 254), ("apple", QUIZ, 0.5, 1, NOW - 254))
    assert {"t002", "zebra"}.isdisjoint(stored(store)) and "apple" in stored(store)


GOOD = packed(("loops", QUIZ, 0.5, 1, NOW))
MALFORMED = {
    "empty": b"",
    "another_version": b"\2" + GOOD[1:],
    "no_id": packed(("", QUIZ, 0.5, 1, NOW)),
    "cut_off": GOOD[:-1],
    "cut_off_in_the_id": GOOD[:4],
    "one_byte_more": GOOD + b"\5",
    "a_length_beyond_the_end": b"\1\xff" + GOOD[2:],
    "nan": packed(("loops", QUIZ, math.nan, 1, NOW)),
    "infinite": packed(("loops", QUIZ, 0.5, math.inf, NOW)),
    "enormous": packed(("loops", QUIZ, 0.5, 1e12, NOW)),
    "no_weight": packed(("loops", QUIZ, 0, 0, NOW)),
    "negative": packed(("loops", QUIZ, -0.5, 1, NOW)),
    "more_than_its_weight": packed(("loops", QUIZ, 1.1, 1, NOW)),
    "no_time": packed(("loops", QUIZ, 0.5, 1, math.nan)),
    "an_endless_time": packed(("loops", QUIZ, 0.5, 1, -math.inf)),
    "text": b"\1" + b"what is this?" * 40,
    "one_bad_topic_of_two": GOOD + packed(("x", QUIZ, 2, 1, NOW))[1:],
}


@pytest.mark.parametrize("field", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_field_costs_the_topics_and_not_the_event(store, text, field):
    store.hset("profile", mapping={"s": "1", "t": field})
    assert change(store, text, ("strings", QUIZ, 0.5, 1, NOW)) == 1
    assert store.hget("profile", "s") == b"2" and store.xlen("journal") == 1
    assert stored(store) == {"strings": (QUIZ, 0.5, 1, NOW)}


def test_of_several_topics_each_malformed_one_costs_all(store, text):
    """Also when the event does not name it: it would make the whole field unreadable for ever."""
    store.hset("profile", mapping={"s": "1", "t": packed(("a", QUIZ, 0.5, 1, NOW), ("b", QUIZ, 2, 1, NOW), ("c", QUIZ, 0.5, 1, NOW))})
    change(store, text, ("a", QUIZ, 0.5, 1, NOW), ("new", QUIZ, 0.5, 1, NOW))
    assert stored(store) == {"a": (QUIZ, 0.5, 1, NOW), "new": (QUIZ, 0.5, 1, NOW)}


def test_a_time_of_a_wrong_clock_counts_as_now(store, text):
    """Otherwise no event would move the topic until that time has come."""
    store.hset("profile", mapping={"s": "1", "t": packed(("loops", QUIZ, 1, 1, NOW + 90 * DAY_MS), ("next", QUIZ, 1, 1, NOW + AHEAD))})
    change(store, text, ("loops", QUIZ, 0, 1, NOW))
    assert stored(store) == {"loops": (QUIZ, 1, 2, NOW), "next": (QUIZ, 1, 1, NOW + AHEAD)}
