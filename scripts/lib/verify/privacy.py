# SPDX-License-Identifier: GPL-3.0-or-later
"""Boxes about a student's rights (GDPR). One of the verification's own students is exported and erased."""
import hashlib
import os
import re
import shutil
import time
import urllib.parse
import uuid
from datetime import datetime, timedelta, timezone

from verify.local import run_program
from verify.outcome import Failed, ForPerson, NotFound, judge

EXPORTED = {
    "current_mastery", "mastery_history", "activity", "events", "predictions", "recommendations", "learning_path",
    "consent_records", "cohorts", "audit_logs",
}  # fmt: skip
HISTORY_DAYS = 92  # 90 after the current day, and a part of it
AUDIT_TIMEOUT_S = 10  # the worker writes the record a moment after the erasure


def export_complete(v):
    def holds(body):
        data = body["data"]
        complete = data["current_mastery"] is not None and EXPORTED <= set(data)
        return body["student_id"] == v.students[1] and complete and re.fullmatch("[0-9a-f]{64}", body["integrity_hash"])

    body = v.get(f"/api/v1/compliance/export/{v.students[1]}").expect(200, holds)
    return f"{', '.join(sorted(body['data']))}; SHA-256 {body['integrity_hash'][:16]}…"


def deletion_complete(v):
    body = v.delete(f"/api/v1/compliance/student/{v.students[1]}").expect(
        200, lambda body: body["success"] and body["status"] == "success"
    )
    v.query(v.students[1]).expect(404, doing="after the deletion")
    history = v.get(f"/api/v1/mastery/history/{v.students[1]}?days=90")
    history.expect(200, lambda body: body["history_count"] == 0)
    deleted = ", ".join(f"{count} {kind}" for kind, count in body["deleted"].items() if count > 0)
    return f"deleted: {deleted}; then the query is 404 and the history empty"


def deletion_audited(v):
    deadline = time.monotonic() + AUDIT_TIMEOUT_S
    while True:
        response = v.get(f"/api/v1/compliance/audit/logs?user_id={v.user('admin')}&limit=100")
        body = response.expect(200, lambda body: "logs" in body, "no record of the deletion")
        records = [log for log in body["logs"] if re.search("eras|delete", log["action"], re.IGNORECASE)]
        if records:
            return "{action} by {user_id} at {timestamp}".format_map(records[0])
        judge(time.monotonic() < deadline, f"no record of the deletion: {response}")
        time.sleep(0.5)


def redis_cli(place, command, password, user=""):
    """What redis-cli prints, of the server with this URL or socket. The password is no argument: all users of the
    machine can see those. Nor is the user in the URL: there redis-cli takes it for the password."""
    files = {"--cacert": "REDIS_CA_FILE", "--cert": "REDIS_CERT_FILE", "--key": "REDIS_KEY_FILE"}
    tls = [word for option, name in files.items() if os.environ.get(name) for word in (option, os.environ[name])]
    account = ("--user", user) if user else ()
    environment = {"REDISCLI_AUTH": password} if password else None
    _, output, error = run_program("redis-cli", *place, *account, *tls, *command, environment=environment)
    return output.strip() or error


def master_of(scheme, sentinels, name):
    """The host and port of the server that the first sentinel with a reply names."""
    said = ""
    for sentinel in sentinels.split(","):
        place = sentinel if re.search(r":\d+$", sentinel) else f"{sentinel}:26379"
        command = ("SENTINEL", "get-master-addr-by-name", name)
        said = redis_cli(("-u", f"{scheme}://{place}"), command, os.environ.get("REDIS_SENTINEL_PASSWORD"))
        address = said.split()
        if len(address) == 2 and address[1].isdecimal():
            return f"[{address[0]}]:{address[1]}" if ":" in address[0] else ":".join(address)
    raise Failed(f"no sentinel of {sentinels} names the master {name}: {said}")


def redis(url, *command):
    """What redis-cli prints, of the server, the cluster or the sentinels' master that REDIS_URL names."""
    password = os.environ.get("REDIS_PASSWORD")
    if url.startswith("unix://"):
        return redis_cli(("-s", url.removeprefix("unix://")), command, password)
    scheme, _, rest = url.partition("://")
    user, _, rest = rest.rpartition("@")
    hosts, _, path = rest.removesuffix("?cluster").partition("/")
    follow = ("-c",) if url.endswith("?cluster") else ()  # any node says where a key is
    if scheme.endswith("+sentinel"):
        scheme, (name, _, path) = scheme.removesuffix("+sentinel"), path.partition("/")
        hosts = master_of(scheme, hosts, name)
    place = (*follow, "-u", f"{scheme}://{hosts.partition(',')[0]}/{path}")
    return redis_cli(place, command, password, urllib.parse.unquote(user))


def redis_in_cluster(v, *command):
    """What redis-cli prints in the Redis of k8s/components/redis."""
    script = 'REDISCLI_AUTH="$(cat /etc/redis-secrets/REDIS_PASSWORD)" exec redis-cli "$@"'
    return v.cluster.output("exec", "statefulset/mastery-redis", "-c", "redis", "--", "sh", "-c", script, "sh", *command)[1].strip()


def seconds_to_live(v, key):
    url, otherwise = os.environ.get("REDIS_URL"), f"redis-cli TTL '{key}' prints a number up to {HISTORY_DAYS * 86400} ({HISTORY_DAYS} days)"
    if url and shutil.which("redis-cli"):
        return redis(url, "TTL", key)
    if not v.cluster:
        raise ForPerson(f"{otherwise}; REDIS_URL and redis-cli are needed to check it here")
    try:
        return redis_in_cluster(v, "TTL", key)
    except NotFound as missing:
        raise ForPerson(f"{otherwise}; REDIS_URL is needed to check it here, where Redis is another's ({missing})") from missing


def history_expires(v):
    """A day before the current one has a text with an expiry; in a store that is not migrated, a key of its own."""
    student, day = v.students[0], datetime.now(timezone.utc) - timedelta(days=1)
    data = {"lesson_id": "verification", "duration_seconds": 60, "completion_percentage": 50}
    event = {
        "student_id": student, "event_id": f"evt-{uuid.uuid4()}", "event_type": "lesson.viewed", "data": data,
        "timestamp": f"{day:%Y-%m-%dT%H:%M:%SZ}",
    }  # fmt: skip
    v.post("/api/v1/mastery/ingest", event).expect(202, doing="an event of yesterday")
    beginning = f"{{{hashlib.sha256(student.encode()).hexdigest()[:2]}}}:student:{student}:"
    seconds = {key: seconds_to_live(v, beginning + key) for key in ("days", f"day:{day:%Y%m%d}")}
    found = [text for text in seconds.values() if text.isdecimal() and 0 < int(text) <= HISTORY_DAYS * 86400]
    if not found:
        raise Failed(f"TTL of {beginning}…: {seconds}")
    return f"the history expires in {int(found[0]) // 86400} days"
