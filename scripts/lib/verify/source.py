# SPDX-License-Identifier: GPL-3.0-or-later
"""Boxes about what the deployment was made from: tests, tree, image, load tests, pages, records. A result
is used only if it is of the commit that is deployed."""
import os
import re
from pathlib import Path

from verify.local import FOLDER, ROOT, lines_of, parse_json, run_program
from verify.outcome import Failed, ForPerson, judge, same_commit

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


def tests_passed(v, evidence, *checks):
    """None of these checks of scripts/test may be missing or have failed."""
    path = Path(os.environ.get("TEST_RESULTS") or ROOT / "build/test/results.json")
    found = result_file(v, path, f'scripts/test at commit {v.commit} ends in "0 failed"')
    if not found["clean"]:
        raise ForPerson(f"scripts/test in a clean tree (that of {path} was not)")
    for name in checks:
        if name not in found["checks"]:
            raise ForPerson(f'scripts/test runs "{name}", which is not in {path}')
        numbers = found["checks"][name]
        seen = "{passed} passed, {failed} failed".format_map(numbers)
        judge(numbers["passed"] > 0 and numbers["failed"] == 0, f"{name}: {seen}")
        evidence += f"; {name}: {seen}"
    return f"{evidence} ({found['time']})"


def tree_is_clean(v):
    status, head, _ = run_program("git", "-C", ROOT, "rev-parse", "HEAD")
    head = head.strip()
    if status != 0:
        raise ForPerson(f"git status in the tree of commit {v.commit} (this is no git tree)")
    if not same_commit(head, v.commit):
        raise ForPerson(f"git status in the tree of commit {v.commit} (this one is at {head[:12]})")
    changes = run_program("git", "-C", ROOT, "status", "--porcelain")[1]
    judge(not changes, changes.partition("\n")[0])
    return f"clean at {head[:12]}, the deployed commit"


def image(v, otherwise):
    """(description, object) of the container tool that has the image."""
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


def image_builds(v):
    source, found = image(v, "docker build . ends without errors")
    revision = (found["Config"].get("Labels") or {}).get("org.opencontainers.image.revision", "")
    built_from = revision[:12] if same_commit(revision, v.commit) else revision or "no labelled commit"
    return judge(same_commit(revision, v.commit), f"{source}: built from {built_from}")


def image_size(v):
    source, found = image(v, "docker images: under 250 MB")
    return judge(found["Size"] < 250_000_000, f"{source}: {found['Size'] // 1_000_000} MB")


def is_other_than_root(user):
    return bool(user) and user.split(":")[0] not in ("root", "0")


def image_user(v):
    if os.environ.get("IMAGE") or v.cluster:
        source, found = image(v, "the image's user is not root")
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
    raise ForPerson(what.format(run_id=v.run_id))


def smoke_tests(v):
    bad = [r.box.id for r in v.results if r.box.id.startswith(("health.", "api.")) and r.outcome == "failed"]
    judge(not bad, f"this run: {' '.join(bad)}")
    return "this run: no box of health and API has failed"


def incident(v):
    failed = sum(result.outcome == "failed" for result in v.results)
    if failed:
        raise ForPerson(f"{failed} checks failed: create the incident (docs/escalation.md)")
    return "no check has failed"
