# SPDX-License-Identifier: GPL-3.0-or-later
"""scripts/make-k8s-secrets with a real kubectl."""
import base64
import subprocess

import pytest
from conftest import K8S
from control_plane import LIMIT_S
from harness.binaries import ROOT

NAME = "mastery-engine-secrets"


@pytest.fixture
def namespace(cluster):
    cluster.do("apply", "-f", K8S / "00-namespace.yaml")
    return cluster


def make(cluster, *arguments, user="admin", environment=None):
    return subprocess.run(
        [ROOT / "scripts/make-k8s-secrets", *arguments],
        env=environment or cluster.environment(user), capture_output=True, text=True, check=False, timeout=LIMIT_S,
    )  # fmt: skip


def values(cluster):
    return {name: base64.b64decode(text) for name, text in cluster.get("secret", NAME)["data"].items()}


def test_what_it_prints_is_applied(namespace):
    made = make(namespace)
    assert made.returncode == 0 and not made.stderr
    namespace.do("apply", "--validate=strict", "-f", "-", text=made.stdout)
    found = values(namespace)
    assert set(found) == {"JWT_SECRET", "token", "CALLBACK_SECRET", "REDIS_PASSWORD", "AUDIT_KEY"}
    assert all(len(value) == 64 for value in found.values()) and len(set(found.values())) == len(found)


def test_secrets_in_use_are_replaced_only_on_request(namespace):
    namespace.do("apply", "-f", "-", text=make(namespace).stdout)
    before = values(namespace)
    made = make(namespace)
    assert made.returncode == 1 and not made.stdout and f"secret/{NAME} exists in namespace learnflow" in made.stderr
    # As a pipe: kubectl has nothing to apply.
    assert namespace.kubectl("apply", "-f", "-", text=made.stdout).returncode == 1
    assert values(namespace) == before
    replaced = make(namespace, "--replace")
    assert replaced.returncode == 0
    namespace.do("apply", "-f", "-", text=replaced.stdout)
    assert not set(values(namespace).values()) & set(before.values())


def test_who_may_not_look_gets_none(namespace):
    made = make(namespace, user="viewer")
    assert made.returncode == 1 and not made.stdout and "cannot see whether the secret exists" in made.stderr
    assert make(namespace, "--replace", user="viewer").returncode == 0


def test_without_the_cluster_it_prints_new_ones(namespace, tmp_path):
    environment = {**namespace.environment(), "KUBECONFIG": str(tmp_path / "none")}
    made = make(namespace, environment=environment)
    assert made.returncode == 0 and "JWT_SECRET: " in made.stdout
