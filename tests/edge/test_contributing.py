# SPDX-License-Identifier: GPL-3.0-or-later
"""CONTRIBUTING's endpoint in ten minutes: its pieces, put where it says, compile and make a route."""
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLAGS = "-std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-missing-field-initializers".split()


def pieces():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    blocks = re.findall(r"^ *```c\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    rules, handler, rest = blocks
    response, row = rest.rsplit("\n\n", 1)
    return rules, handler, response, row


def renamed(name):
    """Who has followed the guide has an endpoint of its name already."""
    return [re.sub(r"\bstreak(?![a-z])", name, piece) for piece in pieces()]


def with_endpoint(source, parts):
    rules, handler, response, row = parts
    table = "static const struct route routes[] = {\n"
    head, tail = source.split(table)
    return "\n".join((head, rules, handler, response, table, row, tail))


@pytest.mark.parametrize("names", [["of_the_guide"], ["of_a_reader", "of_the_guide"]])
def test_the_endpoint_of_the_guide_compiles(tmp_path, names):
    changed, source = tmp_path / "mastery.c", (ROOT / "app/routes/mastery.c").read_text()
    for name in names:
        source = with_endpoint(source, renamed(name))
    changed.write_text(source)
    libraries = subprocess.run(
        ["pkg-config", "--cflags", "hiredis", "json-c"], capture_output=True, text=True, check=True
    ).stdout.split()
    command = ["gcc", *FLAGS, "-I", ROOT, *libraries, "-fsyntax-only", changed]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
