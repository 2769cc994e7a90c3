# SPDX-License-Identifier: GPL-3.0-or-later
"""The released version, then this one, then the released one again, by the Debian package, while clients write."""
import pytest
from harness.wait import wait_for
from writers import Record, Writers


def more(writers, number=50):
    """Waits for so many more acknowledged events."""
    total = writers.total
    wait_for(lambda: writers.total >= total + number, f"{number} more events")


@pytest.mark.parametrize("web_server", ["nginx", "apache"])
def test_upgrade_and_back_under_load_keep_all_data(new_host, web_server):
    host = new_host(web_server)
    host.serve("old")
    old_version, by_old, site = host.version(), Record(host, "by-old"), host.site_process()
    with Writers(host) as writers:
        more(writers)
        before = host.processes()
        host.install_engine("new")
        more(writers)
        after = host.processes()
        writers.assert_none_refused()
    assert host.version() != old_version
    assert not set(before.values()) & set(after.values()), "a process of the former version runs"
    by_old.assert_is_kept()
    by_new = Record(host, "by-new")
    writers.assert_each_counts_once()

    # The maintainer scripts of the released version restart its nginx: requests of that second may fail.
    with Writers(host, prefix="back") as back:
        more(back)
        host.install_engine("old", "--allow-downgrades")
        host.wait_ready()
        more(back)
    assert host.version() == old_version
    by_old.assert_is_kept()
    by_new.assert_is_kept()
    writers.assert_each_counts_once()
    back.assert_each_counts_once()
    assert host.site() == (200, "site 42") and host.site_process() == site


def test_an_upgrade_serves_the_routes_of_the_new_version(new_host):
    """nginx's locations are those of the new package without a request refused meanwhile."""
    host = new_host()
    host.serve("old")
    assert host.status("/console/") == 404
    host.install_engine("new")
    wait_for(lambda: host.status("/console/") == 200, "the console")
    assert host.show("mastery-engine-nginx", "NRestarts")["NRestarts"] == "0"


def test_installing_the_same_version_again_refuses_no_request(new_host):
    host = new_host()
    host.serve("new")
    secret = host.path("etc/mastery-engine/secrets/jwt").read_text()
    with Writers(host) as writers:
        more(writers)
        host.install_engine("new", "--reinstall")
        more(writers)
    writers.assert_none_refused()
    assert host.path("etc/mastery-engine/secrets/jwt").read_text() == secret


def test_settings_that_the_new_version_refuses_stop_nothing(new_host):
    """The processes of the old version go on, and the output names the setting."""
    host = new_host()
    host.serve("old")
    with host.path("etc/mastery-engine/engine.env").open("a") as settings:
        settings.write("PREDICTION_MODEL=ordinary_least_squares\n")
    host.run("systemctl", "restart", "mastery-engine@1", "mastery-engine@2", "mastery-worker")
    host.wait_ready()
    with Writers(host) as writers:
        more(writers)
        before = host.processes()
        output = host.install_engine("new")
        more(writers)
    writers.assert_none_refused()
    assert host.processes() == before
    assert "PREDICTION_MODEL" in output and "/etc/mastery-engine/engine.env" in output
    host.sh("sed -i /PREDICTION_MODEL/d /etc/mastery-engine/engine.env")
    host.sh("dpkg-reconfigure -f noninteractive mastery-engine")
    wait_for(lambda: not set(before.values()) & set(host.processes().values()), "processes of the new version")
    host.wait_ready()


def test_changed_files_of_settings_are_kept(new_host):
    host = new_host()
    host.serve("old")
    files = "logrotate.d/mastery-engine mastery-engine/engine.env nginx/snippets/mastery-engine.conf".split()
    changed = {f"etc/{file}": host.path(f"etc/{file}").read_text() + "# own line\n" for file in files}
    for path, text in changed.items():
        host.path(path).write_text(text)
    host.install_engine("new", "-o", "DPkg::Options::=--force-confold")
    assert {path: host.path(path).read_text() for path in changed} == changed
