# SPDX-License-Identifier: GPL-3.0-or-later
"""Each Lua script of app/store/lua compiles, passes luacheck, and does what its head comment says, on a real Redis."""
import hashlib
import pathlib
import re
import shutil
import subprocess
import time
from dataclasses import dataclass, field

import pytest
from harness.redis_server import RedisServer
from redis import ResponseError

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "app/store/lua"
SCRIPTS = re.findall(r"^SCRIPT\((\w+)\)$", (ROOT / "app/store/scripts.def").read_text(), re.MULTILINE)


def text_of(script):
    """The text that Redis gets, its library included."""
    command = [ROOT / "scripts/embed-lua", "--text", FOLDER, script]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def pseudonym(seed, key):
    return hashlib.sha1(f"{seed}{key}".encode()).hexdigest()[:16]


@dataclass
class Case:
    """EVAL of a script on an empty Redis after the commands of `before`; then each command of `after` has its reply.

    FIELDS KEY, in `after`, is the list of the fields of a stream's entries, without their ids.
    """

    script: str
    does: str
    reply: object  # or a function that judges it, or ERROR
    keys: list = field(default_factory=list)
    argv: list = field(default_factory=list)
    before: list = field(default_factory=list)
    after: dict = field(default_factory=dict)

    def __str__(self):
        return f"{self.script}-{self.does}"


ERROR = object()  # in the place of a reply
RECORD = ["=", "student", "read", "mastery", "1", "r1", "{}", "1"]
REFUSAL = ["bob", "teacher", "read", "mastery", "0", "r2", "{}", "1"]


def stored_record(record, subject):
    actor = f"student:{subject}" if record[0] == "=" else record[0]
    texts = zip("rtoscdn", record[1:], strict=True)
    return {"a": actor, "w": subject} | dict(texts)


REFUSED = "\nbob\nteacher\nread\nmastery\n0\n{}"
STUDENT = ["pseudonym", "tombstone", "profile"]
CLOSE_KEYS = ["lease", "open", "counts", "segments"]
SEGMENT = {"z": "packed", "h": "head", "n": "2", "c": "2"}
SEGMENT_ARGS = [text for pair in SEGMENT.items() for text in pair]
SEGMENTS = [("XADD", "segments", "7-1", *SEGMENT_ARGS), ("XADD", "segments", "8-1", *SEGMENT_ARGS[:-1], "4")]
OPEN = [
    ("SET", "lease", "me"), ("XADD", "open", "5-0", "a", "x"), ("XADD", "open", "6-0", "a", "y"),
    ("HSET", "counts", "f", "3 6-1 6", "g", "1 6-2 6"),
]
NEW = pseudonym("seed", "pseudonym")
PROFILE = ("HSET", "profile", "s", "state")
LEASE = ("SET", "lease", "me")
def lease_end(reply):
    """Half a second before the key expires."""
    return abs(reply - time.time() * 1000 - 4500) < 60_000


BATCH = ["state", "students", "items", "results"]
BATCH_FIELDS = ["priority", "low", "created", "1", "actor", "a", "correlation", "c", "traceparent", "", "callback", ""]
FAR = "4000000000"


def batch(status, callback="", results=()):
    """A batch of two students, ann (0) and bob (1)."""
    return [
        ("HSET", "state", "status", status, "total", 2, "processed", len(results), "failed", 0),
        ("HSET", "state", *BATCH_FIELDS[:-1], callback),
        ("ZADD", "students", 0, "ann", 1, "bob"),
        ("HSET", "items", "ann", "1 ", "bob", "2 "),
        *[("HSET", "results", student, result) for student, result in results],
    ]


def batch_fields(status, processed, failed="0", completed=None, callback=""):
    started = "5" if status == "processing" else None
    return [status, "low", "2", str(processed), failed, "1", started, completed, "a", "c", "", callback]


SEAL = ["q", "1", "h", "head1"]
ERASE = ["ann", "0", "", "adm", "admin", "erased", "student", "1", "r", "{}", "1", "", "0", "", "0", "1", "2"]
ERASE_KEYS = ["tombstone", "journal", "outbox", "audit", "token", "profile", "day1", "day2"]
ERASE_STATE = [
    ("HSET", "profile", "s", "x"), ("SET", "day2", "x"),
    ("XADD", "journal", "1-0", "e", '{"student_id":"ann"}'), ("XADD", "journal", "2-0", "e", '{"student_id":"bob","by":"ann"}'),
    ("XADD", "outbox", "1-0", "e", 'no JSON: "ann"'), ("XADD", "outbox", "2-0", "e", '{"subject":"ann"}'),
]
GROUP = ("XGROUP", "CREATE", "high", "workers", "0", "MKSTREAM")
JOB = ("XADD", "high", "1-0", "k", "kind", "b", "body", "t", "0")
DELIVERED = [GROUP, JOB, ("XREADGROUP", "GROUP", "workers", "w1", "STREAMS", "high", ">")]
LEVELS = ["high", "normal", "low"]
JOB_FIELDS = ["k", "kind", "b", "body", "t", "0"]
RECOMMENDATION_KEYS = ["day", "own", "index", "tombstone", "profile"]
CHANGE_KEYS = ["profile", "tombstone", "journal", "marks", "days"]
# Records of lib/marks.lua and lib/days.lua. The bytes of the days are letters: 25185 and 16706.
MARK1, MARK3 = "AAAAAAAAab\x04note", "Cdigest3ab\x01c"
DAY1, DAY2, DAY3 = "AB\x03one", "AC\x03two", "AD\x05three"
# Days in the lists of students with records that will be too old, and in marks ("aA": 16737, "cA": 16739).
RETENTION_KEYS = ["list", "marks", "days", "events", "predictions"]
MARK_OF_16737, MARK_OF_16739 = "digest01aA\x00", "digest02cA\x01d"
PACKED_OF_DAY_9 = "\x01\x09\x00\x00text"
# Entries of lib/audit_index.lua: six bytes of time, three of the number.
EARLY, LATE, LATEST = "\x00\x00\x00\x00\x00\x05\x00\x00\x01", "\x00\x0bABCD\x00\x00\x01", "\x00\x0bABCE\x00\x00\x07"
LATEST_ID = f"{0x0B41424345}-7"
DAYS_CHANGE = ["", "new", "1", "", "", "16700", FAR, "entry", "ev1", MARK1, "", DAY1]
DAYS_GROUP = ["", "new", "3", "", "", "16700", FAR, "entry1", "ev1", MARK1, "", "entry2", "", "", "", "entry3", "ev3", MARK3, "", DAY1]
OLD_CHANGE_KEYS = ["profile", "tombstone", "journal", "marks", "fence", "day1"]
CHANGE = ["", "new", "{}", "1", "", "", "entry", "ev1", "20000 note", "", "snapshot", FAR]
# Three requests in one change, the second one without an event.
GROUP = ["", "new", "{}", "3", "", "", "entry1", "ev1", "20000 a", "", "entry2", "", "", "", "entry3", "ev3", "20000 c", "", "snapshot", FAR]
IDEMPOTENCY = ["digest", "owner", "1000", "5000"]
OWNED = ("SET", "record", f"running digest owner {FAR}000 effect", "PX", 9000)
RUNNING = re.compile(r"running digest owner \d{13} (\w+)")
LETTER_KEYS = ["stream", "texts", "index"]
LETTERS = [
    ("XADD", "stream", "1-0", "s", "dapr"), ("XADD", "stream", "2-0", "s", "dapr"), ("ZADD", "index", 0, "ann 1-0", 0, "ann 2-0"),
    ("HSET", "texts", "1-0", "one", "1-0 names", "ann", "2-0", "two", "2-0 names", "ann"),
]
CONSENT_KEYS = ["profile", "tombstone", "consents", "journal"]

CASES = [
    Case("schema_write", "writes_ours_to_a_new_store", "3", ["schema"], ["3"], after={("GET", "schema"): "3"}),
    Case("schema_write", "leaves_an_earlier_one", "1", ["schema"], ["3"], [("SET", "schema", "1")], {("GET", "schema"): "1"}),
    Case("schema_write", "leaves_a_later_one", "4", ["schema"], ["3"], [("SET", "schema", "4")], {("GET", "schema"): "4"}),
    Case("schema_write", "leaves_what_is_no_number", "x", ["schema"], ["1"], [("SET", "schema", "x")], {("GET", "schema"): "x"}),
    Case("schema_raise", "raises", "2", ["schema"], ["2"], [("SET", "schema", "1")], {("GET", "schema"): "2"}),
    Case("schema_raise", "leaves_a_higher_one", "3", ["schema"], ["2"], [("SET", "schema", "3")], {("GET", "schema"): "3"}),
    Case("schema_raise", "leaves_what_is_no_number", "x", ["schema"], ["2"], [("SET", "schema", "x")], {("GET", "schema"): "x"}),
    Case(
        "schema_1_student_change", "writes", 1, OLD_CHANGE_KEYS, CHANGE,
        after={
            ("HGETALL", "profile"): {"m": "{}", "s": "new"}, ("HGETALL", "marks"): {"ev1": "20000 note"},
            ("GET", "day1"): "snapshot", ("EXPIRETIME", "day1"): int(FAR), ("FIELDS", "journal"): [{"e": "entry"}],
        },
    ),
    Case("schema_1_student_change", "finds_a_counted_event", ["20000 old"], OLD_CHANGE_KEYS, CHANGE, [("HSET", "marks", "ev1", "20000 old"), PROFILE], {("HGET", "profile", "s"): "state"}),
    Case(
        "schema_1_student_change", "writes_a_group", 1, OLD_CHANGE_KEYS, GROUP,
        after={
            ("HGETALL", "profile"): {"m": "{}", "s": "new"}, ("HGETALL", "marks"): {"ev1": "20000 a", "ev3": "20000 c"},
            ("FIELDS", "journal"): [{"e": "entry1"}, {"e": "entry2"}, {"e": "entry3"}],
        },
    ),
    Case(
        "schema_1_student_change", "writes_no_group_with_a_counted_event", [None, None, "20000 old"], OLD_CHANGE_KEYS, GROUP,
        [("HSET", "marks", "ev3", "20000 old")], {("EXISTS", "profile", "journal", "day1"): 0, ("HLEN", "marks"): 1},
    ),
    Case("schema_1_student_change", "replies_another_state", "state", OLD_CHANGE_KEYS, CHANGE, [PROFILE], {("EXISTS", "marks", "journal", "day1"): 0}),
    Case("schema_1_student_change", "refuses_the_erased", 0, OLD_CHANGE_KEYS, CHANGE, [("SET", "tombstone", "x")], {("EXISTS", *OLD_CHANGE_KEYS): 1}),
    Case("schema_1_student_change", "refuses_without_consent", -1, OLD_CHANGE_KEYS, CHANGE, [("HSET", "profile", "c", "p")], {("HLEN", "profile"): 1}),
    Case("schema_1_student_change", "finds_the_fence", [2, "state"], OLD_CHANGE_KEYS, CHANGE, [PROFILE, ("SET", "fence", "2")], {("EXISTS", "marks", "journal", "day1"): 0}),
    Case(
        "student_change", "writes", 1, CHANGE_KEYS, DAYS_CHANGE,
        after={
            ("HGETALL", "profile"): {"s": "new"}, ("HGETALL", "marks"): {"1": MARK1},
            ("GET", "days"): DAY1, ("EXPIRETIME", "days"): int(FAR), ("FIELDS", "journal"): [{"e": "entry"}],
        },
    ),
    Case("student_change", "adds_to_a_bucket", 1, CHANGE_KEYS, DAYS_CHANGE, [("HSET", "marks", "1", MARK3)], {("HGET", "marks", "1"): MARK3 + MARK1}),
    Case("student_change", "finds_a_counted_event", ["25185 note"], CHANGE_KEYS, DAYS_CHANGE, [("HSET", "marks", "1", MARK3 + MARK1), PROFILE], {("HGET", "profile", "s"): "state"}),
    Case("student_change", "finds_an_event_counted_in_the_old_form", ["20000 old"], [*CHANGE_KEYS, "old"], DAYS_CHANGE, [("HSET", "old", "ev1", "20000 old")], {("EXISTS", "profile"): 0}),
    Case("student_change", "is_not_misled_by_a_digest_in_a_mark", 1, CHANGE_KEYS, DAYS_CHANGE, [("HSET", "marks", "1", "Qdigest3ab\x08AAAAAAAA")]),
    Case(
        "student_change", "writes_a_group", 1, CHANGE_KEYS, DAYS_GROUP,
        after={
            ("HGETALL", "profile"): {"s": "new"}, ("HGETALL", "marks"): {"1": MARK1, "3": MARK3},
            ("FIELDS", "journal"): [{"e": "entry1"}, {"e": "entry2"}, {"e": "entry3"}],
        },
    ),
    Case(
        "student_change", "writes_no_group_with_a_counted_event", [None, None, "25185 c"], CHANGE_KEYS, DAYS_GROUP,
        [("HSET", "marks", "3", MARK3)], {("EXISTS", "profile", "journal", "days"): 0, ("HLEN", "marks"): 1},
    ),
    Case("student_change", "puts_a_day_between_others", 1, CHANGE_KEYS, [*DAYS_CHANGE[:-1], DAY2], [("SET", "days", DAY3 + DAY1)], {("GET", "days"): DAY3 + DAY2 + DAY1}),
    Case("student_change", "replaces_a_day", 1, CHANGE_KEYS, [*DAYS_CHANGE[:-1], "AC\x01x"], [("SET", "days", DAY3 + DAY2 + DAY1)], {("GET", "days"): DAY3 + "AC\x01x" + DAY1}),
    Case("student_change", "keeps_the_latest_of_the_old_days", 1, CHANGE_KEYS, [*DAYS_CHANGE[:5], "16708", *DAYS_CHANGE[6:-1], DAY3], [("SET", "days", DAY2 + DAY1)], {("GET", "days"): DAY3 + DAY2}),
    Case("student_change", "leaves_the_days_alone_within_a_day", 1, CHANGE_KEYS, DAYS_CHANGE[:-1], [("SET", "days", DAY1)], {("GET", "days"): DAY1, ("TTL", "days"): -1}),
    Case("student_change", "replies_another_state", "state", CHANGE_KEYS, DAYS_CHANGE, [PROFILE], {("EXISTS", "marks", "journal", "days"): 0}),
    Case("student_change", "refuses_the_erased", 0, CHANGE_KEYS, DAYS_CHANGE, [("SET", "tombstone", "x")], {("EXISTS", *CHANGE_KEYS): 1}),
    Case("student_change", "refuses_without_consent", -1, CHANGE_KEYS, DAYS_CHANGE, [("HSET", "profile", "c", "p")], {("HLEN", "profile"): 1}),
    Case("student_days", "reads_all_forms", ["state", DAY1, "1", None], ["profile", "days", "day1", "day2"], [], [PROFILE, ("SET", "days", DAY1), ("SET", "day1", "1")]),
    Case("student_days", "reads_nothing_of_an_unknown_student", [None, None], ["profile", "days"]),
    Case("student_mark", "finds", "25185 note", ["marks"], ["ev1", MARK1[:11]], [("HSET", "marks", "1", MARK1)]),
    Case("student_mark", "finds_the_old_form", "20000 old", ["marks", "old"], ["ev1", MARK1[:11]], [("HSET", "old", "ev1", "20000 old")]),
    Case("student_mark", "finds_nothing", None, ["marks"], ["ev1", MARK1[:11]]),
    Case("student_trim_days", "removes_old_days", "0", ["days"], ["16708"], [("SET", "days", DAY3 + DAY2 + DAY1, "EX", 100)], {("GET", "days"): DAY3 + DAY2, ("TTL", "days"): 100}),
    Case("student_trim_marks", "removes_old_marks", "0", ["marks"], ["25100"], [("HSET", "marks", "1", MARK1 + "QQQQQQQQaa\x00", "3", "Cdigest3aa\x00")], {("HGETALL", "marks"): {"1": MARK1}}),
    Case(
        "schema_1_migrate_days", "moves_what_is_unchanged", 2, ["days", "day1", "day2", "day3"], ["16700", FAR, "1", DAY1, "2", "AC\x01x", "3", DAY3],
        [("SET", "days", DAY2), ("SET", "day1", "1"), ("SET", "day2", "2"), ("SET", "day3", "changed")],
        {("GET", "days"): DAY2 + DAY1, ("EXPIRETIME", "days"): int(FAR), ("EXISTS", "day1", "day2", "day3"): 1},
    ),
    Case("schema_1_migrate_days", "only_deletes_the_current_day", 1, ["days", "day1"], ["16700", FAR, "1", ""], [("SET", "day1", "1")], {("EXISTS", "days", "day1"): 0}),
    Case(
        "schema_1_migrate_marks", "moves_what_is_unchanged", 1, ["marks", "old"], ["ev1", "25185 note", MARK1, "ev3", "25185 c", MARK3],
        [("HSET", "old", "ev1", "25185 note", "ev3", "changed", "ev4", "4")], {("HGETALL", "marks"): {"1": MARK1}, ("HLEN", "old"): 2},
    ),
    Case(
        "schema_1_migrate_events", "replaces_under_the_same_ids", 1, ["stream"], ["1-0", "packed", "3-0", "gone"],
        [("XADD", "stream", "1-0", "e", "{}"), ("XADD", "stream", "2-0", "e", "long"), ("PEXPIRE", "stream", "100000")],
        {("FIELDS", "stream"): [{"z": "packed"}, {"e": "long"}], ("XLEN", "stream"): 2, ("TTL", "stream"): 100},
    ),
    Case("student_schema", "tells_that_packed_forms_are_written", [2, "state"], ["profile", "schema"], [], [PROFILE, ("SET", "schema", "2")]),
    Case("student_schema", "does_not_know", [0], ["profile", "schema"], [], [PROFILE]),
    Case(
        "student_read_changed", "reads_the_snapshots_of_another_state", [["state", "topics", None], ["state", None, "1", None]],
        ["profile", "days"], ["stamp", "day:", "2026010120260102"],
        [("HSET", "profile", "s", "state", "t", "topics"), ("SET", "day:20260101", "1")],
    ),
    Case(
        "student_read_changed", "reads_no_snapshots_of_a_known_state", [["a state", None, "a"], None],
        ["profile", "days"], ["state", "day:", "20260101"],
        [("HSET", "profile", "s", "a state", "c", "a"), ("SET", "day:20260101", "1")],
    ),
    Case(
        "student_read_changed", "reads_nothing_of_an_unknown_student", [[None, None, None], [None, None]],
        ["profile", "days"], ["stamp", "", ""],
    ),
    Case(
        "schema_1_trim_marks", "removes_old_days", "0", ["marks"], ["0", "500", "20000"],
        [("HSET", "marks", "a", "19999 x", "b", "20000 ", "c", "what")], {("HKEYS", "marks"): ["b"]},
    ),
    Case(
        "recommendation_change", "writes", 1, [*RECOMMENDATION_KEYS, "path"], ["", "", "d", "o", FAR, "4000000001", "ann", "p"],
        after={
            ("MGET", "day", "own", "index", "path"): ["d", "o", "ann", "p"],
            ("EXPIRETIME", "day"): int(FAR), ("EXPIRETIME", "path"): int(FAR) + 1,
        },
    ),
    Case("recommendation_change", "replies_other_texts", ["x", ""], RECOMMENDATION_KEYS, ["", "", "d", "o", FAR, FAR, "ann"], [("SET", "day", "x")], {("EXISTS", "own", "index"): 0}),
    Case("recommendation_change", "refuses_the_erased", 0, RECOMMENDATION_KEYS, ["", "", "d", "o", FAR, FAR, "ann"], [("SET", "tombstone", "x")], {("EXISTS", "day", "own"): 0}),
    Case("recommendation_change", "refuses_without_consent", -1, RECOMMENDATION_KEYS, ["", "", "d", "o", FAR, FAR, "ann"], [("HSET", "profile", "c", "ap")], {("EXISTS", "day", "own"): 0}),
    Case("delete_if_equal", "deletes", 1, ["lock"], ["me"], [("SET", "lock", "me")], {("EXISTS", "lock"): 0}),
    Case("delete_if_equal", "leaves_anothers", 0, ["lock"], ["me"], [("SET", "lock", "you")], {("GET", "lock"): "you"}),
    Case("lease_acquire", "acquires", lease_end, ["lease"], ["me", "5000"], after={("GET", "lease"): "me", ("TTL", "lease"): 5}),
    Case("lease_acquire", "renews", lease_end, ["lease"], ["me", "5000"], [LEASE], {("TTL", "lease"): 5}),
    Case("lease_acquire", "leaves_anothers", lambda reply: -5000 <= reply < -4000, ["lease"], ["me", "9000"], [("SET", "lease", "you", "PX", 5000)], {("GET", "lease"): "you"}),
    Case("lease_write", "writes_within_the_lease", 2, ["set"], [f"{FAR}000", "SADD", "c1", "c2"], after={("SMEMBERS", "set"): {"c1", "c2"}}),
    Case("lease_write", "writes_nothing_afterwards", -1, ["set"], ["1", "SADD", "c1"], after={("EXISTS", "set"): 0}),
    Case("unfinished_add", "adds", 1, ["list"], ["cohort c1"], after={("ZRANGE", "list", 0, -1): ["cohort c1"], ("ZCOUNT", "list", f"{10**12}", "+inf"): 1}),
    Case("unfinished_add", "moves_to_the_end", 0, ["list"], ["cohort c1"], [("ZADD", "list", 1, "cohort c1", 2, "batch b")], {("ZRANGE", "list", 0, -1): ["batch b", "cohort c1"]}),
    Case("unfinished_oldest", "finds", "batch b", ["list"], ["5000"], [("ZADD", "list", 2, "cohort c1", 1, "batch b")]),
    Case("unfinished_oldest", "leaves_young_ones", None, ["list"], ["5000"], [("ZADD", "list", f"{FAR}000", "batch b")]),
    Case(
        "journal_process", "writes_the_effects_of_entries", [1], ["lease", "journal", "outbox", "audit", "counts", "list", "events", *STUDENT],
        ["me", "1", "5000", "seed", "0", "1-0", "7", "event", *RECORD, "0", "1", "message", "trace", "9-0", "7", "", *RECORD, "0", "0"],
        [LEASE, ("XADD", "journal", "1-0", "e", "x"), ("XADD", "journal", "2-0", "e", "y")],
        {
            ("FIELDS", "journal"): [{"e": "y"}], ("FIELDS", "events"): [{"e": "event"}], ("TTL", "events"): 5,
            ("FIELDS", "outbox"): [{"e": "message", "t": "trace"}], ("FIELDS", "audit"): [stored_record(RECORD, NEW)],
            ("GET", "pseudonym"): NEW, ("TTL", "pseudonym"): -1,
        },
    ),
    Case("journal_process", "needs_the_lease", [-1], ["lease", "journal", "outbox", "audit", "counts", "list"], ["me", "1", "5000", "seed", "0"], [("SET", "lease", "you")]),
    Case(
        "journal_process", "leaves_an_entry_alone_whose_student_has_a_key_of_another_type", [1, 0],
        ["lease", "journal", "outbox", "audit", "counts", "list", "events", *STUDENT, "others", "name", "tombstone2", "profile2"],
        ["me", "1", "5000", "seed", "0", "1-0", "7", "event", *RECORD, "0", "1", "message", "trace", "2-0", "11", "event", *RECORD, "0", "0"],
        [LEASE, ("XADD", "journal", "1-0", "e", "x"), ("XADD", "journal", "2-0", "e", "y"), ("RPUSH", "events", "x")],
        {("FIELDS", "journal"): [{"e": "x"}], ("XLEN", "outbox"): 0, ("XLEN", "others"): 1, ("XLEN", "audit"): 1},
    ),
    Case(
        "journal_process", "counts_what_happens_often", [2], ["lease", "journal", "outbox", "audit", "counts", "list", "events", *STUDENT],
        ["me", "1", "5000", "seed", "0", *["1-0", "7", "", *RECORD, "1", "0"], *["2-0", "7", "", *RECORD, "1", "0"]],
        [LEASE, ("XADD", "journal", "1-0", "e", "x"), ("XADD", "journal", "2-0", "e", "y")],
        {("EXISTS", "audit"): 0, ("HLEN", "counts"): 1, ("HSTRLEN", "counts", f"{NEW}\n=\nstudent\nread\nmastery\n1\n{{}}"): len("2 MMMMMMMMMMMMM-8193 MMMMMMMMMMMMM")},
    ),
    Case(
        "journal_process", "does_not_need_a_stream_of_events_for_a_change_without_one", [1], ["lease", "journal", "outbox", "audit", "counts", "list", "events", *STUDENT],
        ["me", "1", "5000", "seed", "0", "1-0", "7", "", *RECORD, "1", "0"],
        [LEASE, ("XADD", "journal", "1-0", "e", "x"), ("RPUSH", "events", "x"), ("SET", "pseudonym", "p", "EX", "9")],
        {("XLEN", "journal"): 0, ("TTL", "pseudonym"): -1, ("HSTRLEN", "counts", "p\n=\nstudent\nread\nmastery\n1\n{}"): len("1 MMMMMMMMMMMMM-8193 MMMMMMMMMMMMM")},
    ),
    Case(
        "journal_process", "leaves_an_entry_alone_whose_student_has_a_pseudonym_of_another_type", [0, 0], ["lease", "journal", "outbox", "audit", "counts", "list", "events", *STUDENT],
        ["me", "1", "5000", "seed", "0", "1-0", "7", "", *RECORD, "1", "0"],
        [LEASE, ("XADD", "journal", "1-0", "e", "x"), ("RPUSH", "pseudonym", "x")], {("XLEN", "journal"): 1, ("EXISTS", "counts"): 0},
    ),
    Case(
        "journal_process", "lists_the_students", [3],
        ["lease", "journal", "outbox", "audit", "counts", "list", "{00}:student:urn/x/1:events", *STUDENT, "{00}:student:bob:events", "name", "tombstone2", "profile2"],
        ["me", "1", "5000", "seed", "1", *["864000000-0", "7", PACKED_OF_DAY_9, *RECORD, "1", "0"], *["864000001-0", "7", "", *RECORD, "1", "0"], *["864000002-0", "11", "json", *RECORD, "1", "0"]],
        [LEASE, *[("XADD", "journal", f"86400000{n}-0", "e", "x") for n in range(3)]],
        {("ZRANGE", "list", 0, -1, "WITHSCORES"): ["bob", "11", "urn/x/1", "100"]},
    ),
    Case("journal_process", "keeps_the_earlier_day", [1], ["lease", "journal", "outbox", "audit", "counts", "list", "{00}:student:ann:events", *STUDENT], ["me", "1", "5000", "seed", "1", *["864000000-0", "7", "", *RECORD, "1", "0"]], [LEASE, ("XADD", "journal", "864000000-0", "e", "x"), ("ZADD", "list", 50, "ann")], {("ZSCORE", "list", "ann"): 50.0}),
    Case("retention_add", "adds", 1, ["list", "events"], ["ann"], [("SET", "events", "x")], {("ZSCORE", "list", "ann"): 0.0}),
    Case("retention_add", "leaves_one_who_is_there", 0, ["list", "events"], ["ann"], [("SET", "events", "x"), ("ZADD", "list", 7, "ann")], {("ZSCORE", "list", "ann"): 7.0}),
    Case("retention_add", "does_not_add_one_who_was_erased", 0, ["list", "events"], ["ann"], after={("DBSIZE",): 0}),
    Case("retention_plan", "removes_one_without_records", 0, RETENTION_KEYS, ["ann", "200"], [("ZADD", "list", 7, "ann")], {("DBSIZE",): 0}),
    Case("retention_plan", "finds_the_oldest_mark", 16737 + 91, RETENTION_KEYS, ["ann", "16740"], [("HSET", "marks", 5, MARK_OF_16737, 6, MARK_OF_16739)], {("ZSCORE", "list", "ann"): 16828.0}),
    Case("retention_plan", "comes_again_tomorrow_for_a_mark_that_outlives_its_event", 16829, RETENTION_KEYS, ["ann", "16828"], [("HSET", "marks", 5, MARK_OF_16737)]),
    Case("retention_plan", "finds_the_second_closed_day", 16707 + 91, RETENTION_KEYS, ["ann", "16740"], [("SET", "days", DAY3 + DAY2 + DAY1)]),
    Case("retention_plan", "leaves_the_only_closed_day", 0, RETENTION_KEYS, ["ann", "17000"], [("SET", "days", DAY1)]),
    Case("retention_plan", "finds_the_oldest_event_and_prediction", 10 + 91, RETENTION_KEYS, ["ann", "20"], [("XADD", "events", "1036800000-0", "z", "x"), ("XADD", "predictions", "864000000-0", "f", "v")]),
    Case("retention_plan", "comes_again_tomorrow_if_a_key_has_another_type", 201, RETENTION_KEYS, ["ann", "200"], [("ZADD", "list", 7, "ann"), ("SET", "marks", "x")], {("ZSCORE", "list", "ann"): 201.0}),
    Case("retention_plan", "finds_a_mark_of_0_1_0", 15 + 91, [*RETENTION_KEYS, "old"], ["ann", "20"], [("HSET", "old", "ev1", "15 d", "ev2", "16 ", "ev3", "bad")]),
    Case("outbox_remove", "removes", 1, ["lease", "outbox"], ["me", "1-0"], [LEASE, ("XADD", "outbox", "1-0", "e", "x")], {("XLEN", "outbox"): 0}),
    Case("outbox_remove", "needs_the_lease", -1, ["lease", "outbox"], ["me", "1-0"], [("XADD", "outbox", "1-0", "e", "x")], {("XLEN", "outbox"): 1}),
    Case(
        "queue_read", "reads_shares_then_the_highest", [[0, "1-0", JOB_FIELDS, 1], [2, "1-0", JOB_FIELDS, 1], [0, "2-0", JOB_FIELDS, 1]],
        LEVELS, ["workers", "w1", "3", "1", "1", "1"], [JOB, ("XADD", "high", "2-0", *JOB_FIELDS), ("XADD", "low", "1-0", *JOB_FIELDS)],
    ),
    Case(
        "queue_claim", "claims_what_is_idle", [[0, "1-0", JOB_FIELDS, 2]], LEVELS, ["workers", "w2", "5", "0"], DELIVERED,
        {("XPENDING", "high", "workers"): {"pending": 1, "min": "1-0", "max": "1-0", "consumers": [{"name": "w2", "pending": 1}]}},
    ),
    Case("queue_claim", "leaves_what_is_not_idle", [], LEVELS, ["workers", "w2", "5", "60000"], DELIVERED),
    Case("queue_finish", "removes", 1, ["high", "later"], ["workers", "w1", "1-0", "", "", ""], DELIVERED, {("XLEN", "high"): 0, ("EXISTS", "later"): 0}),
    Case("queue_finish", "puts_off", 1, ["high", "later"], ["workers", "w1", "1-0", "later", "7", "job"], DELIVERED, {("ZSCORE", "later", "job"): 7.0}),
    Case("queue_finish", "queues_the_next", 1, ["high", "later"], ["workers", "w1", "1-0", "next", "k2", "b2"], DELIVERED, {("FIELDS", "high"): [{"k": "k2", "b": "b2", "t": "0"}]}),
    Case("queue_finish", "leaves_anothers", 0, ["high", "later"], ["workers", "w2", "1-0", "", "", ""], DELIVERED, {("XLEN", "high"): 1}),
    Case("queue_finish", "brings_back_no_deleted_one", 0, ["high", "later"], ["workers", "w1", "1-0", "next", "k2", "b2"], [*DELIVERED, ("XDEL", "high", "1-0")], {("XLEN", "high"): 0}),
    Case("queue_renew", "renews", 1, ["high"], ["workers", "w1", "1-0"], DELIVERED),
    Case("queue_renew", "leaves_anothers", 0, ["high"], ["workers", "w2", "1-0"], DELIVERED),
    Case(
        "queue_requeue_due", "moves_what_is_due", 1, [*LEVELS, "later"], ["10", "32"],
        [("ZADD", "later", 10, "1 kind 3 9-0 the body", 11, "0 kind 1 8-0 b")],
        {("FIELDS", "normal"): [{"k": "kind", "b": "the body", "t": "3"}], ("ZCARD", "later"): 1, ("EXISTS", "high"): 0},
    ),
    Case(
        "queue_requeue_due", "makes_a_job_of_what_is_none_and_puts_off_what_cannot_be_written", 2, [*LEVELS, "later"], ["10", "32"],
        [("ZADD", "later", 1, "no job", 2, "0 kind 1 8-0 b"), ("RPUSH", "high", "x")],
        {("FIELDS", "low"): [{"k": "?", "b": "no job", "t": "0"}], ("ZSCORE", "later", "0 kind 1 8-0 b"): 60010.0},
    ),
    Case(
        "queue_read", "reads_past_a_stream_of_another_type", [[2, "1-0", JOB_FIELDS, 1]],
        LEVELS, ["workers", "w1", "3", "1", "1", "1"], [("RPUSH", "high", "x"), ("XADD", "low", "1-0", *JOB_FIELDS)],
    ),
    Case(
        "queue_remove_consumer", "removes_one_without_jobs", 1, LEVELS, ["workers", "w2"],
        [*DELIVERED, ("XGROUP", "CREATECONSUMER", "high", "workers", "w2")],
        {("XGROUP", "CREATECONSUMER", "high", "workers", "w2"): 1},
    ),
    Case(
        "queue_remove_consumer", "leaves_one_with_jobs", 1, LEVELS, ["workers", "w1"], DELIVERED,
        {("XGROUP", "CREATECONSUMER", "high", "workers", "w1"): 0},
    ),
    Case(
        "prediction_save", "saves", 1, ["profile", "predictions", "latest"], ["1", "900", "60", "7", "text", "predicted", "0.5"], [PROFILE],
        {("FIELDS", "predictions"): [{"predicted": "0.5"}], ("TTL", "predictions"): 900, ("HGETALL", "latest"): {"7": "text"}, ("TTL", "latest"): 60},
    ),
    Case(
        "prediction_save", "lists_the_student", 1, ["profile", "{00}:student:ann:predictions", "latest", "list"], ["1", "900", "60", "7", "text", "predicted", "0.5"], [PROFILE],
        {("ZRANGE", "list", 0, -1): ["ann"]},
    ),
    Case(
        "prediction_save", "saves_nothing_if_the_list_has_another_type", ERROR, ["profile", "predictions", "latest", "list"], ["1", "900", "60", "7", "text", "predicted", "0.5"],
        [PROFILE, ("SET", "list", "x")], {("EXISTS", "predictions", "latest"): 0},
    ),
    Case("prediction_save", "refuses_without_consent", 0, ["profile", "predictions", "latest"], ["1", "900", "60", "7", "t", "f", "v"], [("HSET", "profile", "s", "x", "c", "a")], {("EXISTS", "predictions", "latest"): 0}),
    Case("prediction_save", "refuses_the_unknown", 0, ["profile", "predictions", "latest"], ["1", "900", "60", "7", "t", "f", "v"], after={("DBSIZE",): 0}),
    Case(
        "batch_create", "creates", 1, BATCH, [FAR, "2", *BATCH_FIELDS, "ann", "1 ", "bob", "2 "],
        after={
            ("ZRANGE", "students", "0", "-1"): ["ann", "bob"], ("HGETALL", "items"): {"ann": "1 ", "bob": "2 "},
            ("HMGET", "state", "status", "total", "processed", "failed", "priority"): ["pending", "2", "0", "0", "low"],
            ("EXPIRETIME", "state"): int(FAR), ("EXPIRETIME", "students"): int(FAR), ("EXPIRETIME", "items"): int(FAR),
        },
    ),
    Case("batch_create", "has_no_items_where_nothing_is_stated", 1, BATCH, [FAR, "1", *BATCH_FIELDS, *map(str, range(1000))], after={("ZCARD", "students"): 1000, ("ZSCORE", "students", "999"): 999.0, ("EXISTS", "items"): 0}),
    Case("batch_create", "leaves_an_existing_one", 0, BATCH, [FAR, "1", *BATCH_FIELDS, "eve"], batch("pending"), {("ZCARD", "students"): 2}),
    Case("batch_end", "ends", 1, ["state"], ["9", "failed", "64"], batch("pending"), {("HMGET", "state", "status", "completed", "caller"): ["failed", "9", "64"]}),
    Case("batch_end", "says_again_who_calls_back", 2, ["state"], ["9", "failed", "64"], [*batch("failed"), ("HSET", "state", "caller", "64")]),
    Case("batch_end", "leaves_an_ended_one", 0, ["state"], ["9", "cancelled"], batch("completed"), {("HGET", "state", "status"): "completed"}),
    Case("batch_end", "does_not_find_it", -1, ["state"], ["9", "cancelled"], after={("EXISTS", "state"): 0}),
    Case("batch_results", "reads_a_page", [2, "bob", "-why"], ["state", "students", "results"], ["1", "5"], batch("completed", results=[("ann", "+{}"), ("bob", "-why")])),
    Case("batch_results", "does_not_find_it", None, ["state", "students", "results"], ["0", "5"]),
    Case(
        "batch_start_chunk", "lists_students_without_a_result", [1, 0, batch_fields("processing", 1), ["bob", "2 "]], BATCH, ["5", "0", "64"],
        batch("pending", results=[("ann", "+{}")]), {("HGET", "state", "status"): "processing"},
    ),
    Case("batch_start_chunk", "lists_nothing_of_an_ended_one", [0, 1, batch_fields("cancelled", 0, callback="u"), []], BATCH, ["5", "0", "64"], batch("cancelled", callback="u"), {("HGET", "state", "caller"): "0"}),
    Case(
        "batch_save", "ends_with_the_last_result", [1, 1, ["completed", *batch_fields("x", 2, "1", "5", "u")[1:]], []], BATCH, ["5", "0", FAR, "bob", "-why"],
        batch("processing", callback="u", results=[("ann", "+{}")]),
        {("HGETALL", "results"): {"ann": "+{}", "bob": "-why"}, ("HKEYS", "items"): ["ann"], ("EXPIRETIME", "results"): int(FAR)},
    ),
    Case("batch_save", "keeps_the_first_result", lambda reply: reply[:2] == [0, 0], BATCH, ["5", "0", FAR, "ann", "-why", "eve", "+{}"], batch("processing", results=[("ann", "+{}")]), {("HGETALL", "results"): {"ann": "+{}"}}),
    Case(
        "batch_remove_student", "removes", 1, BATCH, ["bob"], [*batch("processing", results=[("bob", "-why")]), ("HSET", "state", "failed", 1)],
        {("HMGET", "state", "total", "processed", "failed"): ["1", "0", "0"], ("HKEYS", "items"): ["ann"], ("EXISTS", "results"): 0},
    ),
    Case("batch_remove_student", "does_not_find_the_student", 0, BATCH, ["eve"], batch("pending"), {("ZCARD", "students"): 2}),
    Case("consent_change", "records", "1 1 9 student:ann", CONSENT_KEYS, ["kind", "k", "1", "0", "9", "student:ann", "entry"], after={("HGET", "consents", "kind"): "1 1 9 student:ann\n", ("FIELDS", "journal"): [{"e": "entry"}], ("EXISTS", "profile"): 0}),
    Case("consent_change", "lists_what_is_withdrawn", "2 0 9 x", CONSENT_KEYS, ["kind", "k", "0", "1", "9", "x", "e"], [("HSET", "consents", "kind", "1 1 8 x\n"), ("HSET", "profile", "c", "a")], {("HGET", "profile", "c"): "ak"}),
    Case("consent_change", "repeats_nothing", "1 1 8 x", CONSENT_KEYS, ["kind", "k", "1", "0", "9", "x", "e"], [("HSET", "consents", "kind", "1 1 8 x\n")], {("EXISTS", "journal"): 0}),
    Case("consent_change", "withdraws_only_what_was_granted", 0, CONSENT_KEYS, ["kind", "k", "0", "1", "9", "x", "e"], after={("DBSIZE",): 0}),
    Case("consent_change", "refuses_the_erased", -1, CONSENT_KEYS, ["kind", "k", "1", "0", "9", "x", "e"], [("SET", "tombstone", "x")], {("DBSIZE",): 1}),
    Case("consent_change", "lifts_an_erasure", "1 1 9 x", CONSENT_KEYS, ["data_processing", "p", "1", "0", "9", "x", "e"], [("SET", "tombstone", "erased")], {("EXISTS", "tombstone"): 0}),
    Case("consent_change", "lifts_none_in_progress", -1, CONSENT_KEYS, ["data_processing", "p", "1", "0", "9", "x", "e"], [("SET", "tombstone", "erasing")], {("DBSIZE",): 1}),
    Case("consent_change", "lifts_none_by_refusing", -1, CONSENT_KEYS, ["data_processing", "p", "0", "0", "9", "x", "e"], [("SET", "tombstone", "erased")], {("DBSIZE",): 1}),
    Case("consent_change", "forgets_the_201st", "201 0 9 x", CONSENT_KEYS, ["kind", "k", "0", "0", "9", "x", "e"], [("HSET", "consents", "kind", "".join(f"{i} {i % 2 or 1} 8 x\n" for i in range(1, 201)))], {("HSTRLEN", "consents", "kind"): sum(len(f"{i} 1 8 x\n") for i in range(2, 202))}),
    Case("schema_1_audit_items", "records", [], ["audit", "reads", "mark", *STUDENT], ["seed", "1", "n", "4", "7", *RECORD], [PROFILE], {("FIELDS", "audit"): [stored_record(RECORD, NEW)], ("GET", "pseudonym"): NEW, ("EXISTS", "reads"): 0, ("GET", "mark"): "1"}),
    Case(
        "schema_1_audit_items", "counts_the_second_refusal", [], ["audit", "reads", "mark", *STUDENT], ["seed", "1", *["x", "4", "7", *REFUSAL] * 2],
        after={("FIELDS", "audit"): [stored_record(REFUSAL, "")], ("HGETALL", "reads"): {"\n7\nbob\nteacher\nread\nmastery\n0\n{}": "1 r2"}, ("EXISTS", "pseudonym"): 0},
    ),
    Case(
        "schema_1_audit_items", "records_all_but_an_item_of_a_student_with_a_key_of_another_type", [0],
        ["audit", "reads", "mark", *STUDENT, "other", "tombstone2", "profile2"], ["seed", "1", "n", "4", "7", *RECORD, "x", "7", "7", *REFUSAL],
        [("RPUSH", "pseudonym", "x"), ("SET", "other", "p")],
        {("FIELDS", "audit"): [stored_record(REFUSAL, "p")], ("HLEN", "reads"): 1, ("GET", "mark"): "1 0", ("TTL", "mark"): 86400},
    ),
    Case(
        "schema_1_audit_items", "reports_all_items_beside_a_log_of_another_type", [0, 1], ["audit", "reads", "mark", *STUDENT],
        ["seed", "1", "n", "4", "7", *RECORD, "x", "4", "7", *REFUSAL], [("RPUSH", "audit", "x"), ("SET", "pseudonym", "p")],
        {("EXISTS", "reads"): 0, ("GET", "mark"): "1 0 1"},
    ),
    Case(
        "schema_1_audit_count_reads", "counts_all_but_one_of_a_student_with_a_key_of_another_type", [0],
        ["reads", "mark", *STUDENT], ["seed", "1", "3", "3", "r1", "field", "0", "4", "r9", "field"], [("RPUSH", "pseudonym", "x")], {("HGETALL", "reads"): {"\nfield": "4 r9"}},
    ),
    Case("schema_1_audit_count_reads", "counts", [], ["reads", "mark", *STUDENT], ["seed", "1", *["3", "3", "r1", "field", "3", "4", "r9", "field"]], [("SET", "pseudonym", "p")], {("HGETALL", "reads"): {"p\nfield": "7 r1"}}),
    Case("schema_1_audit_items", "runs_once", [], ["audit", "reads", "mark", *STUDENT], ["seed", "7", "n", "4", "7", *RECORD], [("SET", "mark", "7")], {("EXISTS", "audit"): 0, ("GET", "mark"): "7", ("TTL", "mark"): 86400}),
    Case("schema_1_audit_items", "repeats_its_reply", [0, 12], ["audit", "reads", "mark", *STUDENT], ["seed", "7", "n", "4", "7", *RECORD], [("SET", "mark", "7 0 12")], {("EXISTS", "audit"): 0, ("GET", "mark"): "7 0 12", ("TTL", "mark"): 86400}),
    Case("schema_1_audit_items", "is_forbidden_after_the_fence", 0, ["audit", "reads", "mark", *STUDENT], ["seed", "9", "n", "4", "7", *RECORD], [("SET", "mark", "9 -")], {("EXISTS", "audit"): 0, ("GET", "mark"): "9 -"}),
    Case("schema_1_audit_items", "is_forbidden_after_a_later_one", 0, ["audit", "reads", "mark", *STUDENT], ["seed", "9", "n", "4", "7", *RECORD], [("SET", "mark", "10 0")], {("EXISTS", "audit"): 0, ("GET", "mark"): "10 0"}),
    Case("schema_1_audit_items", "runs_after_the_fence_of_an_earlier_one", [], ["audit", "reads", "mark", *STUDENT], ["seed", "10", "n", "4", "7", *RECORD], [("SET", "mark", "9 -")], {("XLEN", "audit"): 1, ("GET", "mark"): "10", ("TTL", "mark"): 86400}),
    Case("schema_1_audit_count_reads", "runs_once", [], ["reads", "mark", *STUDENT], ["seed", "9", "3", "3", "r1", "field"], [("SET", "mark", "9")], {("EXISTS", "reads"): 0, ("GET", "mark"): "9"}),
    Case("audit_items", "records", [], ["audit", "counts", "mark", *STUDENT], ["seed", "1", "n", "4", *RECORD], [PROFILE], {("FIELDS", "audit"): [stored_record(RECORD, NEW)], ("GET", "pseudonym"): NEW, ("EXISTS", "counts"): 0, ("GET", "mark"): "1"}),
    Case(
        "audit_items", "counts_the_second_refusal", [], ["audit", "counts", "mark", *STUDENT], ["seed", "1", *["x", "4", *REFUSAL] * 2],
        after={("FIELDS", "audit"): [stored_record(REFUSAL, "")], ("HSTRLEN", "counts", REFUSED): len("1 MMMMMMMMMMMMM-8193 MMMMMMMMMMMMM"), ("EXISTS", "pseudonym"): 0},
    ),
    Case(
        "audit_items", "goes_on_with_a_count", [], ["audit", "counts", "mark", *STUDENT], ["seed", "1", "x", "4", *REFUSAL], [("HSET", "counts", REFUSED, "4 7-1 7")],
        {("EXISTS", "audit"): 0, ("HSTRLEN", "counts", REFUSED): len("5 7-1 MMMMMMMMMMMMM")},
    ),
    Case(
        "audit_items", "records_all_but_an_item_of_a_student_with_a_key_of_another_type", [0],
        ["audit", "counts", "mark", *STUDENT, "other", "tombstone2", "profile2"], ["seed", "1", "n", "4", *RECORD, "x", "7", *REFUSAL],
        [("RPUSH", "pseudonym", "x"), ("SET", "other", "p")],
        {("FIELDS", "audit"): [stored_record(REFUSAL, "p")], ("HLEN", "counts"): 1, ("GET", "mark"): "1 0", ("TTL", "mark"): 86400},
    ),
    Case("audit_items", "runs_once", [], ["audit", "counts", "mark", *STUDENT], ["seed", "7", "n", "4", *RECORD], [("SET", "mark", "7")], {("EXISTS", "audit"): 0, ("GET", "mark"): "7"}),
    Case("audit_count_reads", "counts", [], ["counts", "mark", *STUDENT], ["seed", "1", *["3", "3", "field", "3", "4", "field"]], [("SET", "pseudonym", "p")], {("HSTRLEN", "counts", "p\nfield"): len("7 MMMMMMMMMMMMM-8193 MMMMMMMMMMMMM")}),
    Case(
        "audit_count_reads", "counts_all_but_one_of_a_student_with_a_key_of_another_type", [0],
        ["counts", "mark", *STUDENT], ["seed", "1", "3", "3", "field", "0", "4", "field"], [("RPUSH", "pseudonym", "x")], {("HKEYS", "counts"): ["\nfield"]},
    ),
    Case(
        "audit_count_reads", "counts_different_reads_together", [], ["counts", "mark", *STUDENT],
        ["seed", "1", *["3", "3", "field", "3", "4", "other", "3", "1", "field", "0", "1", "third"]],
        [("SET", "pseudonym", "p"), ("HSET", "counts", "p\nother", "5 7-1 7")],
        {
            ("HSTRLEN", "counts", "p\nfield"): len("4 MMMMMMMMMMMMM-8194 MMMMMMMMMMMMM"), ("HSTRLEN", "counts", "p\nother"): len("9 7-1 MMMMMMMMMMMMM"),
            ("HSTRLEN", "counts", "\nthird"): len("1 MMMMMMMMMMMMM-8195 MMMMMMMMMMMMM"), ("HLEN", "counts"): 3,
        },
    ),
    Case(
        "audit_count_reads", "reports_all_items_beside_counts_of_another_type", [0, 1], ["counts", "mark", *STUDENT],
        ["seed", "1", *["3", "3", "field", "0", "4", "other"]], [PROFILE, ("RPUSH", "counts", "x")], {("GET", "mark"): "1 0 1"},
    ),
    Case("audit_count_reads", "runs_once", [], ["counts", "mark", *STUDENT], ["seed", "9", "3", "3", "field"], [("SET", "mark", "9")], {("EXISTS", "counts"): 0, ("GET", "mark"): "9"}),
    Case("audit_segment_close", "closes", 1, CLOSE_KEYS, ["me", "", "7-1", "packed", "head", "2", "2", "400", "1", "5-0", "f", "3 6-1 6"], OPEN, {("FIELDS", "segments"): [SEGMENT], ("XLEN", "open"): 1, ("HKEYS", "counts"): ["g"]}),
    Case(
        "audit_segment_close", "adds_to_the_indexes", 1, [*CLOSE_KEYS, "of1", "of2"], ["me", "", LATEST_ID, "packed", "head", "2", "2", "10", "1", "5-0"],
        [*OPEN, ("SET", "of1", EARLY + LATE)],
        {("GET", "of1"): LATE + LATEST, ("GET", "of2"): LATEST, ("TTL", "of1"): 40 * 86400, ("TTL", "of2"): 40 * 86400},
    ),
    Case(
        "audit_segment_close", "cuts_what_is_no_whole_entry", 1, [*CLOSE_KEYS, "of1", "of2", "of3"], ["me", "", LATEST_ID, "packed", "head", "2", "2", "10", "1", "5-0"],
        [*OPEN, ("SET", "of1", LATE + "part"), ("SET", "of2", "part"), ("SET", "of3", EARLY + "part")], {("GET", "of1"): LATE + LATEST, ("GET", "of2"): LATEST, ("GET", "of3"): LATEST},
    ),
    Case(
        "audit_segment_close", "closes_nothing_if_an_index_has_another_type", ERROR, [*CLOSE_KEYS, "of1", "of2"], ["me", "", "7-1", "packed", "head", "2", "2", "400", "1", "5-0"],
        [*OPEN, ("RPUSH", "of2", "x")], {("EXISTS", "segments", "of1"): 0, ("XLEN", "open"): 2},
    ),
    Case("audit_segment_close", "adds_to_no_index_without_the_lease", -1, [*CLOSE_KEYS, "of1"], ["you", "", "7-1", "packed", "head", "2", "2", "400", "1", "5-0"], OPEN, {("EXISTS", "of1"): 0}),
    Case("audit_segment_close", "keeps_what_a_count_has_grown_by", 1, CLOSE_KEYS, ["me", "", "7-1", "packed", "head", "2", "2", "400", "0", "f", "1 6-1 6"], OPEN, {("HSTRLEN", "counts", "f"): len("2 MMMMMMMMMMMMM-16394 6")}),
    Case("audit_segment_close", "needs_the_lease", -1, CLOSE_KEYS, ["you", "", "7-1", "packed", "head", "2", "2", "400", "1", "5-0"], OPEN, {("EXISTS", "segments"): 0, ("XLEN", "open"): 2}),
    Case("audit_segment_close", "needs_the_head", 0, CLOSE_KEYS, ["me", "other", "7-1", "packed", "head", "2", "2", "400", "1", "5-0"], OPEN, {("EXISTS", "segments"): 0, ("XLEN", "open"): 2}),
    Case("audit_segment_close", "needs_that_there_is_none", 0, CLOSE_KEYS, ["me", "", "9-1", "packed", "head", "2", "4", "400", "1", "5-0"], [*OPEN, ("XADD", "segments", "7-1", *SEGMENT_ARGS)], {("XLEN", "segments"): 1, ("XLEN", "open"): 2}),
    Case("audit_segment_close", "continues", 1, CLOSE_KEYS, ["me", "head", "9-1", "packed", "head", "2", "4", "400", "1", "5-0"], [*OPEN, ("XADD", "segments", "7-1", *SEGMENT_ARGS)], {("XLEN", "segments"): 2, ("XLEN", "open"): 1}),
    Case("audit_segment_close", "needs_the_records", 0, CLOSE_KEYS, ["me", "", "7-1", "packed", "head", "2", "2", "400", "1", "5-1"], OPEN, {("EXISTS", "segments"): 0}),
    Case("audit_segment_close", "needs_the_counts", 0, CLOSE_KEYS, ["me", "", "7-1", "packed", "head", "2", "2", "400", "1", "5-0", "h", "1 6-1 6"], OPEN, {("EXISTS", "segments"): 0, ("XLEN", "open"): 2}),
    Case("audit_segment_close", "needs_a_count_that_has_not_shrunk", 0, CLOSE_KEYS, ["me", "", "7-1", "packed", "head", "2", "2", "400", "1", "5-0", "f", "4 6-1 6"], OPEN, {("EXISTS", "segments"): 0, ("HLEN", "counts"): 2}),
    Case("audit_segment_close", "works_when_redis_is_full", 1, CLOSE_KEYS, ["me", "", "7-1", "packed", "head", "2", "2", "400", "1", "5-0"], [*OPEN, ("CONFIG", "SET", "maxmemory", 1)], {("CONFIG", "SET", "maxmemory", 0): "OK", ("XLEN", "segments"): 1, ("XLEN", "open"): 1}),
    Case("audit_counts_remove", "removes_what_is_as_it_was_read", 1, ["lease", "counts"], ["me", "f", "x", "g", "1 6-2 6", "h", "y"], OPEN, {("HKEYS", "counts"): ["f"]}),
    Case("audit_counts_remove", "needs_the_lease", -1, ["lease", "counts"], ["you", "g", "1 6-2 6"], OPEN, {("HLEN", "counts"): 2}),
    Case("audit_segment_bound", "finds_none", ["", 0], ["segments"], [""]),
    Case("audit_segment_bound", "finds_the_latest", ["8-1", 4], ["segments"], [""], SEGMENTS),
    Case("audit_segment_bound", "finds_the_one_with_an_id", ["7-1", 4], ["segments"], ["6-0"], SEGMENTS),
    Case("audit_segment_bound", "finds_the_latest_before_a_later_id", ["8-1", 4], ["segments"], ["9-0"], SEGMENTS),
    Case("audit_segment_forget", "removes_the_older_ones", 1, ["lease", "segments"], ["me", "8-1"], [LEASE, *SEGMENTS], {("XLEN", "segments"): 1}),
    Case("audit_segment_forget", "needs_the_one_that_stays", 0, ["lease", "segments"], ["me", "9-1"], [LEASE, *SEGMENTS], {("XLEN", "segments"): 2}),
    Case("audit_segment_forget", "needs_the_lease", -1, ["lease", "segments"], ["you", "8-1"], [LEASE, *SEGMENTS], {("XLEN", "segments"): 2}),
    Case("audit_segment_trim", "removes_old_ones", 1, ["lease", "segments"], ["me", "8"], [LEASE, *SEGMENTS], {("XLEN", "segments"): 1}),
    Case("audit_segment_trim", "keeps_the_latest", 1, ["lease", "segments"], ["me", "9"], [LEASE, *SEGMENTS], {("XLEN", "segments"): 1}),
    Case("audit_segment_trim", "needs_the_lease", -1, ["lease", "segments"], ["me", "9"], SEGMENTS, {("XLEN", "segments"): 2}),
    Case("audit_fence", "forbids_what_has_not_run", 0, ["mark"], ["9"], [("SET", "mark", "7 0 3")], {("GET", "mark"): "9 -", ("TTL", "mark"): 86400}),
    Case("audit_fence", "forbids_the_first_command", 0, ["mark"], ["1"], after={("GET", "mark"): "1 -"}),
    Case("audit_fence", "repeats_the_reply_of_what_has_run", [], ["mark"], ["7"], [("SET", "mark", "7")], {("GET", "mark"): "7", ("TTL", "mark"): 86400}),
    Case("audit_fence", "says_which_items_failed", [0, 12], ["mark"], ["7"], [("SET", "mark", "7 0 12")], {("GET", "mark"): "7 0 12"}),
    Case("audit_fence", "repeats_that_it_has_forbidden", 0, ["mark"], ["9"], [("SET", "mark", "9 -")], {("GET", "mark"): "9 -"}),
    Case("audit_fence", "forbids_nothing_when_it_is_late", 0, ["mark"], ["7"], [("SET", "mark", "9 4")], {("GET", "mark"): "9 4"}),
    Case("audit_fence", "works_when_redis_is_full", 0, ["mark"], ["9"], [("CONFIG", "SET", "maxmemory", 1)], {("CONFIG", "SET", "maxmemory", 0): "OK", ("GET", "mark"): "9 -"}),
    Case("audit_pseudonym", "makes_one", NEW, STUDENT, ["seed"], [PROFILE], {("GET", "pseudonym"): NEW, ("TTL", "pseudonym"): -1}),
    Case("audit_pseudonym", "makes_one_that_expires_for_the_unknown", NEW, STUDENT, ["seed"], after={("TTL", "pseudonym"): 34560000}),
    Case("audit_pseudonym", "stores_none_of_the_erased", NEW, STUDENT, ["seed"], [("SET", "tombstone", "x")], {("EXISTS", "pseudonym"): 0}),
    Case(
        "schema_1_audit_aggregate", "adds_counts_that_are_unchanged", 1, ["lease", "reads", "audit"],
        ["me", "f", "2 r1", "p", *RECORD, "g", "1 r1", "p", *RECORD, "h", "0 r1", "p", *RECORD[:7], "0"],
        [LEASE, ("HSET", "reads", "f", "2 r1", "g", "2 r1", "h", "0 r1")], {("HGETALL", "reads"): {"g": "2 r1"}, ("FIELDS", "audit"): [stored_record(RECORD, "p")]},
    ),
    Case("schema_1_audit_aggregate", "needs_the_lease", -1, ["lease", "reads", "audit"], ["me", "f", "2 r1", "p", *RECORD], [("HSET", "reads", "f", "2 r1")], {("HLEN", "reads"): 1}),
    Case("schema_1_audit_seal_add", "adds_the_first", 1, ["lease", "seals"], ["me", "", *SEAL], [LEASE], {("FIELDS", "seals"): [{"q": "1", "h": "head1"}]}),
    Case("schema_1_audit_seal_add", "refuses_after_another_head", 0, ["lease", "seals"], ["me", "head0", *SEAL], [LEASE, ("XADD", "seals", "1-0", *SEAL)], {("XLEN", "seals"): 1}),
    Case("schema_1_audit_seal_add", "needs_the_lease", -1, ["lease", "seals"], ["me", "", *SEAL], after={("EXISTS", "seals"): 0}),
    Case(
        "schema_1_audit_seal_trim", "removes_older_ones", 2, ["lease", "audit", "seals"], ["me", "3-0", "2-0"],
        [LEASE, *[("XADD", key, f"{i}-0", "e", i) for key in ("audit", "seals") for i in (1, 2, 3)]], {("XLEN", "audit"): 1, ("XLEN", "seals"): 2},
    ),
    Case("schema_1_audit_seal_trim", "needs_the_lease", -1, ["lease", "audit", "seals"], ["me", "3-0", "2-0"]),
    Case("idempotency_acquire", "acquires", lambda reply: RUNNING.fullmatch(reply[0])[1] == "owner" and reply[1] == 0, ["record"], IDEMPOTENCY, after={("TTL", "record"): 5, ("GET", "record"): RUNNING}),
    Case("idempotency_acquire", "continues_one_that_lost_the_key", lambda reply: RUNNING.fullmatch(reply[0])[1] == "effect", ["record"], IDEMPOTENCY, [("SET", "record", "running digest other 1 effect")], {("GET", "record"): RUNNING}),
    Case("idempotency_acquire", "continues_one_of_an_earlier_version", lambda reply: RUNNING.fullmatch(reply[0])[1] == "owner", ["record"], IDEMPOTENCY, [("SET", "record", "running digest other 1")], {("GET", "record"): RUNNING}),
    Case("idempotency_acquire", "replies_one_that_has_the_key", lambda reply: reply[1] > 10**12, ["record"], IDEMPOTENCY, [("SET", "record", f"running digest other {FAR}000 effect")], {("GET", "record"): f"running digest other {FAR}000 effect"}),
    Case("idempotency_acquire", "replies_one_of_another_body", lambda reply: reply[0] == "running another other 1 effect", ["record"], IDEMPOTENCY, [("SET", "record", "running another other 1 effect")], {("TTL", "record"): -1}),
    Case("idempotency_acquire", "replies_one_that_is_done", ["done", 0], ["record"], IDEMPOTENCY, [("SET", "record", "done")], {("TTL", "record"): -1}),
    Case("idempotency_finish", "replaces", 1, ["record"], ["owner", "done", "5000", "1000"], [OWNED], {("GET", "record"): "done", ("TTL", "record"): 5}),
    Case("idempotency_finish", "replaces_after_the_lease", 1, ["record"], ["owner", "done", "5000", "1000"], [("SET", "record", "running digest owner 1 effect", "PX", 9000)], {("GET", "record"): "done"}),
    Case("idempotency_finish", "deletes", 1, ["record"], ["owner", "free", "5000", "1000"], [("SET", "record", "running digest owner 9 owner", "PX", 9000)], {("EXISTS", "record"): 0}),
    Case("idempotency_finish", "keeps_the_change_of_an_earlier_request", 1, ["record"], ["owner", "free", "5000", "1000"], [OWNED], {("GET", "record"): "running digest owner 0 effect", ("TTL", "record"): 9}),
    Case("idempotency_finish", "ends_the_lease", 1, ["record"], ["owner", "end", "5000", "1000"], [OWNED], {("GET", "record"): "running digest owner 0 effect", ("TTL", "record"): 9}),
    Case("idempotency_finish", "leaves_one_that_is_too_old", 0, ["record"], ["owner", "done", "5000", "10000"], [OWNED], {("GET", "record"): OWNED[2]}),
    Case("idempotency_finish", "leaves_anothers", 0, ["record"], ["other", "done", "5000", "1000"], [OWNED], {("GET", "record"): OWNED[2]}),
    Case("idempotency_register", "lists_and_removes_expired_ones", 1, ["list", "tombstone"], ["name", "5000"], [("ZADD", "list", 1, "old")], {("ZRANGE", "list", "0", "-1"): ["name"], ("TTL", "list"): 5}),
    Case("idempotency_register", "refuses_the_erased", 0, ["list", "tombstone"], ["name", "5000"], [("SET", "tombstone", "x")], {("EXISTS", "list"): 0}),
    Case(
        "erasure_shard", "erases", [1, 1, 1, 2], ERASE_KEYS, ERASE, ERASE_STATE,
        {
            ("EXISTS", "profile", "day1", "day2", "outbox"): 0, ("GET", "tombstone"): "erasing", ("FIELDS", "journal"): [{"e": '{"student_id":"bob","by":"ann"}'}],
            ("FIELDS", "audit"): [stored_record(["adm", "admin", "erased", "student", "1", "r", "{}", "1"], "")],
        },
    ),
    Case("erasure_shard", "counts_in_a_dry_run", [1, 1, 1, 2], ERASE_KEYS, ["ann", "1", *ERASE[2:]], ERASE_STATE, {("EXISTS", "profile", "day2"): 2, ("EXISTS", "tombstone", "audit"): 0, ("XLEN", "journal"): 2}),
    Case("erasure_shard", "needs_the_token", 0, ERASE_KEYS, ERASE, [*ERASE_STATE, ("SET", "token", "abc\nmore")], {("EXISTS", "profile"): 1}),
    Case("erasure_finish", "leaves_a_tombstone_that_expires", 1, ["tombstone", "list"], ["60"], [("ZADD", "list", 1, "x"), ("SET", "tombstone", "erasing")], {("EXISTS", "list"): 0, ("GET", "tombstone"): "erased", ("TTL", "tombstone"): 60}),
    Case("erasure_epoch", "counts", 3, ["epoch"], [], [("SET", "epoch", "2")], {("GET", "epoch"): "3"}),
    Case("erasure_epoch", "begins_at_one", 1, ["epoch"], [], after={("GET", "epoch"): "1"}),
    Case(
        "erasure_search", "finds_and_says_where_it_ends", [[["2-0", ["e", "to ann"]]], "3-0", 0], ["stream"], ["(1-0", "ann", "1000"],
        [("XADD", "stream", f"{n}-0", "e", text) for n, text in ((1, "ann"), (2, "to ann"), (3, "bob"))],
    ),
    Case("erasure_search", "stops_after_enough_bytes", [[], "1-0", 1], ["stream"], ["-", "ann", "50"], [("XADD", "stream", f"{n}-0", "e", "other text") for n in range(1, 30)]),
    Case("erasure_search", "finds_each_entry_by_no_text", [[["1-0", ["e", "x" * 50]]], "1-0", 1], ["stream"], ["-", "", "50"], [("XADD", "stream", f"{n}-0", "e", "x" * 50) for n in range(1, 30)]),
    Case("erasure_search", "counts_what_it_finds", [[["1-0", ["e", "x" * 500]], ["2-0", ["e", "x" * 500]]], "2-0", 1], ["stream"], ["-", "", "1000"], [("XADD", "stream", f"{n}-0", "e", "x" * 500) for n in range(1, 30)]),
    Case("erasure_search", "of_no_stream", [[], "", 0], ["stream"], ["-", "ann", "50"]),
    Case(
        "dead_letter_add", "adds", lambda reply: "-" in reply, LETTER_KEYS, ["dapr", "text", "3", "ann", "bob"],
        after={("FIELDS", "stream"): [{"s": "dapr"}], ("ZCARD", "index"): 2, ("HLEN", "texts"): 2},
    ),
    Case("dead_letter_add", "removes_the_oldest", lambda reply: "-" in reply, LETTER_KEYS, ["dapr", "text", "1"], LETTERS, {("XLEN", "stream"): 1, ("HLEN", "texts"): 2, ("EXISTS", "index"): 0}),
    Case("dead_letter_remove", "removes", 1, LETTER_KEYS, ["1-0", "7-0"], LETTERS, {("XLEN", "stream"): 1, ("HKEYS", "texts"): ["2-0", "2-0 names"], ("ZRANGE", "index", 0, -1): ["ann 2-0"]}),
    Case("dead_letter_trim", "removes_old_ones", 1, LETTER_KEYS, ["1", "100"], LETTERS, {("XLEN", "stream"): 1, ("HLEN", "texts"): 2}),
    Case("dead_letter_list", "reads", [["1-0", ["e", "one"]], ["2-0", ["e", "two"]]], LETTER_KEYS[:2], ["XRANGE", "-", "+", "5"], LETTERS),
    Case("dead_letter_list", "reads_one_of_0_1_0", [["1-0", ["e", "old"]]], LETTER_KEYS[:2], ["XRANGE", "-", "+", "5"], [("XADD", "stream", "1-0", "e", "old")]),
    Case("dead_letter_get", "reads", "one", LETTER_KEYS[:2], ["1-0"], LETTERS),
    Case("dead_letter_get", "reads_one_of_0_1_0", "old", LETTER_KEYS[:2], ["3-0"], [*LETTERS, ("XADD", "stream", "3-0", "e", "old")]),
    Case("dead_letter_get", "finds_none", None, LETTER_KEYS[:2], ["7-0"], LETTERS),
    Case("dead_letter_get", "accepts_any_text", None, LETTER_KEYS[:2], ["- +"], LETTERS),
    Case("dead_letter_update", "replaces", 1, ["texts"], ["1-0", "new"], LETTERS, {("HGET", "texts", "1-0"): "new"}),
    Case("dead_letter_update", "makes_none", 0, ["texts"], ["7-0", "new"], LETTERS, {("HLEN", "texts"): 4}),
    Case("batch_register", "adds", 1, ["index", "tombstone"], ["b1", f"{FAR}000"], [("ZADD", "index", 1, "old")], {("ZRANGE", "index", 0, -1): ["b1"], ("EXPIRETIME", "index"): int(FAR)}),
    Case("batch_register", "never_shortens", 1, ["index", "tombstone"], ["b1", f"{FAR}000"], [("ZADD", "index", f"{FAR}001", "b2"), ("EXPIREAT", "index", int(FAR) + 1)], {("EXPIRETIME", "index"): int(FAR) + 1}),
    Case("batch_register", "refuses_the_erased", 0, ["index", "tombstone"], ["b1", f"{FAR}000"], [("SET", "tombstone", "x")], {("EXISTS", "index"): 0}),
    Case(
        "student_trim_entries", "removes_by_arrival_and_by_day", "0", ["stream"], ["0", "200", "5000", "2026-01-10", "20463"],
        [("XADD", "stream", f"{n}-0", "e", f'{{"timestamp":"{day}T00:00:00.000Z"}}') for n, day in ((4000, "2026-02-01"), (5000, "2026-01-09"), (6000, "2026-01-10"))] + [("XADD", "stream", "7000-0", "model", "x"), ("XADD", "stream", "8000-0", "z", "\x01aa packed"), ("XADD", "stream", "9000-0", "z", "\x01 ! packed")],
        {("XLEN", "stream"): 3},
    ),
    Case("student_trim_entries", "goes_page_by_page", "2-0", ["stream"], ["0", "2", "1", "2026-01-10", "20463"], [("XADD", "stream", f"{n}-0", "e", "x") for n in range(1, 4)]),
    Case("erasure_leave_cohort", "leaves", 1, ["cohort"], ["ann", "0", "9"], [("HSET", "cohort", "students", "joann ann bob")], {("HGETALL", "cohort"): {"students": "joann bob", "student_count": "2", "updated_at": "9"}}),
    Case("erasure_leave_cohort", "changes_nothing_in_a_dry_run", 1, ["cohort"], ["ann", "1", "9"], [("HSET", "cohort", "students", "ann")], {("HGETALL", "cohort"): {"students": "ann"}}),
    Case("erasure_leave_cohort", "does_not_find_the_student", 0, ["cohort"], ["ann", "0", "9"], [("HSET", "cohort", "students", "joann")], {("HGET", "cohort", "students"): "joann"}),
    Case("cohort_link_student", "links", 1, ["cohorts", "tombstone"], [f"{FAR}000", "c1"], after={("SMEMBERS", "cohorts"): {"c1"}}),
    Case("cohort_link_student", "refuses_after_the_lease", -1, ["cohorts", "tombstone"], ["1", "c1"], after={("EXISTS", "cohorts"): 0}),
    Case("cohort_link_student", "refuses_the_erased", -2, ["cohorts", "tombstone"], [f"{FAR}000", "c1"], [("SET", "tombstone", "x")], {("EXISTS", "cohorts"): 0}),
]


@pytest.fixture(scope="module")
def store():
    with RedisServer() as server:
        yield server.client()


def reply_to(store, command):
    if command[0] == "FIELDS":
        return [fields for _, fields in store.xrange(command[1])]
    return store.execute_command(*command)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_script_does(store, case):
    store.flushall()
    store.config_set("maxmemory", 0)
    for command in case.before:
        store.execute_command(*command)
    try:
        reply = store.eval(text_of(case.script), len(case.keys), *case.keys, *case.argv)
    except ResponseError:
        reply = ERROR
    if callable(case.reply):
        assert case.reply(reply), reply
    else:
        assert reply == case.reply
    for command, expected in case.after.items():
        found = reply_to(store, command)
        if isinstance(expected, re.Pattern):
            assert expected.fullmatch(found), command
        else:
            assert found == expected, command


def test_each_script_has_a_case():
    assert {case.script for case in CASES} == set(SCRIPTS)


def test_each_script_says_its_keys_arguments_and_reply():
    """A line such as `-- KEYS[1]  lease`; ARGV[4...11] is a range, ARGV[5...] all from there on."""
    for script in SCRIPTS:
        lines = (FOLDER / f"{script}.lua").read_text().split("\n")
        head = "\n".join(line for line in lines if line.startswith("--"))
        body = "\n".join(line for line in lines if not line.startswith("--"))
        assert re.search(r"^-- Returns  \S", head, re.MULTILINE), script
        for name in ("KEYS", "ARGV"):
            said = set()
            for first, dots, last in re.findall(rf"^-- {name}\[(\d+)(\.\.\.)?(\d*)\]", head, re.MULTILINE):
                said |= set(range(int(first), int(last or (99 if dots else first)) + 1))
            assert {int(n) for n in re.findall(rf"\b{name}\[(\d+)\]", body)} <= said, f"{script}: {name}"


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_compiles(script, tmp_path):
    file = tmp_path / f"{script}.lua"
    file.write_text(text_of(script))
    luac = shutil.which("luac5.1") or shutil.which("luac")
    assert luac, "luac is missing: install the package lua5.1"
    subprocess.run([luac, "-p", file], check=True)


@pytest.mark.skipif(not shutil.which("luacheck"), reason="luacheck is not installed (package lua-check)")
def test_luacheck_finds_nothing(tmp_path):
    files = []
    for script in SCRIPTS:
        files.append(tmp_path / f"{script}.lua")
        files[-1].write_text(text_of(script))
    # 211: a script may use one of its library's functions only.
    options = ["--std", "lua51", "--read-globals", "redis", "cjson", "struct", "bit", "KEYS", "ARGV", "--ignore", "211/audit_.*", "211/days_.*", "211/marks_.*", "--no-color", "-q"]
    result = subprocess.run(["luacheck", *files, *options], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
