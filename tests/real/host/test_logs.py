# SPDX-License-Identifier: GPL-3.0-or-later
"""Every request is in the logs once: when they are rotated meanwhile, and when there are many."""
import collections
import json
import re

import pytest
from harness.load import Load
from harness.wait import wait_for

CALLERS = 3


class Numbered(Load):
    """Requests with ids that count up: CALLER-NUMBER."""

    def __init__(self, host):
        self.clients = [host.admin() for _ in range(CALLERS)]
        super().__init__(CALLERS, self.send)

    def send(self, caller, iteration):
        request_id = f"numbered-{caller}-{iteration}"
        body = {"student_id": f"student-{caller}"}
        response = self.clients[caller].post("/api/v1/mastery/query", body, headers={"X-Request-ID": request_id})
        return request_id if response.status in (200, 404) else response

    def wait_more(self, number=200):
        total = len(self.results)
        wait_for(lambda: len(self.results) >= total + number, "more requests")


def ids(text):
    return collections.Counter(re.findall(r'"request_id":"(numbered-\d+-\d+)"', text))


@pytest.mark.parametrize(
    "web_server, files, settings",
    [("nginx", "var/log/mastery-engine/access.log", "mastery-engine"),
     ("apache", "var/log/apache2/mastery-engine.access.log", "apache2")],
)  # fmt: skip
def test_no_line_of_an_access_log_is_lost_when_it_is_rotated(new_host, web_server, files, settings):
    host = new_host(web_server)
    if web_server == "nginx":
        with host.path("etc/mastery-engine/nginx.env").open("a") as settings:
            settings.write("ACCESS_LOG_ALL=on\n")
    host.serve("new")
    with Numbered(host) as load:
        for _ in range(2):
            load.wait_more()
            host.run("logrotate", "--force", f"/etc/logrotate.d/{settings}")
        load.wait_more()
    assert not load.errors

    def logged():
        texts = [host.path(f"{files}{suffix}").read_text() for suffix in ("", ".1")]
        return ids("".join(texts) + host.sh(f"zcat /{files}.2.gz"))

    expected = collections.Counter(load.results)
    wait_for(lambda: logged() == expected, "a line for each request")
    assert ids(host.path(files).read_text()), "nothing in the new file"


def test_no_line_of_the_journal_is_lost(new_host):
    """Also above the journal's limit of lines for a service: 10 000 in 30 seconds by default, and lower here."""
    host = new_host()
    host.path("etc/systemd/journald.conf.d").mkdir()
    host.path("etc/systemd/journald.conf.d/limit.conf").write_text("[Journal]\nRateLimitBurst=50\n")
    host.run("systemctl", "restart", "systemd-journald")
    host.serve("new")
    with Numbered(host) as load:
        load.wait_more(500)
        host.run("journalctl", "--rotate")
        load.wait_more(500)
    expected = collections.Counter(load.results)
    wait_for(lambda: ids("\n".join(host.journal())) == expected, "a line for each request")


def test_the_journal_has_lines_of_json_of_each_unit(new_host):
    host = new_host()
    host.serve("new")
    host.run("systemctl", "restart", "mastery-engine@1")
    host.wait_ready()
    for unit in ("mastery-engine@1", "mastery-worker"):
        lines = host.run("journalctl", "--no-pager", "-o", "json", "-u", unit).splitlines()
        entries = [json.loads(line) for line in lines]
        own = [entry["MESSAGE"] for entry in entries if entry["_COMM"].startswith("mastery-")]
        assert own and all(json.loads(message)["level"] for message in own), unit
