# SPDX-License-Identifier: GPL-3.0-or-later
"""verify-deployment.sh: no box of the list is missing, sound ones are ticked, the right ones fail."""
import base64
import inspect
import itertools
import json
import os
import re
import select
import signal
import socket
import socketserver
import ssl
import stat
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from harness.binaries import ROOT, bin_dir
from harness.engine import Engine, redis_process
from harness.redis_kinds import trust
from harness.tls import Authority
from harness.wait import wait_for

sys.path.insert(0, str(ROOT / "scripts/lib"))
from verify.boxes import BOXES, ROWS  # noqa: E402
from verify.kubernetes import SECRETS  # noqa: E402

SCRIPT = ROOT / "scripts/verify-deployment.sh"
LIST = ROOT / "docs/deployment-verification-checklist.md"
ORIGINAL = ROOT.parent / "shared" / LIST.name
BOX = re.compile(r"^(?:- |\d\. )\[[ x]\] (.*)$")
CREDENTIALS = ("JWT_SECRET", "ADMIN_TOKEN", "TEACHER_TOKEN", "STUDENT_TOKEN", "APP_API_TOKEN")
# Judged by how fast this machine is at this moment.
TIMED = {"performance.health", "performance.ready", "performance.query", "performance.batch"}
# Where the route is not there, these boxes cannot be ticked.
NEEDS = {
    "/api/v1/batch/mastery": {"api.batch", "api.batch-status", "dapr.intents", "performance.batch"},
    "/api/v1/compliance/export/{student_id}": {"privacy.export"},
    "/api/v1/compliance/student/{student_id}": {"state.crud", "privacy.deletion", "privacy.audit"},
    "/api/v1/compliance/audit/logs": {"privacy.audit", "security.admin"},
}
RUN = (  # what a running deployment shows, without a cluster
    "health. api. security. limits. pool. tracing. performance. privacy. state. dapr.invocation dapr.intents "
    "dapr.format monitoring.active monitoring.cache monitoring.errors monitoring.latency monitoring.format "
    "monitoring.counters monitoring.histograms monitoring.gauges breaker.closed breaker.metrics logging.json "
    "logging.correlation logging.trace logging.context logs. record. runbooks. next.smoke"
).split()


def boxes_of(page):
    """[(section, words)] in the list's order."""
    found, section = [], None
    for line in page.read_text().splitlines():
        heading = re.fullmatch(r"### (.*)|\*\*(Sign-off Required|Next Actions)\*\*:", line)
        if heading:
            section = heading[1] or heading[2]
        elif BOX.match(line):
            found.append((section, BOX.match(line)[1]))
    return found


@pytest.fixture(scope="module")
def limited():
    """An engine as it is deployed: with its limits."""
    with Engine(RATE_LIMITS="on", STORE_ROUND_TIMEOUT_MS=1000) as running:
        dependencies = lambda: running.client().get("/ready").json["dependencies"]
        wait_for(lambda: dependencies()["worker"] == "healthy", "the pool knows of the worker")
        yield running


def verify(engine, *arguments, **changes):
    """Runs the script; changes: of its environment, None takes away."""
    environment = {**os.environ, **trust(), **engine.values, "KUBECONFIG": "/nonexistent"} | changes
    environment = {name: str(value) for name, value in environment.items() if value is not None}
    return subprocess.run(
        [SCRIPT, *arguments, engine.base_url],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def verified(engine, *arguments, only=None, **changes):
    """{id: box} of a run, of some boxes or all, and how it ended."""
    if only:
        arguments += ("--only", ",".join(only))
    result = verify(engine, "--json", *arguments, **changes)
    document = json.loads(result.stdout)
    return {box["id"]: box for box in document["boxes"]}, document, result


def expected(engine):
    """Ids that must be ticked: those of RUN, as far as the engine has what they ask for."""
    endpoints = set(engine.admin().get("/").json["endpoints"])
    missing = set().union(*(ids for path, ids in NEEDS.items() if path not in endpoints))
    if missing:
        missing.add("next.smoke")
    wanted = {box.id for box in BOXES if box.id.startswith(tuple(RUN))}
    return wanted - missing - TIMED - {"health.start-time"}, missing


def results_of(boxes, ids):
    return {i: (boxes[i]["result"], boxes[i]["evidence"]) for i in ids}


def assert_all(boxes, ids, result):
    other = {i: said for i, said in results_of(boxes, ids).items() if said[0] != result}
    assert not other


# ---- the list ----


def test_the_table_has_every_box_of_the_list_word_for_word():
    assert [(box.section, box.words) for box in BOXES] == boxes_of(LIST)
    assert all(box.words.removeprefix("**").startswith(row[1]) for box, row in zip(BOXES, ROWS, strict=True))
    assert len({box.id for box in BOXES}) == len(BOXES)


def test_the_list_is_the_one_that_was_agreed():
    assert not ORIGINAL.exists() or ORIGINAL.read_text() == LIST.read_text()


def test_every_check_is_a_function_of_its_arguments():
    for box in BOXES:
        inspect.signature(box.check).bind(None, *box.arguments)


# ---- a sound deployment ----


def test_a_sound_deployment_is_ticked(limited, tmp_path):
    report = tmp_path / "report.md"
    boxes, document, result = verified(limited, "--report", report, OPERATOR="on duty")
    ticked, missing = expected(limited)
    assert list(boxes) == [box.id for box in BOXES]
    assert_all(boxes, ticked, "ticked")
    assert all(" ms" in boxes[i]["evidence"] for i in TIMED - missing)
    assert all(box["evidence"].strip() for box in boxes.values())
    outcomes = [box["result"] for box in boxes.values()]
    for kind in ("ticked", "failed", "person"):
        assert document[kind] == outcomes.count(kind)
    assert result.returncode == (1 if "failed" in outcomes or missing else 0), result.stderr
    check_report(report.read_text(), boxes, document)
    check_what_is_left(limited, missing, result)
    for name in CREDENTIALS:
        assert limited.values[name] not in result.stdout + result.stderr + report.read_text()


def check_report(text, boxes, document):
    """The list's own text, with marks, evidence and blanks filled in."""
    lines = [line for line in text.splitlines() if BOX.match(line)]
    assert len(lines) == len(boxes)
    for line, box in zip(lines, boxes.values()):
        assert ("[x]" in line) == (box["result"] == "ticked")
        assert box["box"] in line and box["evidence"] in line
    assert f"**Version**: {document['version']} (commit {document['commit']})" in text
    assert "**Deployed By**: on duty" in text and f"**Date**: {document['time']}" in text
    assert len(re.findall(r"^\| \*\*.*\*\* \| [☐☑☒] \| \d+ ticked", text, re.MULTILINE)) == 12


def check_what_is_left(engine, missing, result):
    """Of its own students nothing but what remembers that they were erased."""
    if "state.crud" in missing:
        assert "could not be erased: verify_" in result.stderr
        return
    assert "could not be erased" not in result.stderr
    store = engine.redis()
    # What the worker was about to do for them comes to its end first.
    left = lambda: list(store.scan_iter("*student:verify_*", count=1000))
    wait_for(lambda: not left(), timeout=20, what="nothing left of the verification's students")
    assert not list(store.scan_iter("cohort:{verify_*"))


def test_ctl_runs_the_same(limited):
    arguments = [bin_dir() / "mastery-ctl", "verify", "--script", SCRIPT, "--json", "http://127.0.0.1:1"]
    result = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 3 and "no answer" in result.stderr
    gone = subprocess.run(
        [bin_dir() / "mastery-ctl", "verify", "--script", "/nowhere"], capture_output=True, text=True, check=False
    )
    assert gone.returncode == 1 and "/nowhere: No such file" in gone.stderr


WRONG = ["--loud", "--report", "somewhere", "http://a http://b", "--only", "--report r.md --only api."]


@pytest.mark.parametrize("arguments", WRONG)
def test_wrong_usage_is_2(arguments):
    result = subprocess.run([SCRIPT, *arguments.split()], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2 and result.stderr.startswith("verify-deployment: ")


def test_secrets_are_no_arguments_of_the_programs_it_calls(limited, tmp_path):
    seen = tmp_path / "seen"
    strace = ["strace", "-f", "-qq", "-e", "trace=execve", "-e", "signal=none", "-s", "4096", "-o", str(seen)]
    command = [*strace, SCRIPT, "--only", "api.,privacy.,dapr.,code.,logs.", limited.base_url]
    environment = {**os.environ, **limited.values, "KUBECONFIG": "/nonexistent"}
    subprocess.run(command, env=environment, capture_output=True, timeout=300, check=False)
    text = seen.read_text()
    assert "verify-deployment.sh" in text and "redis-cli" in text
    assert "eyJ" not in text and all(limited.values[name] not in text for name in CREDENTIALS)


# ---- broken ones ----


def test_without_redis_what_needs_it_fails_and_life_does_not(start_engine):
    engine = start_engine(RATE_LIMITS="on")
    store = redis_process(engine)
    store.signal(signal.SIGSTOP)
    try:
        wait_for(lambda: not engine.ready(), what="not ready")
        boxes, _, result = verified(engine, only="health. api. security. state. pool. breaker. next.".split(), REDIS_URL=None)
    finally:
        store.signal(signal.SIGCONT)
    assert result.returncode == 1
    assert_all(boxes, ["health.response", "health.consistency", "api.health", "api.info", "security.no-token"], "ticked")
    gone = "health.ready health.state-store health.dependencies health.traffic state.accessible state.health state.crud "
    gone += "api.ready api.query api.calculate api.history pool.health breaker.closed next.smoke"
    assert_all(boxes, gone.split(), "failed")
    assert "could not be erased" in result.stderr


def test_without_credentials_what_needs_them_fails(limited):
    nothing = dict.fromkeys(CREDENTIALS)
    boxes, _, result = verified(limited, only="health. api. security. limits. state. dapr.".split(), **nothing)
    assert result.returncode == 1
    assert_all(boxes, ["health.response", "security.no-token", "limits.enforced"], "ticked")
    needy = "api.query api.calculate security.student security.teacher security.admin dapr.invocation state.crud"
    assert_all(boxes, needy.split(), "failed")
    assert "401" in boxes["api.query"]["evidence"]


def test_given_tokens_do_where_there_is_no_secret(limited):
    boxes, _, _ = verified(limited, only=["api.", "security."], JWT_SECRET=None)
    assert_all(boxes, ["api.query", "api.calculate", "security.student", "security.teacher"], "ticked")


def test_an_engine_without_limits_fails_their_boxes(engine):
    boxes, _, _ = verified(engine, only=["limits."])
    assert_all(boxes, ["limits.enforced", "limits.status", "limits.headers"], "failed")


# ---- a cluster, as kubectl tells it ----

IMAGE = "mastery-engine:0.1.0"


def container(name, image=IMAGE, **more):
    return {"name": name, "image": image, "resources": {"limits": {"cpu": "500m", "memory": "512Mi"}}, **more}


def pod(restarts=0, ready=True, phase="Running", name="mastery-engine-1", **more):
    """One that has been ready again, after an outage, since long after its start."""
    statuses = [
        {"name": n, "ready": ready, "started": ready, "restartCount": restarts, "state": {"running": {}}}
        for n in ("nginx", "app", "daprd")
    ]
    conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-16T18:30:00Z"}]
    app = container("app", startupProbe={"periodSeconds": 2, "failureThreshold": 60})
    return {
        "metadata": {"name": name, **more},
        "spec": {"containers": [container("nginx"), app, container("daprd")]},
        "status": {
            "phase": phase,
            "startTime": "2026-01-15T10:00:00Z",
            "containerStatuses": statuses,
            "conditions": conditions,
        },
    }


def waiting_pod(reason, phase="Pending", name="mastery-engine-2"):
    """As the kubelet shows a pod whose container app does not run."""
    found = pod(name=name, phase=phase)
    found["status"]["containerStatuses"][1] |= {"ready": False, "started": False, "state": {"waiting": {"reason": reason}}}
    return found


def revision(number, image=IMAGE):
    metadata = {"name": f"mastery-engine-{number}", "annotations": {"deployment.kubernetes.io/revision": str(number)}}
    return {"metadata": metadata, "spec": {"template": {"spec": {"containers": [container("nginx"), container("app", image)]}}}}


def encoded(**values):
    return {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}


def resiliency(policy, component="pubsub", scopes=("mastery-engine",)):
    targets = {"components": {component: {"inbound": {"retry": "delivery"}}}}
    return {"spec": {"policies": {"retries": {"delivery": policy}}, "targets": targets}, "scopes": list(scopes)}


def cluster_objects(**pod_changes):
    redis = {"type": "state.redis", "metadata": [{"name": "redisHost", "value": "redis:6379"}]}
    broker = {"type": "pubsub.redis", "metadata": []}
    return {
        "namespace": {"metadata": {"name": "learnflow"}, "status": {"phase": "Active"}},
        "configmap": {"data": {"REDIS_URL": "redis://redis:6379", "ENVIRONMENT": "production", "DAPR_HTTP_PORT": "3500"}},
        "secret": {"data": encoded(**dict.fromkeys(SECRETS, "0123456789" * 4))},
        "deployment": {
            "spec": {
                "replicas": 1,
                "template": {
                    "metadata": {"annotations": {"dapr.io/enabled": "true", "dapr.io/app-id": "mastery-engine"}},
                    "spec": {
                        "containers": [container("nginx"), container("app")],
                        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001},
                    },
                },
            },
            "status": {"replicas": 1, "readyReplicas": 1, "updatedReplicas": 1},
        },
        "service": {"spec": {"type": "ClusterIP", "clusterIP": "10.0.0.7", "ports": [{"name": "http", "port": 8005}]}},
        "pods": {"items": [pod(**pod_changes), pod(name="mastery-worker-1", **pod_changes)]},
        "replicasets": {"items": [revision(1, "mastery-engine:0.0.9"), revision(2)]},
        "components.dapr.io": {
            "items": [
                {"metadata": {"name": "statestore"}, "spec": redis},
                {"metadata": {"name": "pubsub"}, "spec": broker},
            ]
        },
        "resiliencies.dapr.io": {"items": [resiliency({"policy": "constant", "duration": "5s", "maxRetries": -1})]},
        "hpa": {
            "spec": {
                "scaleTargetRef": {"kind": "Deployment", "name": "mastery-engine"},
                "minReplicas": 2,
                "maxReplicas": 10,
                "metrics": [{"resource": {"name": "cpu", "target": {"averageUtilization": 70}}}],
            }
        },
        "pdb": {"spec": {"minAvailable": 1}, "status": {"currentHealthy": 2, "desiredHealthy": 1}},
    }


# Messages and forms are those of kubectl 1.34. A file KIND.error holds what is printed instead of an object;
# `denied` names the right that the user lacks: VERB RESOURCE.
KUBECTL = """#!/bin/bash
while [[ $1 == -* ]]; do case $1 in -n) shift 2 ;; *) shift ;; esac; done
deny() {{ # VERB RESOURCE
    [[ " {denied} " == *" $1 $2 "* ]] || return 0
    echo "Error from server (Forbidden): $2 is forbidden: User \\"viewer\\" cannot $1 resource \\"$2\\" in API group \\"\\"\
 in the namespace \\"learnflow\\"" >&2
    exit 1
}}
prefixed() {{ sed "s,^,[pod/$1/$2] ,"; }}
case $1 in
get)
    deny get "$2s"
    for file in "{folder}/$2.$3" "{folder}/$2"; do
        [ ! -e "$file.error" ] || {{ cat "$file.error" >&2; exit 1; }}
        [ ! -e "$file" ] || {{ cat "$file"; exit; }}
    done
    case $2 in
    *.dapr.io) echo "error: the server doesn't have a resource type \\"${{2%%.*}}\\"" >&2 ;;
    *) echo "Error from server (NotFound): $2.apps \\"$3\\" not found" >&2 ;;
    esac
    exit 1
    ;;
top) deny list pods; echo "mastery-engine-1 {cpu}m 120Mi" ;;
logs)
    deny get pods/log
    prefixed mastery-engine-1 app <"{log}"
    echo 'level=info msg="{dapr}"' | prefixed mastery-engine-1 daprd
    prefixed mastery-engine-1 nginx <<<'10.0.0.1 not of the engine'
    [ ! -e "{folder}/worker.log" ] || prefixed mastery-worker-1 worker <"{folder}/worker.log"
    [ ! -e "{folder}/waiting" ] || echo 'error: container "app" in pod "mastery-engine-2" is waiting to start: trying and failing to pull image'
    ;;
exec)
    deny create pods/exec
    case "$*" in
    *--version) echo "mastery-ctl 0.1.0 ({commit})" ;;
    *du*) echo "110000 /" ;;
    *redis-cli*) echo 7862000 ;;
    *) exit {probe} ;;
    esac
    ;;
rollout) deny patch deployments; cat "{folder}/undo" >&{undo}; exit $(({undo} - 1)) ;;
esac
"""
UNDONE = "deployment.apps/mastery-engine rolled back (server dry run)"


@pytest.fixture
def kubectl(tmp_path, limited):
    def make(objects, cpu=40, dapr="ready", probe=0, denied="", commit=None, undone=UNDONE):
        """objects: {kind: object, or a text in place of it}; commit: of the pods, else that of the engine."""
        folder = tmp_path / "cluster"
        folder.mkdir(exist_ok=True)
        for kind, value in objects.items():
            (folder / kind).write_text(value if isinstance(value, str) else json.dumps(value))
        (folder / "undo").write_text(f"{undone}\n")
        program = tmp_path / "kubectl"
        values = {
            "folder": folder, "cpu": cpu, "dapr": dapr, "log": limited.state_dir / "log/pool.log", "probe": probe,
            "denied": denied, "commit": commit or limited.admin().get("/").json["commit"],
            "undo": 2 if undone.startswith("error") else 1,
        }  # fmt: skip
        program.write_text(KUBECTL.format(**values))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return f"{tmp_path}:{os.environ['PATH']}"

    return make


OF_A_CLUSTER = [box.id for box in BOXES if box.id.startswith(("kubernetes.", "pods.", "config."))]
OF_A_CLUSTER += ["dapr.running", "dapr.components", "dapr.errors", "health.start", "health.start-time"]
OF_A_CLUSTER += ["rollback.previous", "rollback.command"]


def test_boxes_of_a_cluster_are_for_a_person_without_one(limited):
    wanted = [i for i in OF_A_CLUSTER if i.startswith(("kubernetes.", "pods.", "rollback."))]
    boxes, _, result = verified(limited, only=wanted)
    assert_all(boxes, wanted, "person")


def test_boxes_of_a_sound_cluster_are_ticked(limited, kubectl):
    boxes, _, _ = verified(limited, only=(wanted := [*OF_A_CLUSTER, "logging.json", "logging.correlation"]), PATH=kubectl(cluster_objects()))
    assert_all(boxes, wanted, "ticked")


def test_boxes_of_a_broken_cluster_fail(limited, kubectl):
    objects = cluster_objects(restarts=7, ready=False, phase="Pending")
    objects["secret"]["data"]["JWT_SECRET"] = "c2hvcnQ="
    objects["service"]["spec"]["ports"][0]["port"] = 80
    objects["pdb"]["spec"]["minAvailable"] = 0
    del objects["hpa"]
    path = kubectl(objects, cpu=900, dapr='" level=error msg="', probe=1)
    boxes, _, result = verified(limited, only=OF_A_CLUSTER, PATH=path)
    assert result.returncode == 1
    bad = "kubernetes.secrets config.secrets pods.status pods.ready pods.restarts kubernetes.ports kubernetes.hpa "
    bad += "kubernetes.scaling kubernetes.cpu kubernetes.pdb-available dapr.running dapr.errors health.start"
    assert_all(boxes, bad.split(), "failed")
    assert_all(boxes, ["kubernetes.namespace", "kubernetes.deployment", "kubernetes.memory"], "ticked")


def scaling(active):
    """Conditions of an autoscaler, which cannot read the metrics where active is False."""
    reason = "ValidMetricFound" if active else "FailedGetResourceMetric"
    return [
        {"type": "AbleToScale", "status": "True", "reason": "SucceededGetScale"},
        {"type": "ScalingActive", "status": str(active), "reason": reason, "message": "unable to get metrics for resource cpu"},
        {"type": "ScalingLimited", "status": "False", "reason": "DesiredWithinRange"},
    ]


def test_an_autoscaler_without_metrics_is_not_ticked(limited, kubectl):
    objects = cluster_objects()
    objects["hpa"]["status"] = {"currentReplicas": 1, "conditions": scaling(False)}
    boxes, _, _ = verified(limited, only=["kubernetes."], PATH=kubectl(objects))
    assert_all(boxes, ["kubernetes.hpa", "kubernetes.scaling", "kubernetes.hpa-range"], "failed")
    assert "unable to get metrics" in boxes["kubernetes.hpa"]["evidence"]


@pytest.mark.parametrize("key", SECRETS)
def test_a_secret_that_lacks_a_key_is_not_ticked(limited, kubectl, key):
    objects = cluster_objects()
    del objects["secret"]["data"][key]
    boxes, _, _ = verified(limited, only=["kubernetes.secrets"], PATH=kubectl(objects))
    assert boxes["kubernetes.secrets"]["result"] == "failed" and f": {key}" in boxes["kubernetes.secrets"]["evidence"]


def test_a_worker_that_crashes_is_seen_in_pods_and_log(limited, kubectl):
    objects = cluster_objects()
    objects["pods"]["items"][1] = waiting_pod("CrashLoopBackOff", phase="Running", name="mastery-worker-1")
    objects["pods"]["items"][1]["status"]["containerStatuses"][1]["restartCount"] = 7
    objects["worker.log"] = '{"timestamp": "2026-01-15T10:00:00.000Z", "level": "error", "event": "config.invalid"}\n'
    objects["deployment.mastery-worker"] = cluster_objects()["deployment"] | {"status": {"replicas": 1, "updatedReplicas": 1}}
    boxes, _, _ = verified(limited, only=["pods.", "logs.", "kubernetes.deployment"], PATH=kubectl(objects))
    bad = ["pods.status", "pods.ready", "pods.restarts", "kubernetes.deployment", "logs.startup", "logs.critical"]
    assert_all(boxes, bad, "failed")
    assert "mastery-worker-1 Running CrashLoopBackOff" in boxes["pods.status"]["evidence"]


def test_an_engine_that_is_not_in_the_cluster_ticks_no_box_of_it(limited, kubectl):
    path = kubectl(cluster_objects(), commit="0123456789ab")
    boxes, _, _ = verified(limited, only=["kubernetes.", "pods.", "image.user"], PATH=path)
    assert_all(boxes, boxes, "failed")
    assert "0123456789ab" in boxes["pods.ready"]["evidence"] and limited.base_url in boxes["pods.ready"]["evidence"]


EARLIER = {
    "of another version": ([revision(1, "mastery-engine:0.0.9"), revision(2)], UNDONE, ("ticked", "ticked")),
    "of other settings alone": ([revision(1), revision(2)], UNDONE, ("person", "ticked")),
    "none": ([revision(1)], 'error: no rollout history found for deployment "mastery-engine"', ("person", "person")),
    "of the running template": (
        [revision(1, "mastery-engine:0.0.9"), revision(2)],
        "deployment.apps/mastery-engine skipped rollback (current template already matches revision 1)", ("ticked", "failed"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("revisions, undone, results", EARLIER.values(), ids=EARLIER)
def test_only_an_earlier_version_can_be_rolled_back_to(limited, kubectl, revisions, undone, results):
    path = kubectl(cluster_objects() | {"replicasets": {"items": revisions}}, undone=undone)
    boxes, _, _ = verified(limited, only=["rollback.previous", "rollback.command"], PATH=path)
    assert tuple(box["result"] for box in boxes.values()) == results, boxes


def test_pods_that_have_ended_or_are_deleted_do_not_count(limited, kubectl):
    objects = cluster_objects()
    evicted = {"metadata": {"name": "mastery-engine-0"}, "spec": {"containers": []}, "status": {"phase": "Failed", "reason": "Evicted"}}
    going = waiting_pod("ContainerCreating", name="mastery-engine-3")
    going["metadata"]["deletionTimestamp"] = "2026-01-15T10:00:00Z"
    objects["pods"]["items"] += [evicted, going]
    boxes, _, _ = verified(limited, only=["pods.", "health.start-time", "dapr.running", "kubernetes.sidecar"], PATH=kubectl(objects))
    assert_all(boxes, boxes, "ticked")


def test_an_image_that_cannot_be_pulled_fails_the_boxes_of_pods_alone(limited, kubectl):
    objects = cluster_objects() | {"waiting": ""}
    objects["pods"]["items"].append(waiting_pod("ImagePullBackOff"))
    unscheduled = pod(name="mastery-engine-4", phase="Pending")
    del unscheduled["status"]["containerStatuses"]
    objects["pods"]["items"].append(unscheduled)
    boxes, _, _ = verified(limited, only=["pods.", "logs.", "logging.json", "dapr.errors", "health.start-time"], PATH=kubectl(objects))
    bad = ["pods.status", "pods.ready", "health.start-time"]
    assert_all(boxes, bad, "failed")
    assert_all(boxes, set(boxes) - set(bad), "ticked")
    assert "mastery-engine-2 Pending ImagePullBackOff" in boxes["pods.status"]["evidence"]
    assert not [box for box in boxes.values() if "ended early" in box["evidence"]]


OPTIONAL = ["kubernetes.hpa", "kubernetes.scaling", "kubernetes.hpa-metrics", "kubernetes.hpa-range", "kubernetes.pdb"]
OPTIONAL += ["kubernetes.pdb-available", "kubernetes.sidecar", "config.dapr", "config.redis"]
OPTIONAL += ["dapr.running", "dapr.components", "dapr.errors"]


def overlay_dev():
    objects = cluster_objects()
    for kind in ("hpa", "pdb", "components.dapr.io", "resiliencies.dapr.io"):
        del objects[kind]
    objects["configmap"]["data"] |= {"ENVIRONMENT": "development", "DAPR_HTTP_PORT": "0"}
    objects["deployment"]["spec"]["template"]["metadata"]["annotations"]["dapr.io/enabled"] = "false"
    return objects


def test_what_an_overlay_leaves_out_is_for_a_person(limited, kubectl):
    boxes, _, _ = verified(limited, only=OF_A_CLUSTER, PATH=kubectl(overlay_dev()))
    assert_all(boxes, OPTIONAL, "person")
    assert_all(boxes, set(boxes) - set(OPTIONAL), "ticked")


def test_production_needs_what_its_settings_say(limited, kubectl):
    objects = overlay_dev()
    objects["configmap"]["data"] |= {"ENVIRONMENT": "production", "DAPR_HTTP_PORT": "3500"}
    boxes, _, _ = verified(limited, only=OF_A_CLUSTER, PATH=kubectl(objects))
    assert_all(boxes, OPTIONAL, "failed")


RIGHTS = {
    "get secrets": ["config.secrets", "kubernetes.secrets"],
    "create pods/exec": ["kubernetes.deployment", "health.start"],
    "patch deployments": ["rollback.command"],
    "get namespaces": ["kubernetes.namespace"],
}


def test_what_a_viewer_may_not_see_is_for_a_person_who_is_told_the_right(limited, kubectl):
    path = kubectl(cluster_objects(), denied=" ".join(RIGHTS))
    boxes, _, _ = verified(limited, only=OF_A_CLUSTER, PATH=path)
    for right, ids in RIGHTS.items():
        assert_all(boxes, ids, "person")
        assert all(f"lacks the right to {right}" in boxes[i]["evidence"] for i in ids), boxes
    assert_all(boxes, set(boxes) - set(sum(RIGHTS.values(), [])), "ticked")


class Pods(socketserver.ThreadingTCPServer):
    """A Service with TLS: each connection goes to the next pod of the list."""

    daemon_threads = True

    def __init__(self, engines, authority):
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(*authority.issue("127.0.0.1"))
        self.addresses = itertools.cycle([("127.0.0.1", int(e.base_url.rpartition(":")[2])) for e in engines])
        super().__init__(("127.0.0.1", 0), None)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def finish_request(self, request, client_address):
        with self.tls.wrap_socket(request, server_side=True) as client, socket.create_connection(next(self.addresses)) as pod:
            other = {client: pod, pod: client}
            while True:
                for ready in select.select([client, pod], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    other[ready].sendall(data)


def test_counters_through_a_service_are_those_of_one_pod(limited, engine, tmp_path):
    """Two pods have counted other numbers of requests. In the order of the list the third connection, the second
    scrape, always goes to the other pod than the first; of three boxes one would see the number fall."""
    for _ in range(40):
        engine.admin().get("/health")
    authority = Authority(tmp_path)
    with Pods([limited, limited, engine, engine], authority) as pods:
        service = SimpleNamespace(values=limited.values, base_url=f"https://127.0.0.1:{pods.server_address[1]}")
        boxes, _, _ = verified(service, only=["monitoring.counters", "tracing.spans", "pool.operations"], SSL_CERT_FILE=authority.path)
        pods.shutdown()
    assert_all(boxes, boxes, "ticked")


# What no program can see, on a deployment that has everything.
FOR_A_PERSON = {
    "code.dependencies", "logging.forwarding", "logging.searchable", "logging.retention", "rollback.notification",
    "approval.dev", "approval.ops", "approval.security", "next.monitor", "next.update",
}  # fmt: skip


MONITORING = {  # the beginning of a path -> the response of Prometheus or Grafana
    "/api/v1/rules": {"data": {"groups": [{"rules": [{"type": "alerting", "name": "MasteryEngineErrorBudgetBurn"}]}]}},
    "/api/v1/query": {"data": {"result": [{"value": [0, "0"]}]}},
    "/api/dashboards/": {"dashboard": {"title": "Mastery Engine", "panels": [{}]}},
}


class Monitoring(BaseHTTPRequestHandler):
    def do_GET(self):
        body = next(response for path, response in MONITORING.items() if self.path.startswith(path))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"status": "success"} | body).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def monitoring():
    with ThreadingHTTPServer(("127.0.0.1", 0), Monitoring) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_few_boxes_are_left_to_a_person_who_is_told_what_to_do(limited, kubectl, tmp_path, monitoring):
    commit = limited.admin().get("/").json["commit"]
    settings = {
        "TEST_RESULTS": write_results(tmp_path, commit), "LOAD_RESULTS": write_load(tmp_path, commit),
        "PATH": kubectl(cluster_objects()), "PODMAN": "/nonexistent", "REDIS_URL": None,
        "PROMETHEUS_URL": monitoring, "GRAFANA_URL": monitoring,
    }  # fmt: skip
    report = tmp_path / "report.md"
    boxes, _, _ = verified(limited, "--report", report, **settings)
    left = {i for i, box in boxes.items() if box["result"] == "person"}
    # A tree with changes, or a slow moment of this machine, fails a box, and then a person creates an incident.
    failed = {i for i, box in boxes.items() if box["result"] == "failed"}
    assert left - {"next.incident"} == FOR_A_PERSON and failed <= TIMED | {"code.git"}
    assert len(FOR_A_PERSON) <= 12
    for i in FOR_A_PERSON:
        assert f"then sign at this box of {report}" in boxes[i]["evidence"]
    text = report.read_text()
    assert text.count("Done by (name, date): ____") == len(left)


ENDLESS = {"policy": "constant", "maxRetries": -1}
POLICIES_THAT_LOSE = {
    "none": [],
    "a number of retries": [resiliency({"policy": "constant", "maxRetries": 20})],
    "exponential, ends after 15 minutes": [resiliency({"policy": "exponential", "maxRetries": -1})],
    "of another component": [resiliency(ENDLESS, component="other")],
    "of another app": [resiliency(ENDLESS, scopes=["other"])],
    "not defined": [{"spec": {"targets": resiliency(ENDLESS)["spec"]["targets"]}, "scopes": ["mastery-engine"]}],
}


@pytest.mark.parametrize("items", POLICIES_THAT_LOSE.values(), ids=POLICIES_THAT_LOSE)
def test_a_subscription_without_an_endless_policy_fails(limited, kubectl, items):
    """Dapr acknowledges, and so loses, an event when its inbound policy ends (hazards Y2)."""
    objects = cluster_objects()
    objects["resiliencies.dapr.io"]["items"] = items
    boxes, output, _ = verified(limited, only=["config.dapr"], PATH=kubectl(objects))
    assert_all(boxes, ["config.dapr"], "failed")


# ---- what tests and load tests have left ----


def write_results(folder, commit, failed=0):
    kinds = "unit coverage black-box host image formatting shellcheck yamllint codespell cppcheck clang-tidy rollback"
    names = [*kinds.split(), "build plainly", "build with clang", "build with sanitizers"]
    checks = {name: {"passed": 3, "failed": failed} for name in names}
    path = folder / "results.json"
    path.write_text(json.dumps({"commit": commit, "clean": True, "time": "2026-01-15T10:00:00Z", "checks": checks}))
    return path


def write_load(folder, commit, p95=20):
    for users in (50, 200):
        found = {
            "commit": commit,
            "users": users,
            "requests": 9000,
            "seconds": 60,
            "requests_per_second": 150,
            "errors": 0,
            "error_share": 0,
            "p95_ms": p95,
            "statuses": {"200": 8000, "429": 1000},
            "graceful": True,
            "breakers": {"redis": "closed"},
            "recovered": True,
            "recovery": {"requests": 100, "p95_ms": 9, "errors": 0},
        }
        (folder / f"users-{users}.json").write_text(json.dumps(found))
    return folder


OF_TESTS = ["code.unit", "code.integration", "code.lint", "code.types", "breaker.fencing", "rollback.data"]
OF_LOAD = [box.id for box in BOXES if box.id.startswith("load.")]


def test_results_count_for_the_deployed_commit_alone(limited, tmp_path):
    commit = limited.admin().get("/").json["commit"]
    for of, failed, tests, load in [
        (commit, 0, "ticked", "ticked"),
        ("0123456789abcdef", 0, "person", "person"),
        (commit, 1, "failed", "failed"),
    ]:
        settings = {
            "TEST_RESULTS": write_results(tmp_path, of, failed),
            "LOAD_RESULTS": write_load(tmp_path, of, p95=20 + 300 * failed),
        }
        boxes, _, _ = verified(limited, only=[*OF_TESTS, *OF_LOAD], **settings)
        assert_all(boxes, OF_TESTS, tests)
        assert_all(boxes, ["load.latency"] if failed else OF_LOAD, load)


# ---- a pod of podman, and the image ----

PODMAN = """#!/bin/bash
case $1 in
ps) [ "$5" = "pod=known-pod" ] && printf 'aa\\nbb\\ncc\\n' ;;
inspect) cat "{folder}/containers" ;;
logs) cat "{log}" ;;
image) [ "$3" = known-image ] && cat "{folder}/image" ;;
esac
"""


@pytest.fixture
def podman(tmp_path, limited):
    def make(running=True, restarts=0, size=180_000_000, user="10001:10001"):
        commit = limited.admin().get("/").json["commit"]
        containers = [
            {"Name": f"known-pod-{name}", "IsInfra": name == "infra", "RestartCount": restarts, "State": {"Running": running}}
            for name in ("infra", "app", "nginx")
        ]
        image = {"Size": size, "Config": {"User": user, "Labels": {"org.opencontainers.image.revision": commit}}}
        (tmp_path / "containers").write_text(json.dumps(containers))
        (tmp_path / "image").write_text(json.dumps([image]))
        program = tmp_path / "podman"
        program.write_text(PODMAN.format(folder=tmp_path, log=limited.state_dir / "log/pool.log"))
        program.chmod(0o755)
        return {"PODMAN": program, "POD": "known-pod", "IMAGE": "known-image"}

    return make


OF_A_POD = ["pods.status", "pods.ready", "pods.restarts", "image.builds", "image.size", "image.user"]


def test_a_sound_pod_and_its_image_are_ticked(limited, podman):
    boxes, _, _ = verified(limited, only=[*OF_A_POD, "logging.", "logs."], **podman())
    assert_all(boxes, [*OF_A_POD, "logging.json", "logging.correlation", "logs.startup"], "ticked")
    assert "nginx 1" not in boxes["pods.ready"]["evidence"] and "2/2" in boxes["pods.ready"]["evidence"]
    assert "podman logs" in boxes["logging.json"]["evidence"]


def test_a_broken_pod_and_its_image_fail(limited, podman):
    settings = podman(running=False, restarts=4, size=300_000_000, user="root")
    boxes, _, _ = verified(limited, only=OF_A_POD, **settings)
    assert_all(boxes, [i for i in OF_A_POD if i != "image.builds"], "failed")


def test_a_pod_that_is_not_there_fails(limited, podman):
    boxes, _, _ = verified(limited, only=["pods.status", "pods.ready"], **podman() | {"POD": "another"})
    assert_all(boxes, ["pods.status", "pods.ready"], "failed")
