# SPDX-License-Identifier: GPL-3.0-or-later
"""What nginx refuses is in the metrics: what the engine counts and what nginx counts is what clients get."""
import collections
import os
import subprocess

import pytest
from harness.binaries import bin_dir
from harness.engine import ROOT, Engine, fresh_id
from harness.prometheus import PREFIX, Scrape
from harness.wait import wait_for


@pytest.fixture(scope="module")
def limited():
    with Engine(RATE_LIMITS="on", RATE_LIMIT_ADDRESS_FACTOR="1000") as running:
        yield running


def render(folder):
    own = {"FCGI_SOCKET": folder / "socket", "NGINX_RUNTIME_DIR": folder, "NGINX_REFUSALS_DIR": folder / "refusals"}
    own["MASTERY_CTL"] = bin_dir() / "mastery-ctl"
    return subprocess.run(
        [ROOT / "scripts/render-nginx", folder / "conf"],
        env={**os.environ, **{name: str(value) for name, value in own.items()}},
        capture_output=True,
        text=True,
    )


def counts(engine):
    """{status: number of responses} of the engine and of nginx together, and of nginx alone."""
    scrape, both, nginx = Scrape(engine.admin().get("/metrics").text), collections.Counter(), collections.Counter()
    for (name, labels), n in scrape.samples.items():
        status = dict(labels).get("status_code")
        if name == PREFIX + "nginx_refusals_total":
            nginx[status] += int(n)
        if name in (PREFIX + "nginx_refusals_total", PREFIX + "http_requests_total"):
            both[status] += int(n)
    return both, nginx


def get_into_trouble(engine):
    """Statuses that a client gets, most of them from nginx."""
    client, student = engine.client(fresh_id(), "student"), fresh_id()
    asked = [client.get(f"/api/v1/mastery/statistics/{student}") for _ in range(14)]
    asked += [engine.admin().get("/health", headers={"X-Large": "x" * 12000})]
    asked += [engine.admin().get("/health?" + "x" * 12000)]
    asked += [engine.admin().post("/api/v1/mastery/query", body=b" " * (1 << 20) + b"{}", headers={"Content-Type": "application/json"})]
    asked += [engine.admin().get("/health") for _ in range(3)]
    asked += [engine.admin().get(f"/nowhere/{i}") for i in range(3)]
    asked += [engine.admin().request("TRACE", "/health")]
    return collections.Counter(str(response.status) for response in asked)


@pytest.mark.parametrize("kind", ["link", "dangling link", "folder", "fifo"])
def test_a_counter_that_is_no_regular_file_is_refused(tmp_path, kind):
    """The engine's user may write to the folder, and root renders nginx's configuration."""
    folder, target = tmp_path / "refusals", tmp_path / "target"
    folder.mkdir()
    if kind == "folder":
        (folder / "404").mkdir()
    elif kind == "fifo":
        os.mkfifo(folder / "404")
    else:
        (folder / "404").symlink_to(target)
    if kind == "link":
        target.touch(0o600)
    done = render(tmp_path)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert f"{folder}/404 is not a regular file" in done.stderr
    assert target.exists() == (kind == "link")


def test_counters_are_made_for_the_engines_user_and_retained(tmp_path):
    assert render(tmp_path).returncode == 0
    file = tmp_path / "refusals/404"
    assert file.stat().st_mode & 0o777 == 0o666
    file.write_text("\n")
    assert render(tmp_path).returncode == 0 and file.read_text() == "\n"


def test_totals_are_those_of_the_clients(limited):
    before, nginx_before = counts(limited)
    got = get_into_trouble(limited)
    assert got["429"] == 4 and got["431"] == got["414"] == got["413"] == 1, got
    got["200"] += 1  # the scrape before, which is counted when it has been answered
    found = lambda: (lambda both, nginx: (both - before, nginx - nginx_before))(*counts(limited))

    def agrees():
        both, _ = found()
        return {**both, "200": 0} == {**got, "200": 0}

    wait_for(agrees, f"{got} counted", 10)
    assert found()[1] == {"429": 4, "431": 1, "414": 1, "413": 1}


def test_refusals_are_reset_with_the_other_counters(limited):
    get_into_trouble(limited)
    wait_for(lambda: counts(limited)[1]["429"] > 0, "counted")
    assert limited.admin().post("/metrics/reset").status == 200
    assert not +counts(limited)[1]
    client, student = limited.client(fresh_id(), "student"), fresh_id()
    for _ in range(11):
        client.get(f"/api/v1/mastery/statistics/{student}")
    wait_for(lambda: +counts(limited)[1] == {"429": 1}, "counted from the beginning", 10)


def test_many_refusals_need_no_memory(limited):
    path = f"{limited.values['NGINX_REFUSALS_DIR']}/504"
    with open(path, "ab") as file:
        file.write(b"\n" * (3 << 20))
    wait_for(lambda: os.stat(path).st_blocks * 512 < 1 << 17, "given back, though nobody reads the metrics")
    assert counts(limited)[1]["504"] == 3 << 20
    with open(path, "ab") as file:
        file.write(b"\n" * 7)
    assert counts(limited)[1]["504"] == (3 << 20) + 7
    os.truncate(path, 0)
