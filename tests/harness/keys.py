# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of all keys in Redis (app/store/keys.def), from which tests derive their cases."""
import re
from dataclasses import dataclass

from harness.binaries import ROOT

TEXT = re.sub(r"/\*.*?\*/", "", (ROOT / "app/store/keys.def").read_text(), flags=re.DOTALL)


def rows(macro):
    """The arguments of each row, as texts without quotes; NOT and AS are ("NOT", text), ("AS", text)."""
    for arguments in re.findall(rf"^{macro}\((.*?)\)$", TEXT, re.MULTILINE | re.DOTALL):
        found = re.findall(r'(AS|NOT)\("([^"]*)"\)|"([^"]*)"|([A-Za-z0-9_]+)', arguments)
        yield [(kind, said) if kind else text or word for kind, said, text, word in found]


@dataclass
class StudentKey:
    id: str
    name: str
    suffix: str
    family: str
    type: str
    export: tuple
    erase: str
    retention: str
    days: int

    @property
    def pattern(self):
        return ("{ss}:student:HASH" if self.family == "KEY_HASHED" else "{ss}:student:ID") + self.suffix + ("YYYYMMDD" if self.family == "KEY_DAILY" else "")


STUDENT_KEYS = [StudentKey(*row[:-1], int(row[-1])) for row in rows("STUDENT_KEY")]
SHARED_KEYS = [dict(zip(("id", "name", "pattern", "export", "phase", "found", "kept"), row)) for row in rows("SHARED_KEY")]
OTHER_KEYS = [row[0] for row in rows("OTHER_KEY")]
EXPORTED = {row.export[1] for row in STUDENT_KEYS if row.export[0] == "AS"} | {
    row["export"][1] for row in SHARED_KEYS if row["export"][0] == "AS"
}


def expression(pattern):
    """What a key of this pattern looks like. A pattern of a queue or batch stands for its parts, too."""
    parts = {"{ss}": r"\{[0-9a-f]{2}\}", "YYYYMMDD": r"\d{8}", "TOKEN": r"[0-9a-f]+", "HASH": r"[^:{}]+"}
    text = re.escape(pattern).replace("\\{", "{").replace("\\}", "}")
    for name, meaning in parts.items():
        text = text.replace(name, meaning)
    text = re.sub(r"(?<!\\)\{([A-Za-z:]+)(?<!\\)\}", lambda m: r"\{" + m[1] + r"\}", text)
    text = text.replace("ROLE:CALLER", r"[a-z]+:[^{}]+").replace("ID", r"[^:{}]+")
    return text + (r"(:[a-z]+)?" if pattern.startswith(("queue:", "batch:")) else "")


def row_of(key):
    """The pattern of the row of a key; None: there is no row."""
    patterns = [row.pattern for row in STUDENT_KEYS] + [row["pattern"] for row in SHARED_KEYS] + OTHER_KEYS
    return next((pattern for pattern in patterns if re.fullmatch(expression(pattern), key)), None)
