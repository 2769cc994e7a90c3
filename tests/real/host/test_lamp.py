# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that has a site already, by nginx or by Apache with PHP: the engine comes, works and goes, and the site does
not notice."""
import re

import pytest
from engine_host import ENGINE, SIDECAR
from harness.load import Load
from harness.wait import wait_for
from writers import Record, Writers

SNIPPET = """server {
    listen 80;
    server_name engine.example;
    include snippets/mastery-engine.conf;
}
"""
# Modules of Apache stay enabled, as they may be those of other sites too, and so does a folder of a2dissite, empty.
APACHES = re.compile(r"/etc/apache2/mods-enabled/|/var/lib/apache2/(module/enabled_by_admin(/|$)|site/disabled_by_admin$)")


def listening(host):
    """Ports on which the host listens."""
    lines = host.sh("cat /proc/net/tcp /proc/net/tcp6").splitlines()
    rows = [line.split() for line in lines if ":" in line.split()[1]]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A"}


def traces(host):
    """Files, users, groups and units of the engine."""
    found = {path for path in host.files() if "mastery" in path}
    found |= set(host.sh("find /run /var/log /var/lib -path '*mastery*'").splitlines())
    for name in ("passwd", "group", "shadow", "gshadow"):
        found |= {line for line in host.path(f"etc/{name}").read_text().splitlines() if "mastery" in line}
    units = host.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "mastery*").splitlines()
    return {path for path in found if not path.startswith("/var/lib/dpkg")} | set(units)


def differences(before, after):
    """Paths that are new, gone, or have other contents."""
    return {path for path in before.keys() | after.keys() if before.get(path, "-") != after.get(path, "-")}


@pytest.mark.parametrize("web_server", ["nginx", "apache"])
def test_the_engine_comes_and_goes_and_the_site_does_not_notice(new_host, web_server):
    host = new_host(web_server)
    host.install_engine("new")  # the packages that it depends on stay
    host.purge()
    files, site, ports = host.files(), host.site_process(), listening(host)
    assert host.site() == (200, "site 42")
    with Load(1, lambda *_: host.site(), pause=0.01) as visitors:
        host.serve("new")
        Record(host, "student").assert_is_kept()
        assert {ENGINE, SIDECAR} <= listening(host) - ports
        with Writers(host) as writers:
            wait_for(lambda: writers.total > 50, "events")
            host.purge()
        if web_server == "apache":
            host.sh("apache2ctl -t && systemctl reload apache2")
        wait_for(lambda: listening(host) == ports, "ports closed")
    assert set(visitors.results) == {(200, "site 42")} and not visitors.errors
    assert host.site_process() == site
    assert {path for path in differences(files, host.files()) if not APACHES.match(path)} == set()
    assert traces(host) == set()


def test_what_the_documents_tell_to_do_is_undone_by_purge(new_host):
    """A further process, and the engine's nginx masked in favour of Apache's site."""
    host = new_host("apache")
    host.serve("new")
    host.run("systemctl", "enable", "--now", "mastery-engine@3")
    host.run("systemctl", "mask", "mastery-engine-nginx")
    host.purge()
    assert traces(host) == set()
    host.install_engine("new")
    assert host.is_active("mastery-engine@1") and not host.is_active("mastery-engine@3")


def test_removed_and_not_purged_the_hosts_apache_starts_again(new_host):
    """The site of the engine is not left enabled without the files that it includes."""
    host = new_host("apache")
    host.serve("new")
    host.run("apt-get", "-q", "-y", "remove", "mastery-engine")
    host.run("apache2ctl", "-t")
    host.run("systemctl", "restart", "apache2")
    assert host.site() == (200, "site 42") and host.status("/health") is None
    host.serve("new")


def test_the_hosts_own_nginx_passes_requests_under_a_name(new_host):
    host = new_host("nginx")
    host.serve("new")
    host.path("etc/nginx/conf.d/engine.conf").write_text(SNIPPET)
    host.run("systemctl", "reload", "nginx")
    client = host.client(80)
    wait_for(lambda: client.get("/health", headers={"Host": "engine.example"}).status == 200, "the engine")
    assert host.site() == (200, "site 42")
    client.close()
