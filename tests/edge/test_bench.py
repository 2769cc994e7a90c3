# SPDX-License-Identifier: GPL-3.0-or-later
"""What bench/run and bench/report make of figures, and the options that they refuse."""
import importlib.machinery
import importlib.util
import json
import re
import subprocess
import sys

import pytest
from harness.binaries import ROOT
from harness.wait import LIMIT_S

BENCH = ROOT / "bench"
PEERS = sorted(path.name for path in (BENCH / "peers").iterdir() if path.is_dir())


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)


def load(name):
    """Imports a program of bench/, which has no suffix .py."""
    sys.path.insert(0, str(BENCH))
    try:
        loader = importlib.machinery.SourceFileLoader(f"bench_{name}", str(BENCH / name))
        module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
        loader.exec_module(module)
    finally:
        sys.path.remove(str(BENCH))
    return module


def test_the_page_has_the_figures_of_the_recorded_run():
    result = run(BENCH / "report", "--check")
    if not (BENCH / "results.json").exists():  # before the first `bench/run --report`
        assert result.returncode == 1 and "results.json is missing: run bench/run --report" in result.stderr
        return
    assert result.returncode == 0, "run bench/report"
    assert 1000 < (ROOT / "docs/performance.svg").stat().st_size < 100_000


def measured(rates, **others):
    figures = {"cpu_us": 50, "p50_ms": 1, "p99_ms": 2, "p999_ms": 3, "app_mib": 10, "nginx_mib": 4, "errors": 0}
    return [{"requests_per_s": rate, **figures, **others} for rate in rates]


def test_a_ratio_is_of_the_same_round():
    rounds = {"engine": measured([1000, 2000, 4000]), "lean-go": measured([500, 1500, 1000])}
    rows = load("run").results_of({("query", 32, name): figures for name, figures in rounds.items()})
    ratios = {row["system"]: row["summary"]["ratio"] for row in rows}
    assert ratios == {
        "engine": {"median": 1, "half_range": 0},
        "lean-go": {"median": 0.5, "half_range": 0.25},
    }


def test_a_report_has_the_machine_and_a_table_by_rate():
    rounds = {"engine": measured([12345]), "lean-go": measured([23456]), "lua": measured([2000], errors=7)}
    machine = {"cpu": "Some CPU", "cores": 2, "memory_gib": 8, "kernel": "6.1", "python": "3.11", "commit": "abc"}
    results = load("run").results_of({("query", 32, name): figures for name, figures in rounds.items()})
    text = load("report").section_of({
        "at": "2026-11-30T10:00:00+00:00", "machine": machine, "other_load": 0.5, "rounds": 1, "seconds": 3,
        "results": results,
    })
    prose = " ".join(text.split())
    assert "Commit abc, 2026-11-30: 2 cores of Some CPU, 8 GiB, Linux 6.1" in prose
    assert "Other programs used 50% of a core" in prose and "7 requests failed" in prose
    lean, equal = text.split("### Equal peers")
    assert re.findall(r"^\| ([*\w ()]+) \| ([\d ]+) ± 0 \| ([\d.]+) ± 0.00 ", lean, re.MULTILINE) == [
        ("Go (chi)", "23 456", "1.90"), ("**engine**", "12 345", "1.00"),
    ]
    assert "| nginx Lua | 2 000 ± 0 | 0.16 ± 0.00 | 50 µs | 1.0 | 2.0 | 3.0 | 10 + 4 |" in equal


def test_what_the_programs_use_of_bench_run_is_there():
    used = {word for path in BENCH.iterdir() if path.is_file() for word in re.findall(r"\bRUN\.(\w+)", path.read_text(errors="replace"))}
    assert "run_wrk" in used and used <= set(dir(load("run")))


def test_an_unknown_system_is_refused():
    result = run(BENCH / "run", "--only", "lean-rust,nginx")
    assert result.returncode == 2 and "--only: unknown nginx" in result.stderr


def test_a_report_has_its_own_file():
    result = run(BENCH / "run", "--report", "--json", "other.json")
    assert result.returncode == 2 and "leave out --json" in result.stderr


def test_each_peer_is_a_system():
    text = run(BENCH / "run", "--only", "?").stderr
    assert [name for name in PEERS if f"lean-{name}" not in text] == []


# A version that moves makes another comparison of the same command.
LOCKED = {
    "fastapi": lambda folder: all("==" in line for line in (folder / "requirements.txt").read_text().split()),
    "fastify": lambda folder: json.loads((folder / "package-lock.json").read_text())["packages"],
    "go": lambda folder: "github.com/go-chi/chi" in (folder / "go.sum").read_text(),
    "rust": lambda folder: re.search(r'name = "axum"', (folder / "Cargo.lock").read_text()),
}


@pytest.mark.parametrize("name", LOCKED)
def test_a_peer_has_the_versions_of_its_libraries(name):
    assert LOCKED[name](BENCH / "peers" / name)
