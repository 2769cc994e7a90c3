# SPDX-License-Identifier: GPL-3.0-or-later
"""One cluster without nodes for all tests; the namespace learnflow is each test's own."""
import json
from pathlib import Path

import pytest
from control_plane import LIMIT_S, ControlPlane
from harness.binaries import ROOT
from harness.real import built
from harness.wait import wait_for
from injector import Injector

K8S = ROOT / "k8s"
OVERLAYS = ["dev", "production", "cluster", "redis-cluster"]


@pytest.fixture(scope="session")
def programs():
    """The folder of the programs, and of the definitions of other projects' kinds."""
    return Path(built(Path(__file__).parent))


@pytest.fixture(scope="session")
def control_plane(programs, tmp_path_factory):
    with ControlPlane(programs, tmp_path_factory.mktemp("control-plane")) as running:
        made = running.kubectl("apply", "--server-side", "-f", programs / "crds")
        assert made.returncode == 0, made  # the server may have warnings for other projects
        running.do("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        yield running


def empty(control_plane):
    control_plane.do("delete", "namespace", "learnflow", "--ignore-not-found", "--wait=false")
    gone = lambda: not control_plane.kubectl("get", "namespace", "learnflow", "--ignore-not-found", "-o", "name").stdout
    wait_for(gone, "namespace deleted", LIMIT_S)


@pytest.fixture
def cluster(control_plane):
    """Without the namespace learnflow."""
    yield control_plane
    empty(control_plane)


@pytest.fixture(scope="module", params=OVERLAYS)
def applied(control_plane, request):
    """(cluster, folder of an overlay, its finished kubectl apply)"""
    folder = K8S / "overlays" / request.param
    yield control_plane, folder, control_plane.kubectl("apply", "--validate=strict", "-k", folder)
    empty(control_plane)


@pytest.fixture
def injector(control_plane, programs, tmp_path):
    """injector(option…) runs Dapr's injector until the end of the test."""
    running = []

    def run(*options):
        running.append(Injector(programs / "sidecar", tmp_path / "injector", options).__enter__())
        control_plane.do("apply", "-f", "-", text=json.dumps(running[-1].manifest()))

    yield run
    control_plane.do("delete", "mutatingwebhookconfiguration", "dapr-sidecar-injector", "--ignore-not-found")
    for one in running:
        one.__exit__()
