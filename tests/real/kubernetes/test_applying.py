# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways of applying that docs/kubernetes.md names."""
import subprocess

import pytest
from conftest import K8S, OVERLAYS
from control_plane import LIMIT_S
from harness.binaries import ROOT
from harness.wait import wait_for

ENGINE = "mastery-engine"
PRODUCTION = K8S / "overlays/production"


def unpack(commit, folder):
    """The files of a commit, without the repository, as in a source archive."""
    folder.mkdir()
    archive = subprocess.run(["git", "-C", ROOT, "archive", commit], stdout=subprocess.PIPE, check=True, timeout=LIMIT_S)
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True, timeout=LIMIT_S)
    return folder


def replicas(cluster):
    return cluster.get("deployment", ENGINE)["spec"]["replicas"]


def image(cluster):
    return cluster.get("deployment", ENGINE)["spec"]["template"]["spec"]["containers"][0]["image"]


def failures(cluster):
    return [event["message"] for event in cluster.items("events") if event["reason"] == "FailedCreate"]


def test_the_files_at_the_top_in_their_order(cluster):
    """Each file finds what the ones before it have made: no pod is refused."""
    cluster.do("apply", "--validate=strict", "-f", K8S)
    wait_for(lambda: len(cluster.items("pods")) == 4, "two pods of each", LIMIT_S)
    assert not failures(cluster)
    assert cluster.do("diff", "-f", K8S) == ""


def test_an_archive_without_the_repository(cluster, tmp_path):
    folder = unpack("HEAD", tmp_path / "archive")
    cluster.do("apply", "--validate=strict", "-f", "k8s/", cwd=folder)
    for overlay in OVERLAYS:
        cluster.do("apply", "--validate=strict", "-k", f"k8s/overlays/{overlay}", "--dry-run=server", cwd=folder)
    cluster.do("apply", "-k", "k8s/overlays/production", cwd=folder)
    assert cluster.do("diff", "-k", PRODUCTION) == ""


@pytest.mark.parametrize("path", ["examples/secrets.yaml", "examples/dapr-caller.yaml", "components/identity/networkpolicy.yaml"])
def test_what_no_overlay_uses(cluster, path):
    cluster.do("apply", "-f", K8S / "00-namespace.yaml")
    cluster.do("apply", "--validate=strict", "-f", K8S / path)
    assert cluster.do("diff", "-f", K8S / path) == ""


def test_an_unknown_field_is_refused(cluster):
    """That the tests see one, of Kubernetes' own kinds and of Dapr's and the operator's."""
    cluster.do("apply", "-f", K8S / "00-namespace.yaml")
    for path in ("base/pdb.yaml", "components/dapr/dapr.yaml", "components/prometheus/monitors.yaml"):
        text = (K8S / path).read_text().replace("\nspec:\n", "\nspec:\n  unknownField: 1\n", 1)
        done = cluster.kubectl("apply", "--validate=strict", "-f", "-", text=text)
        assert done.returncode == 1 and 'unknown field "spec.unknownField"' in done.stderr, done


def test_a_namespace_that_create_has_made_gets_its_labels_by_apply(cluster):
    cluster.do("create", "namespace", "learnflow")
    done = cluster.kubectl("apply", "-f", K8S / "00-namespace.yaml")
    assert done.returncode == 0 and "is missing the kubectl.kubernetes.io/last-applied-configuration annotation" in done.stderr
    labels = cluster.get("namespace", "learnflow")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_number_of_pods_is_the_autoscalers(cluster):
    """Applying again does not undo its last decision, by either way of applying."""
    cluster.do("apply", "-k", PRODUCTION)
    wait_for(lambda: replicas(cluster) == 2, "the autoscaler's least number", LIMIT_S)
    cluster.do("-n", "learnflow", "scale", "deployment", ENGINE, "--replicas=4")
    cluster.do("apply", "-k", PRODUCTION)
    assert replicas(cluster) == 4
    cluster.do("apply", "--server-side", "--force-conflicts", "-k", PRODUCTION)
    assert replicas(cluster) == 4


def test_server_side_apply_names_who_has_set_a_field_before_it_takes_it_over(cluster):
    cluster.do("apply", "-k", PRODUCTION)
    shipped = image(cluster)
    cluster.do("-n", "learnflow", "set", "image", f"deployment/{ENGINE}", "app=registry.example.org/other:1")
    done = cluster.kubectl("apply", "--server-side", "-k", PRODUCTION)
    assert done.returncode == 1 and 'conflict with "kubectl-set"' in done.stderr, done
    assert image(cluster) == "registry.example.org/other:1"
    cluster.do("apply", "--server-side", "--force-conflicts", "-k", PRODUCTION)
    assert image(cluster) == shipped


def test_the_released_manifests_can_be_updated_to_these(cluster, tmp_path):
    """No field that cannot be changed, such as a selector, is another one now."""
    command = [ROOT / "scripts/rollback-test", "--previous"]
    released = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=LIMIT_S).stdout.split()[0]
    before = unpack(released, tmp_path / "released")
    for folder in sorted((before / "k8s/overlays").iterdir()):
        cluster.kubectl("apply", "-k", folder)  # it may have a kind of Dapr that is no longer used
        for workload in ("deployment/mastery-engine", "deployment/mastery-worker"):
            cluster.do("-n", "learnflow", "get", workload)
        cluster.do("apply", "-k", K8S / "overlays" / folder.name)
