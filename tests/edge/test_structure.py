# SPDX-License-Identifier: GPL-3.0-or-later
"""No circle of calls or of includes, between files or between folders, and calls point the way includes do.

The calls come from the compiled objects: nm says what each one defines and what it needs."""
import os
import pathlib
import re
import subprocess

import pytest

from edge.test_tree import INCLUDE, ROOMS, ROOT, sources

BUILD = pathlib.Path(os.environ.get("MASTERY_BIN_DIR", ROOT / ".state/build"))
# Objects of a program carry its name: mastery_ctl-main.o.
PROGRAM = re.compile(r"[a-z_]+-(?=[a-z_0-9]+\.o$)")


def circles(needs):
    """The strongly connected sets of more than one node (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in needs.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            ring = [stack.pop()]
            while ring[-1] != node:
                ring.append(stack.pop())
            if len(ring) > 1:
                found.append(sorted(ring))

    for node in needs:
        if node not in index:
            visit(node)
    return found


def folders(needs):
    """The same between folders."""
    result = {}
    for file, others in needs.items():
        own = file.rsplit("/", 1)[0]
        result.setdefault(own, set()).update({o.rsplit("/", 1)[0] for o in others} - {own})
    return result


def objects():
    """(path, source without its ending) of each object; one that an earlier build left has no source any more."""
    for folder in ROOMS:
        for path in sorted((BUILD / folder).glob("*.o")):
            file = f"{folder}/{PROGRAM.sub('', path.name)}"[:-2]
            if (ROOT / f"{file}.c").exists():
                yield path, file


@pytest.fixture(scope="module")
def calls():
    """file -> the files whose functions or variables it uses."""
    defined, needed = {}, {}
    for path, file in objects():
        symbols = subprocess.run(["nm", "-g", path], capture_output=True, text=True, check=True).stdout
        needed[file] = set()
        for line in symbols.splitlines():
            kind, name = line.split()[-2:]
            if kind == "U":
                needed[file].add(name)
            else:
                defined[name] = file
    assert len(needed) > 150, f"no objects in {BUILD}"
    return {file: {defined[n] for n in names if n in defined} - {file} for file, names in needed.items()}


@pytest.fixture(scope="module")
def includes():
    """header or source -> the headers that it includes."""
    return {
        str(path.relative_to(ROOT)): set(INCLUDE.findall(path.read_text())) - {str(path.relative_to(ROOT))}
        for path in sources()
    }


def test_circles_are_found():
    assert circles({"a": ["b"], "b": ["c"], "c": ["b"], "d": ["a"]}) == [["b", "c"]]


def test_no_files_call_each_other_in_a_circle(calls):
    assert not circles(calls)


def test_no_folders_call_each_other_in_a_circle(calls):
    assert not circles(folders(calls))


def test_calls_point_inwards(calls):
    outwards = {
        (file, other)
        for file, others in calls.items()
        for other in others
        if ROOMS.index(other.rsplit("/", 1)[0]) < ROOMS.index(file.rsplit("/", 1)[0])
    }
    assert not outwards


def test_no_headers_include_each_other_in_a_circle(includes):
    assert not circles(includes)


def test_hardly_any_state_at_file_scope():
    """Variables outside functions that can change: at most one for 2 000 lines of source."""
    found = []
    for path, _ in objects():
        table = subprocess.run(["objdump", "-t", path], capture_output=True, text=True, check=True).stdout
        # An object in .data or .bss; a variable inside a function has a number after its name.
        table = table.replace(".data.rel.ro", "")
        found += re.findall(r" O \.(?:data|bss)\S*\s+\w+\s+(?!.*\.\d+$)(\w+)$", table, re.MULTILINE)
    lines = sum(len(path.read_text().splitlines()) for path in sources() if path.suffix == ".c")
    assert len(found) <= lines / 2000, found


def test_every_counter_and_gauge_is_counted():
    """A number that nothing changes would be 0 for ever, and its alert silent."""
    rows = re.findall(r"^COUNTER\((\w+),", (ROOT / "app/obs/metrics.def").read_text(), re.MULTILINE)
    gauges = re.findall(r"\bGAUGE_\w+(?=,)", (ROOT / "app/obs/metrics.h").read_text())
    names = {f"METRIC_{row}" for row in rows} | set(gauges)
    assert len(names) > 20
    code = "".join(path.read_text() for path in sources() if path.parent.name != "obs" and path.suffix == ".c")
    assert not names - set(re.findall(r"\b(?:METRIC|GAUGE)_\w+", code))
