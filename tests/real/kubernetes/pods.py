# SPDX-License-Identifier: GPL-3.0-or-later
"""The pods of an overlay. No kubelet runs them: tests write their status."""
from control_plane import LIMIT_S
from harness.wait import wait_for

ENGINE, WORKER = "mastery-engine", "mastery-worker"


def pods_wanted(cluster):
    """Those that the Deployments and the StatefulSet are to have, once the autoscaler has chosen its number."""
    scaled = cluster.items("hpa")
    workloads = cluster.items("deployments") + cluster.items("statefulsets")
    replicas = {item["metadata"]["name"]: item["spec"]["replicas"] for item in workloads}
    for scaler in scaled:
        name, least = scaler["spec"]["scaleTargetRef"]["name"], scaler["spec"]["minReplicas"]
        replicas[name] = max(replicas[name], least)
    return sum(replicas.values())


def wait_for_pods(cluster):
    all_there = lambda: len(cluster.items("pods")) == pods_wanted(cluster)
    wait_for(all_there, f"{pods_wanted(cluster)} pods", LIMIT_S)
    return cluster.items("pods")
