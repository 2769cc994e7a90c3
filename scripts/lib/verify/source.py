# SPDX-License-Identifier: GPL-3.0-or-later
"""Boxes about what the deployment was made from: tests, tree, image, load tests, pages, records. A result
is used only if it is of the commit that is deployed."""
import os
import re
from pathlib import Path

from verify.local import FOLDER, ROOT, lines_of, parse_json, run_program
from verify.outcome import ForPerson, joined, judge, same_commit

DOCUMENTS = Path("/usr/share/doc/mastery-engine")


def result_file(v, path, command):
    """What an earlier program has written; ForPerson with the command to run without it."""
    if not path.exists():
        raise ForPerson(f"{command} (there is no {path})")
    found = parse_json(path.read_text())
    commit = str(found.get("commit"))
    if not same_commit(commit, v.commit):
        raise ForPerson(f"{command} ({path} is of commit {commit})")
    return found


def test_results(v):
    """(path, results of scripts/test in a clean tree of the deployed commit)"""
    path = Path(os.environ.get("TEST_RESULTS") or ROOT / "build/test/results.json")
    found = result_file(v, path, f'scripts/test at commit {v.commit} ends in "0 failed"')
    if not found["clean"]:
        raise ForPerson(f"scripts/test in a clean tree (that of {path} was not)")
    return path, found


def tests_passed(v, evidence, *checks):
    """None of these checks of scripts/test may be missing or have failed."""
    path, found = test_results(v)
    for name in checks:
        if name not in found["checks"]:
            raise ForPerson(f'scripts/test runs "{name}", which is not in {path}')
        numbers = found["checks"][name]
        seen = "{passed} passed, {failed} failed".format_map(numbers)
        judge(numbers["passed"] > 0 and numbers["failed"] == 0, f"{name}: {seen}")
        evidence += f"; {name}: {seen}"
    return f"{evidence} ({found['time']})"


def tree_is_clean(v):
    """Of this tree, or of the one in which scripts/test has run at the deployed commit."""
    head = run_program("git", "-C", ROOT, "rev-parse", "HEAD")[1].strip()
    if not same_commit(head, v.commit):
        path, found = test_results(v)
        return f"clean at {found['commit'][:12]}, the deployed commit, when scripts/test ran ({path})"
    changes = run_program("git", "-C", ROOT, "status", "--porcelain")[1]
    judge(not changes, changes.partition("\n")[0])
    return f"clean at {head[:12]}, the deployed commit"


def image(v, otherwise):
    """(description, object) of the container tool that has the image; ForPerson where none has."""
    name = os.environ.get("IMAGE")
    if not name and v.cluster:
        containers = v.cluster.get("deployment", "mastery-engine")[1]["spec"]["template"]["spec"]["containers"]
        name = next((c["image"] for c in containers if c["name"] == "app"), None)
    if not name:
        raise ForPerson(f"{otherwise}; IMAGE is needed to check it here")
    for tool, command in (("podman", v.podman), ("docker", ["docker"])):
        status, output, _ = run_program(*command, "image", "inspect", name)
        if status == 0 and output:
            return f"{tool} image inspect {name}", parse_json(output)[0]
    raise ForPerson(f"{otherwise} (neither podman nor docker here has {name})")


def local_image(v):
    """As image(); (None, None) where a cluster can be asked instead."""
    try:
        return image(v, "the image is here, or a cluster that runs it")
    except ForPerson:
        if os.environ.get("IMAGE") or not v.cluster:
            raise
        return None, None


def image_builds(v):
    """From the deployed commit: by the image's label, by what its program says in a pod, or by scripts/test."""
    if not os.environ.get("IMAGE") and not v.cluster:
        return tests_passed(v, "scripts/build-image", "image")
    source, found = local_image(v)
    if not found:
        v.cluster.require("kubectl exec deployment/mastery-engine -c app -- mastery-ctl --version")
        commit, unknown = v.cluster.running_commit
        return f"the pods' image was built from {commit}" if commit else tests_passed(v, f"image ({unknown})", "image")
    revision = (found["Config"].get("Labels") or {}).get("org.opencontainers.image.revision", "")
    built_from = revision[:12] if same_commit(revision, v.commit) else revision or "no labelled commit"
    return judge(same_commit(revision, v.commit), f"{source}: built from {built_from}")


def image_size(v):
    source, found = local_image(v)
    if not found:
        _, output = v.cluster.output("exec", "deployment/mastery-engine", "-c", "app", "--", "sh", "-c", "du -skx / 2>/dev/null; :")
        size = int(output.split()[0]) * 1024
        return judge(size < 250_000_000, f"du of the root file system in a pod: {size // 1_000_000} MB")
    return judge(found["Size"] < 250_000_000, f"{source}: {found['Size'] // 1_000_000} MB")


def is_other_than_root(user):
    return bool(user) and user.split(":")[0] not in ("root", "0")


def users_in_pods(v):
    """The kubelet refuses to start a container as root where runAsNonRoot is true."""
    source, found = v.cluster.get("deployment", "mastery-engine")
    spec = found["spec"]["template"]["spec"]
    contexts = {c["name"]: {**spec.get("securityContext", {}), **c.get("securityContext", {})} for c in spec["containers"]}
    good = all(context.get("runAsNonRoot") and context.get("runAsUser") != 0 for context in contexts.values())
    users = {name: context.get("runAsUser", "the image's") for name, context in contexts.items()}
    return judge(good, f"{source}: user of {joined(users)}")


def image_user(v):
    if os.environ.get("IMAGE") or v.cluster:
        source, found = local_image(v)
        if not found:
            return users_in_pods(v)
        user = found["Config"].get("User")
        return judge(is_other_than_root(user), f"{source}: user {user}")
    user = (re.findall(r"(?im)^USER +(\S+)", dockerfile("ends with a USER other than root")) or [""])[-1]
    return judge(is_other_than_root(user), f"Dockerfile: USER {user}")


def dockerfile(otherwise):
    path = ROOT / "Dockerfile"
    if not path.exists():
        raise ForPerson(f"the Dockerfile {otherwise} (it is not in {ROOT})")
    return path.read_text()


def image_stages(_):
    stages = len(lines_of(dockerfile("has more than one FROM"), "(?i)FROM "))
    return judge(stages >= 2, f"Dockerfile: {stages} stages")


def image_healthcheck(_):
    text = dockerfile("has a HEALTHCHECK").replace("\\\n", "")
    found = lines_of(text, "HEALTHCHECK .*CMD")
    judge(found, "the Dockerfile has no HEALTHCHECK")
    return f"Dockerfile: {' '.join(found[0].split())}"


def load_holds(v, users, condition, evidence):
    """Judges what scripts/load has written for so many users."""
    folder = Path(os.environ.get("LOAD_RESULTS") or ROOT / "build/load")
    found = result_file(v, folder / f"users-{users}.json", f"scripts/load --users {users} {v.url}")
    return judge(condition(found), f"scripts/load --users {users}: {evidence(found)}")


def recorded(v, what):
    value = {"version": v.version, "commit": v.commit, "time": v.began, "operator": v.operator}[what]
    if not v.report:
        raise ForPerson(f"docs/deployment-record.md, filled in: {what} {value or 'unknown'}; --report FILE.md writes it")
    judge(value, f"the {what} is not known")
    return f"{what} {value}, in {v.report}"


def page_there(v, name):
    for path in (ROOT / "docs" / name, FOLDER.parents[1] / "docs" / name, DOCUMENTS / name, DOCUMENTS / f"{name}.gz"):
        if path.exists() and path.stat().st_size > 0:
            return str(path).removeprefix(f"{ROOT}/")
    raise ForPerson(f"docs/{name} of version {v.version} says what is needed here")


def for_person(v, what):
    """Only a person can see this: `what` is what to do."""
    place = v.report or "the report, which --report FILE.md writes"
    raise ForPerson(f"{what.format(run_id=v.run_id)}; then sign at this box of {place}")


def smoke_tests(v):
    bad = [r.box.id for r in v.results if r.box.id.startswith(("health.", "api.")) and r.outcome == "failed"]
    judge(not bad, f"this run: {' '.join(bad)}")
    return "this run: no box of health and API has failed"


def incident(v):
    failed = sum(result.outcome == "failed" for result in v.results)
    if failed:
        raise ForPerson(f"{failed} checks failed: create the incident (docs/escalation.md)")
    return "no check has failed"
