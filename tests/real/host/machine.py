# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian host with a running systemd, in namespaces of its own: processes, mounts, network, name. Its files are those
of the folders `lower`, the uppermost first, which stay as they are: changes go to the folder upper."""
import contextlib
import ctypes
import os
import shutil
import subprocess
from pathlib import Path

from harness.client import Client
from harness.process import children
from harness.wait import wait_for

CGROUPS = [Path("/sys/fs/cgroup", name) for name in ("systemd", "unified")]
CLONE_NEWNET = 0x40000000
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}

# Run by sh in the new namespaces; becomes systemd. $1: lower folders, $2: folder with upper, work and root.
BOOT = """
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
cd "$2/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
mkdir sys/fs/cgroup/systemd sys/fs/cgroup/unified
mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
mount -o remount,ro,bind sys
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8
mknod -m 666 dev/urandom c 1 9
mknod -m 666 dev/tty c 5 0
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
hostname host
ip link set lo up
pivot_root . .
umount -l .
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=multi-user.target
"""


def cgroup(name):
    return [folder / f"mastery-{name}" for folder in CGROUPS if folder.is_dir()]


def enter(libc, namespace):
    if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Machine:
    """pid: that of its systemd, as seen from here."""

    def __init__(self, lower, folder):
        self.lower, self.folder = ":".join(map(str, lower)), Path(folder)
        self.name = f"{os.getpid()}-{self.folder.name}"
        self.process = self.pid = None

    def __enter__(self):
        for name in ("upper", "work", "root"):
            (self.folder / name).mkdir(parents=True)
        join = ""
        for group in cgroup(self.name):
            group.mkdir()
            join += f"echo $$ >{group}/cgroup.procs; "
        spaces = ["unshare", "--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--fork", "--kill-child"]
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["sh", "-ec", f'{join} exec "$@"', "sh", *spaces, "sh", "-ec", BOOT, "boot", self.lower, self.folder],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            wait_for(self._is_systemd, "systemd as process 1")
            wait_for(self._is_up, "the machine up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()  # and its child by --kill-child, the first process of the namespace
        self.process.wait()
        for group in cgroup(self.name):
            wait_for(lambda g=group: not any(p.read_text() for p in g.rglob("cgroup.procs")), "the machine gone")
            for below in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
                below.rmdir()
            group.rmdir()
        shutil.rmtree(self.folder / "work", ignore_errors=True)

    def _log(self):
        return (self.folder / "log").read_text(errors="replace")[-3000:]

    def _is_systemd(self):
        assert self.process.poll() is None, self._log()
        for pid in children(self.process.pid):
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text() == "systemd\n":
                    self.pid = pid
        return self.pid

    def _is_up(self):
        state = self.run("systemctl", "is-system-running", check=False).strip()
        return state in ("running", "degraded")

    # ---- what happens in it ----

    def start(self, *command, **options):
        inside = ["nsenter", f"--target={self.pid}", "--all", "--root", "--wd"]
        return subprocess.Popen(
            [*inside, *map(str, command)], env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, **options,
        )  # fmt: skip

    def run(self, *command, check=True):
        """Standard output and error of a command; fails with them when the command does."""
        process = self.start(*command)
        output, _ = process.communicate(timeout=600)
        assert not check or process.returncode == 0, f"{command} ended with {process.returncode}:\n{output}"
        return output

    def sh(self, script, check=True):
        return self.run("sh", "-ec", script, check=check)

    def install(self, *packages):
        """By apt, from what is in its cache."""
        return self.run("apt-get", "-q", "-y", "--no-install-recommends", "install", *packages)

    def path(self, path):
        """A path of the machine, as seen from here."""
        return Path(f"/proc/{self.pid}/root", path.lstrip("/"))

    def show(self, unit, *properties):
        output = self.run("systemctl", "show", unit, "--property", ",".join(properties))
        return dict(line.split("=", 1) for line in output.splitlines() if line)

    def is_active(self, unit):
        return self.run("systemctl", "is-active", unit, check=False).strip() == "active"

    # ---- what is seen of it by the network ----

    @contextlib.contextmanager
    def network(self):
        """This thread opens its sockets in the machine's network."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net", "rb") as own, open(f"/proc/{self.pid}/ns/net", "rb") as other:
            enter(libc, other)
            try:
                yield
            finally:
                enter(libc, own)

    def client(self, port, token=None):
        return MachineClient(self, f"http://127.0.0.1:{port}", token)


class MachineClient(Client):
    def __init__(self, machine, url, token):
        super().__init__(url, token)
        self.machine = machine

    def _connect(self):
        with self.machine.network():
            super()._connect()
