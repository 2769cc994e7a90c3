# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: one engine for the ordinary tests of a worker, private ones for those that break it."""
import contextlib
import itertools
import os
import time

import pytest
from harness.binaries import assert_no_report
from harness.clock import build_library, environment_ahead
from harness.engine import Engine, RunningEngine, fresh_id
from harness.pool import Pool
from harness.redis_kinds import left_out, new_server
from harness.redis_server import RedisStandIn
from harness.sidecar import Sidecar
from harness.worker import Worker


DAY_S = 86400
LONGEST_TEST_S = 120
fixtures_day = None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Each test runs within one UTC day, with fixtures of this day: many have data of today."""
    global fixtures_day
    if DAY_S - time.time() % DAY_S < LONGEST_TEST_S:
        time.sleep(DAY_S - time.time() % DAY_S + 1)
    today = time.time() // DAY_S
    if fixtures_day not in (None, today):
        item.session._setupstate.teardown_exact(None)
    fixtures_day = today


WORKER_NUMBERS = itertools.count()  # several tests may share a pool, in whose folder the logs are


def module_fixtures(item):
    definitions = item._fixtureinfo.name2fixturedefs
    return [name for name in item.fixturenames if name in definitions and definitions[name][-1].scope == "module"]


@pytest.hookimpl(tryfirst=True)  # before the one that reads the groups
def pytest_collection_modifyitems(config, items):
    """Leaves out what means nothing with this kind of Redis. For pytest -n with --dist loadgroup: tests of a
    module that share a fixture run in one process, so that it is made once. The files run in reverse
    order: most of the long tests are in the last ones, and should not begin when the other processes
    have nothing left to do."""
    config.hook.pytest_deselected(items=[item for item in items if item.originalname in left_out()])
    items[:] = [item for item in items if item.originalname not in left_out()]
    for item in items:
        shared = module_fixtures(item)
        if shared:
            item.add_marker(pytest.mark.xdist_group(f"{item.path.stem} {shared[0]}"))
    files = [list(group) for _, group in itertools.groupby(items, lambda item: item.path)]
    items[:] = itertools.chain.from_iterable(reversed(files))


def pytest_terminal_summary(terminalreporter):
    """What was left out, and at how many commands of each operation the interleavings were tried, each in
    how many ways."""
    reports = terminalreporter.getreports("passed")
    for name, reason in left_out().items():
        terminalreporter.write_line(f"left out: {name}: {reason}")
    found = [value for report in reports for name, value in report.user_properties if name == "interleavings"]
    for name, commands, ways in sorted(found):
        terminalreporter.write_line(f"points: {name}: {commands} commands in {ways} ways")
    if found:
        terminalreporter.write_line(f"points: {sum(commands * ways for _, commands, ways in found)} in total")


@pytest.fixture(scope="session")
def engine():
    """Shared by all tests of one worker: leave it as it was; use fresh ids.

    With MASTERY_BASE_URL it is one that runs already."""
    there = os.environ.get("MASTERY_BASE_URL")
    with RunningEngine() if there else Engine() as running:
        yield running


@pytest.fixture
def start_engine():
    """Starts engines that the test may break: start_engine(POOL_SIZE=1, …)."""
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(Engine(**settings))


@pytest.fixture
def redis_server():
    with new_server() as server:
        yield server


@pytest.fixture
def stand_in(redis_server):
    """Stands between a pool and a real Redis."""
    with RedisStandIn(redis_server.path) as running:
        yield running


@pytest.fixture
def start_pool(redis_server):
    """Starts pools without nginx: start_pool(size=1, redis_url=…, MAX_REQUESTS=50, …)."""
    with contextlib.ExitStack() as stack:

        def start(redis_url=None, **settings):
            return stack.enter_context(Pool(redis_url or redis_server.url, **settings))

        yield start


@pytest.fixture(scope="session")
def clock_ahead(tmp_path_factory):
    """clock_ahead(seconds): the environment of a process whose clock is ahead by so much."""
    library = build_library(tmp_path_factory.mktemp("clock"))
    return lambda seconds: environment_ahead(library, seconds)


@pytest.fixture
def pool(start_pool):
    """A process without nginx."""
    return start_pool()


@pytest.fixture
def store(redis_server):
    """A connection to the Redis of the pools."""
    return redis_server.client()


@pytest.fixture
def student():
    return fresh_id()


@pytest.fixture
def admin(engine):
    client = engine.admin()
    yield client
    client.close()


@pytest.fixture
def anonymous(engine):
    client = engine.client()
    yield client
    client.close()


@pytest.fixture
def as_user(engine):
    """as_user(user, role): a client of that user's, closed when the test ends."""
    with contextlib.ExitStack() as stack:

        def make(user, role="student", **options):
            return stack.enter_context(contextlib.closing(engine.client(user, role, **options)))

        yield make


@pytest.fixture
def stand_in_sidecar():
    """A stand-in for Dapr's sidecar, in this process."""
    with Sidecar() as running:
        yield running


@pytest.fixture
def start_worker():
    """Starts workers beside a pool: start_worker(pool, sidecar, DAPR_RETRY_MS=5, …)."""
    started = []

    def start(pool, sidecar=None, **settings):
        if sidecar:
            settings = {"DAPR_HTTP_PORT": sidecar.port, "DAPR_RETRY_MS": 10, **settings}
        name = f"worker-{next(WORKER_NUMBERS)}"
        started.append(Worker(pool.environment, pool.folder, name, **settings).start())
        return started[-1]

    yield start
    for worker in started:
        worker.kill()
        assert_no_report(worker.log_path)
