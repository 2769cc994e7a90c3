# SPDX-License-Identifier: GPL-3.0-or-later
"""The house keeps its order: includes point one way, and each fact stands in one place."""
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# From the street inwards: a room may call those behind it.
ROOMS = [
    "fcgi",
    "app/ctl",
    "app/worker",
    "app/routes",
    "app/pipeline",
    "app/ingest",
    "app/service",
    "app/auth",
    "app/http",
    "app/store",
    "app/obs",
    "app/domain",
    "app/runtime",
    "app/base",
]
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
LIBRARIES_OF = {  # who may know a library
    "fcgiapp.h": {"fcgi"},
    "hiredis/hiredis.h": {"app/store"},
    "jwt.h": {"app/auth"},
    "zstd.h": {"app/base"},
}


def sources():
    for room in ROOMS:
        yield from sorted((ROOT / room).glob("*.[ch]"))


def room_of(path):
    return str(path.parent.relative_to(ROOT))


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_includes_point_inwards(path):
    own = ROOMS.index(room_of(path))
    for include in INCLUDE.findall(path.read_text()):
        room = str(pathlib.PurePath(include).parent)
        assert room in ROOMS, f"{include} is not named from the root"
        assert ROOMS.index(room) >= own, f"{path.name} looks back out to {include}"


@pytest.mark.parametrize("header", LIBRARIES_OF)
def test_a_library_is_known_to_its_room_alone(header):
    for path in sources():
        if f"<{header}>" in path.read_text():
            assert room_of(path) in LIBRARIES_OF[header], path


@pytest.mark.parametrize("path", [p for p in sources() if p.suffix == ".c"], ids=lambda p: p.name)
def test_a_source_includes_its_own_header_first(path):
    own = path.with_suffix(".h")
    includes = re.findall(r'^\s*#\s*include\s+["<]([^">]+)', path.read_text(), re.MULTILINE)
    if own.exists():
        assert includes[0] == str(own.relative_to(ROOT))


def test_the_domain_does_no_input_or_output():
    forbidden = {"stdio.h", "unistd.h", "time.h", "sys/time.h", "json-c/json.h"}
    for path in (ROOT / "app/domain").glob("*.[ch]"):
        includes = set(re.findall(r"^\s*#\s*include\s+<([^>]+)>", path.read_text(), re.MULTILINE))
        assert not includes & forbidden, path


def test_every_source_is_in_the_makefile():
    listed = set(
        re.findall(
            r"(?:app|fcgi|tests/unit|tests/fuzz)/[\w/]+\.(?:c|h|def)",
            (ROOT / "Makefile.am").read_text(),
        )
    )
    there = {
        str(p.relative_to(ROOT))
        for folder in (*ROOMS, "tests/unit", "tests/fuzz")
        for p in (ROOT / folder).glob("*")
        if p.suffix in (".c", ".h", ".def")
    }
    assert there == listed - {"app/store/lua_scripts.c"}  # made at build time from app/store/lua
    scripts = re.findall(r"^SCRIPT\((\w+)\)$", (ROOT / "app/store/scripts.def").read_text(), re.MULTILINE)
    assert sorted(scripts) == sorted(p.stem for p in (ROOT / "app/store/lua").glob("*.lua"))


def test_nginx_answers_with_the_codes_of_the_engine():
    known = re.findall(
        r'^PROBLEM\((\w+), (\d+), "([^"]*)"\)',
        (ROOT / "app/base/problem.def").read_text(),
        re.MULTILINE,
    )
    codes = {code for code, _, _ in known}
    used = set(re.findall(r'"code":"(\w+)"', (ROOT / "conf/nginx/errors.conf").read_text()))
    assert used and used <= codes


def test_the_page_of_the_settings_is_up_to_date():
    folder = os.environ.get("MASTERY_BIN_DIR", str(ROOT / ".state/build"))
    made = subprocess.run([ROOT / "scripts/make-docs", folder], capture_output=True, text=True, check=True)
    assert made.stdout == (ROOT / "docs/configuration.md").read_text(), "run scripts/make-docs"


def test_key_names_are_made_in_one_place():
    for path in sources():
        if path.name not in ("keys.c", "keys.h") and path.suffix == ".c":
            text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
            assert not re.search(r'"[^"\n]*(?::student:|cohort:\{|teacher:\{|queue:\{)', text), path


FUZZERS = sorted((ROOT / "tests/fuzz").glob("fuzz_*.c"))


@pytest.mark.parametrize("path", FUZZERS, ids=lambda p: p.stem)
def test_a_fuzzer_is_built_and_knows_where_to_begin(path):
    """A program of the makefile, with inputs to start from and the words that they are made of."""
    name = path.stem.removeprefix("fuzz_")
    corpus = list((ROOT / "tests/fuzz/corpus" / name).iterdir())
    assert f"tests_fuzz_{path.stem}_SOURCES" in (ROOT / "Makefile.am").read_text()
    assert sum(input_.stat().st_size > 0 for input_ in corpus) >= 4, "no corpus"
    assert (ROOT / "tests/fuzz/dict" / f"{name}.dict").exists()


NAMED = re.compile(r"`((?:unit|api|edge|fault|fuzz|package)/\w+\.(?:py|c))(?:::(\w+))?`")


def test_the_threat_model_names_tests_that_there_are():
    named = NAMED.findall((ROOT / "docs/security.md").read_text())
    assert len(named) > 30
    for path, test in named:
        text = (ROOT / "tests" / path).read_text()
        assert not test or re.search(rf"\b{test}\(", text), f"{path}::{test}"
