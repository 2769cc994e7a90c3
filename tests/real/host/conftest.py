# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts, each for one test; each runs in namespaces of its own."""
import contextlib
import os
import shutil
from pathlib import Path

import pytest
from engine_host import Host
from harness.real import built


@pytest.fixture(scope="session")
def parts():
    if os.getuid() != 0:
        pytest.skip("only root may make namespaces of hosts")
    return Path(built(Path(__file__).parent))


@pytest.fixture(scope="session")
def lower(parts, tmp_path_factory):
    """lower(web_server): the folders of a host with Redis and a site, made once."""
    made = {}

    def of(web_server):
        if web_server not in made:
            folder = tmp_path_factory.mktemp("hosts") / web_server
            with Host(parts, [parts / "root"], folder, web_server) as host:
                host.make_site()
            made[web_server] = [folder / "upper", parts / "root"]
        return made[web_server]

    return of


@pytest.fixture
def new_host(parts, lower, tmp_path):
    with contextlib.ExitStack() as stack:

        def new(web_server="nginx"):
            host = Host(parts, lower(web_server), tmp_path / web_server, web_server)
            return stack.enter_context(host)

        yield new
    shutil.rmtree(tmp_path)
