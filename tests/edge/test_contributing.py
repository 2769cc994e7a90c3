# SPDX-License-Identifier: GPL-3.0-or-later
"""CONTRIBUTING's endpoint in ten minutes: its pieces, put where it says, compile and make a route."""
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLAGS = "-std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-missing-field-initializers".split()


def pieces():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    blocks = re.findall(r"^ *```c\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    rules, handler, rest = blocks
    answer, row = rest.rsplit("\n\n", 1)
    return rules, handler, answer, row


def with_endpoint(source):
    rules, handler, answer, row = pieces()
    table = "static const struct route routes[] = {\n"
    head, tail = source.split(table)
    return "\n".join((head, rules, handler, answer, table, row, tail))


def test_the_endpoint_of_the_guide_compiles(tmp_path):
    changed = tmp_path / "mastery.c"
    changed.write_text(with_endpoint((ROOT / "app/routes/mastery.c").read_text()))
    libraries = subprocess.run(
        ["pkg-config", "--cflags", "hiredis", "json-c"], capture_output=True, text=True, check=True
    ).stdout.split()
    command = ["gcc", *FLAGS, "-I", ROOT, *libraries, "-fsyntax-only", changed]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
