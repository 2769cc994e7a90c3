# SPDX-License-Identifier: GPL-3.0-or-later
"""The reader of the log has stopped: nothing that writes to it may wait for it."""
import contextlib
import os

import pytest
from harness.fastcgi import PARAMS, begin, record
from harness.process import alive
from harness.prometheus import Scrape
from harness.wait import wait_for


@pytest.fixture
def full_pipe():
    """Both ends of a pipe that nobody reads, and the function that fills it."""
    reader, writer = os.pipe()

    def fill():
        """Through a description of its own: O_NONBLOCK must not reach the processes of the pool."""
        descriptor = os.open(f"/proc/self/fd/{writer}", os.O_WRONLY | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(descriptor, b"\n" * 4096)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(descriptor, b"\n")
        os.close(descriptor)

    yield writer, fill
    os.close(reader)
    os.close(writer)


def hang(pool, pid):
    """Bytes of one record, now and then, hold the loop until the watchdog ends the process."""
    data = iter(record(PARAMS, bytes(65528)))
    with pool.connect() as connection:
        connection.send(begin())

        def ended():
            with contextlib.suppress(OSError):
                connection.send(bytes([next(data)]))
            return not alive(pid)

        wait_for(ended, "end of the process whose loop hangs")


def test_process_that_hangs_is_replaced_though_nobody_reads_its_log(start_pool, full_pipe):
    writer, fill = full_pipe
    pool = start_pool(log_to=writer, REQUEST_DEADLINE_S=2)
    [stuck] = pool.pids()
    fill()
    hang(pool, stuck)
    wait_for(pool.serves, "another process serving")
    text = pool.request("GET", "/metrics").text
    assert Scrape(text).value("request_deadlines_total") == 1


def test_pool_serves_though_nobody_reads_its_log(start_pool, full_pipe):
    writer, fill = full_pipe
    pool = start_pool(log_to=writer, LOG_LEVEL="debug")
    [pid] = pool.pids()
    fill()
    for _ in range(2000):  # more lines than the buffer of the log has room for
        assert pool.request("GET", "/health").status == 200
    assert pool.pids() == [pid]
