# SPDX-License-Identifier: GPL-3.0-or-later
"""A resource of the machine is used up: the disk of Redis, descriptors, the target of the log (faults 9, 23 and
26 of docs/reliability.md). What is refused is refused whole, and service is back when there is room again."""
import resource

import pytest
from harness.engine import fresh_id
from harness.pool import Pool
from harness.process import open_files
from harness.prometheus import Scrape
from harness.redis_server import RedisServer
from harness.wait import wait_for

# A write beyond the limit of the file's size fails instead of ending the process, as on a full disk.
WITHOUT_SIGNAL = ("sh", "-c", 'trap "" XFSZ; exec "$@"', "sh")
ROOM = 64 * 1024


@pytest.fixture
def redis_with_a_disk():
    options = ("--appendonly", "yes", "--appendfsync", "everysec")
    with RedisServer(*options, wrapper=WITHOUT_SIGNAL) as server:
        yield server


def file_limit(server, bytes_):
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (bytes_, resource.RLIM_INFINITY))


def test_full_disk_of_redis_refuses_writes_and_no_reads(redis_with_a_disk, start_pool):
    pool, student = start_pool(redis_url=redis_with_a_disk.url), fresh_id()
    assert pool.calculate(student).status == 200
    file_limit(redis_with_a_disk, ROOM)
    acknowledged = [0.83]

    def refused():
        score = round(len(acknowledged) % 1000 / 1000, 3)
        response = pool.calculate(student, (score,) * 4)
        if response.status == 200:
            acknowledged.append(score)
        return response.status == 503 and response

    response = wait_for(refused, "the disk is full")
    assert int(response.headers["Retry-After"]) >= 1
    assert pool.query(student).json["mastery_score"] == acknowledged[-1]
    file_limit(redis_with_a_disk, resource.RLIM_INFINITY)
    wait_for(lambda: pool.calculate(student, (0.5,) * 4).status == 200, "writes again")
    assert pool.query(student).json["mastery_score"] == 0.5


def test_process_without_descriptors_serves_those_that_it_has(start_pool):
    pool = start_pool()
    [pid] = pool.pids()
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    with pool.connect() as known:
        assert known.request("GET", "/health").status == 200
        assert pool.calculate("somebody").status == 200
        wait_for(lambda: known.request("GET", "/health").status == 200, "connected")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (open_files(pid), before[1]))
        more = [pool.connect() for _ in range(4)]
        try:
            for _ in range(50):
                assert known.request("GET", "/health").status == 200
                assert known.request("POST", "/api/v1/mastery/query", json={"student_id": "somebody"},
                                     token=pool.token("root", "admin")).status == 200  # fmt: skip
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
            for connection in more:
                assert connection.request("GET", "/health").status == 200
        finally:
            for connection in more:
                connection.close()
    assert pool.pids() == [pid], "it was replaced"


@pytest.fixture
def pool_with_full_log(redis_server):
    pool = Pool(redis_server.url, may_crash=True, LOG_LEVEL="debug")  # its log cannot be read for reports
    pool.log_path.symlink_to("/dev/full")
    with pool:
        yield pool


def requests(connection):
    """So many that some hundred kilobytes of log lines are made."""
    for _ in range(1000):
        assert connection.request("GET", "/health").status == 200


def test_full_target_of_the_log_stops_nothing(pool_with_full_log):
    [pid] = pool_with_full_log.pids()
    with pool_with_full_log.connect() as connection:
        requests(connection)
    assert pool_with_full_log.calculate(fresh_id()).status == 200
    assert pool_with_full_log.pids() == [pid]


def test_lines_that_the_log_has_no_room_for_are_counted(pool_with_full_log):
    with pool_with_full_log.connect() as connection:
        requests(connection)
        text = connection.request("GET", "/metrics").text
        assert Scrape(text).value("log_lines_dropped_total") > 0
