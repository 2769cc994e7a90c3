# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and writes the results of scripts/test.

    test_results.py junit FILE    prints "PASSED FAILED" of a file that pytest has written
    test_results.py failed FILE   prints the failed tests of such a file, a line each: FILE::TEST: message
    test_results.py write FILE    writes what verify-deployment.sh reads, from lines NAME TAB PASSED TAB FAILED
"""
import json
import subprocess
import sys
import xml.etree.ElementTree as tree
from datetime import datetime, timezone
from pathlib import Path


def junit(path):
    """A test that is skipped has not passed."""
    suite = next(tree.parse(path).getroot().iter("testsuite"))
    failed = sum(int(suite.get(kind)) for kind in ("failures", "errors", "skipped"))
    print(int(suite.get("tests")) - failed, failed)


def failed(path):
    for case in tree.parse(path).getroot().iter("testcase"):
        for kind in ("failure", "error", "skipped"):
            for result in case.findall(kind):
                message = (result.get("message") or "").split("\n")[0]
                print(f"{case.get('classname').replace('.', '/')}.py::{case.get('name')}: {message}"[:300])


def git(*arguments):
    return subprocess.run(["git", *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def write(path):
    rows = [line.rstrip("\n").split("\t") for line in sys.stdin]
    checks = {name: {"passed": int(passed), "failed": int(failed)} for name, passed, failed in rows}
    clean, now = not git("status", "--porcelain"), datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    results = {"commit": git("rev-parse", "HEAD"), "clean": clean, "time": now, "checks": checks}
    Path(path).write_text(json.dumps(results, indent=2) + "\n")


{"junit": junit, "failed": failed, "write": write}[sys.argv[1]](sys.argv[2])
