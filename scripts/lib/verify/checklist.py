# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/deployment-verification-checklist.md, read line by line."""
import re

from verify.local import FOLDER, ROOT

NAME = "deployment-verification-checklist.md"
HEADING = re.compile(r"### (.*)|\*\*(Sign-off Required|Next Actions)\*\*:")
BOX = re.compile(r"((?:- |\d+\. )\[ \] )(.*)")


def read_lines():
    """(section, line) of each line; the installed copy is in the package's folder."""
    section = None
    path = next(path for path in (ROOT / "docs" / NAME, FOLDER / NAME) if path.exists())
    for line in path.read_text().splitlines():
        if heading := HEADING.fullmatch(line):
            section = heading[1] or heading[2]
        yield section, line


def read_boxes():
    """(section, words) of each box."""
    return [(section, match[2]) for section, line in read_lines() if (match := BOX.fullmatch(line))]
