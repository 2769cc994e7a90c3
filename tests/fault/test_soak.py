# SPDX-License-Identifier: GPL-3.0-or-later
"""A short run of the model that judges (docs/reliability.md): clean as it is, and not with a planted bug."""
import itertools
import subprocess

import pytest
from harness.binaries import ROOT
from soak import faults, plan
from soak.plants import PLANTS
from soak.run import Options, Run, soak
from soak.site import Site

# A machine with other load may keep even a healthy Redis from replying in 200 ms.
SETTINGS = {"REQUEST_DEADLINE_S": 2, "STORE_ROUND_TIMEOUT_MS": 1000, "STORE_CONNECT_TIMEOUT_MS": 1000}
FEW = {"clients": 4, "rate": 100, "settings": SETTINGS}


def test_short_run_under_faults_is_clean():
    report = soak(Options(seed=20, seconds=20, least=30, **FEW))
    assert not report.differences, report.text()
    assert report.counts["acknowledged"] and sum(report.faults.values()) > 1, report.text()


@pytest.mark.parametrize("name", PLANTS)
def test_planted_bug_is_found(name):
    """No faults: what is found is the planted bug, and it has been planted."""
    options = Options(seed=1, seconds=0.1, least=60, faults=[], plant=name, **FEW)
    with Site(**options.settings) as site:
        run = Run(options, site)
        report = run.judge()
    assert run.plant.planted, report.text()
    assert report.differences
    assert not any("the run itself failed" in text for text in report.differences), report.text()


def test_run_without_faults_and_bugs_is_clean():
    report = soak(Options(seed=1, seconds=0.1, least=60, faults=[], **FEW))
    assert not report.differences, report.text()


def test_plan_follows_from_the_seed():
    def both(seed):
        kinds = list(faults.FAULTS)
        operations = [list(itertools.islice(plan.operations(seed, client), 200)) for client in range(2)]
        return operations, list(itertools.islice(plan.faults(seed, kinds), 100))

    assert both(1) == both(1)
    assert both(1)[0] != both(2)[0] and both(1)[1] != both(2)[1]
    assert both(1)[0][0] != both(1)[0][1], "two clients do the same"


def test_plan_has_every_operation_and_every_fault():
    operations = itertools.islice(plan.operations(1, 0), 3000)
    assert {operation.kind for operation in operations} == set(plan.KINDS)
    injected = itertools.islice(plan.faults(1, list(faults.FAULTS)), len(faults.FAULTS))
    assert {fault.kind for fault in injected} == set(faults.FAULTS)


@pytest.mark.parametrize("arguments", [["--faults", "flood"], ["--seconds", "0"], ["--plant", "weeds"], ["x"]])
def test_wrong_usage_is_refused(arguments):
    done = subprocess.run([ROOT / "scripts/soak", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "usage:" in done.stderr
