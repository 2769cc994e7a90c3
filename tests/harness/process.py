# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes: what /proc says of them, their log, and their pausing."""
import contextlib
import json
import os
import signal


def pause(pid):
    os.kill(pid, signal.SIGSTOP)


def resume(pid):
    os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def paused(server):
    """A server (harness/redis_server.py) that is stopped meanwhile, with its connections left open."""
    pause(server.process.pid)
    try:
        yield
    finally:
        resume(server.process.pid)


def log_lines(path, event):
    """The lines of a log that are about that event."""
    lines = path.read_text().splitlines()
    found = [json.loads(line) for line in lines if line.startswith("{") and f'"{event}"' in line]
    return [line for line in found if line.get("event") == event]


def _stat(pid):
    """The fields of /proc/PID/stat behind the command's name; None without such a process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def alive(pid):
    fields = _stat(pid)
    return fields is not None and fields[0] not in "ZX"


def children(pid):
    """Living children of a process, oldest first."""
    found = []
    for entry in os.listdir("/proc"):
        fields = _stat(entry) if entry.isdigit() else None
        if fields and fields[0] not in "ZX" and int(fields[1]) == pid:
            found.append((int(fields[19]), int(entry)))
    return [child for _, child in sorted(found)]


def descendants(pid):
    found = []
    for child in children(pid):
        found += [child, *descendants(child)]
    return found


def program(pid):
    """Name of the program that a process runs, "" when it is gone."""
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)"))
    except OSError:
        return ""


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0


def cpu_seconds(pid):
    """Processor time that a process has used."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))
