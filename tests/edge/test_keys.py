# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of all keys (app/store/keys.def) against the document and the code that makes key names."""
import re

import pytest
from harness.binaries import ROOT
from harness.keys import OTHER_KEYS, SHARED_KEYS, STUDENT_KEYS, row_of

DOCUMENT = (ROOT / "docs/data-model.md").read_text().split("## Keys")[1].split("\n## ")[0]
PATTERNS = [row.pattern for row in STUDENT_KEYS] + [row["pattern"] for row in SHARED_KEYS] + OTHER_KEYS
TYPES = {"TYPE_STRING": "string", "TYPE_HASH": "hash", "TYPE_SET": "set", "TYPE_SORTED_SET": "sorted set",
         "TYPE_STREAM": "stream"}  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_each_key_is_documented(pattern):
    assert f"| `{pattern}" in DOCUMENT


@pytest.mark.parametrize("row", STUDENT_KEYS, ids=lambda row: row.id)
def test_type_and_retention_are_documented(row):
    [line] = [line for line in DOCUMENT.splitlines() if line.startswith(f"| `{row.pattern}` ")]
    _, _, kind, _, expiry, _ = (cell.strip() for cell in line.split("|"))
    assert kind == TYPES[row.type]
    said = {"RETAIN_ALWAYS": r"none|with the student.*", "RETAIN_ENTRIES": rf".*\b{row.days} days.*removed by the worker",
            "RETAIN_EXPIRY": r".+"}  # fmt: skip
    said |= {name: said["RETAIN_ENTRIES"] for name in ("RETAIN_FIELDS", "RETAIN_MARKS", "RETAIN_DAYS")}
    assert re.fullmatch(said[row.retention], expiry), expiry


def test_no_key_is_made_that_is_not_in_the_table():
    """All key names are made in one file."""
    code = (ROOT / "app/store/keys.c").read_text()
    fixed = [text for text in re.findall(r'STR_INIT\("([^"]+)"\)', code) if ":" in text or text.isalpha()]
    fixed = [text for text in fixed if "*" not in text and not text.startswith((":", "}"))]
    made = re.findall(r'arena_printf\(\w+, "([^"]+)"', code)
    shards = [f"{{00}}:{name}" for name in re.findall(r'\[SHARD_KEY_\w+\] = "([^"]+)"', code)]
    example = lambda text: text.replace("%sfrom", "from").replace("%.2s", "00").replace("{%02x}:%s", "{00}:journal").replace("{%02x}", "{00}").replace("%.*s", "00").replace("%s", "x")
    found = fixed + shards + [example(text) for text in made]
    assert len(found) > 20 and not [key for key in found if not row_of(key.removesuffix("x") if key.endswith("}x") else key)]
