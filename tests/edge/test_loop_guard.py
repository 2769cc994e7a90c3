# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard of test builds against calls that block the event loop (hazards X2): a program that
makes such a call from its loop ends with the call's name."""
import signal
import subprocess

import pytest
from harness.binaries import REPORT, ROOT, bin_dir, sanitized

PROGRAM = """
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int pair[2], file;
static struct sockaddr_un nowhere = {.sun_family = AF_UNIX, .sun_path = "nowhere"};

static void *act(void *unused)
{
    struct addrinfo *list = NULL;

    (void)unused;
    (void)list;
    ACTION;
    return NULL;
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    pthread_t thread;

    (void)timer, (void)events;
    if (THREAD && pthread_create(&thread, NULL, act, NULL) == 0)
        pthread_join(thread, NULL);
    else
        act(NULL);
    ev_break(loop, EVBREAK_ALL);
}

int main(void)
{
    ev_timer timer;

    file = open("file", O_CREAT | O_RDWR, 0600);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    ev_timer_init(&timer, on_timer, 0, 0);
    ev_timer_start(ev_default_loop(0), &timer);
    ev_run(ev_default_loop(0), 0);
    return 0;
}
"""
FORBIDDEN = {
    "getaddrinfo": 'getaddrinfo("127.0.0.1", "1", NULL, &list)',
    "fsync": "fsync(file)",
    "fdatasync": "fdatasync(file)",
    "connect": "connect(socket(AF_UNIX, SOCK_STREAM, 0),"
    " (struct sockaddr *)&nowhere, sizeof(nowhere))",
    "write": '(void)!write(pair[0], "x", 1)',
    "send": 'send(pair[0], "x", 1, 0)',
}
PERMITTED = {
    "non-blocking write": 'fcntl(pair[0], F_SETFL, O_NONBLOCK); (void)!write(pair[0], "x", 1)',
    "send without waiting": 'send(pair[0], "x", 1, MSG_DONTWAIT)',
    "write to a file": '(void)!write(file, "x", 1)',
    "non-blocking connect": "connect(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0),"
    " (struct sockaddr *)&nowhere, sizeof(nowhere))",
}


def run(folder, action, thread=0):
    source, program = folder / "program.c", folder / "program"
    source.write_text(PROGRAM)
    command = ["cc", "-D_GNU_SOURCE", f"-DACTION={action}", f"-DTHREAD={thread}"]
    command += ["-o", program, source]
    command += [ROOT / "tests/guard/loop_guard.c", "-lev", "-ldl", "-pthread"]
    subprocess.run(command, check=True)
    return subprocess.run([program], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_blocking_call_in_the_loop_ends_the_process(tmp_path, name):
    result = run(tmp_path, FORBIDDEN[name])
    assert result.returncode == -signal.SIGABRT, result
    assert f"loop guard: {name} " in result.stderr
    assert REPORT.search(result.stderr), "a test that causes it does not notice"


@pytest.mark.parametrize("name", FORBIDDEN)
def test_another_thread_may_block(tmp_path, name):
    result = run(tmp_path, FORBIDDEN[name], thread=1)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("name", PERMITTED)
def test_calls_that_do_not_block_are_permitted(tmp_path, name):
    result = run(tmp_path, PERMITTED[name])
    assert (result.returncode, result.stderr) == (0, "")


def test_servers_of_test_builds_have_the_guard():
    if not sanitized():
        pytest.skip("a build without sanitizers")
    for name in ("mastery-fcgi", "mastery-worker"):
        assert b"loop guard: " in (bin_dir() / name).read_bytes(), name
