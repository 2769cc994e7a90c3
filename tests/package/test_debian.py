# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debian package: built, judged by lintian, installed into a bare Debian, tried, purged.

Slow (minutes), as root and with the network for Debian's own packages: collected only when
MASTERY_PACKAGE_TESTS is 1. MASTERY_DEBIAN_MIRROR names another mirror, MASTERY_DEB a package that is
built already."""
import contextlib
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path

import pytest
from harness.engine import ROOT

MIRROR = os.environ.get("MASTERY_DEBIAN_MIRROR", "http://deb.debian.org/debian")


def run(*command, **options):
    """Its output; fails with it when the command does."""
    options = {"timeout": 1800, "text": True, "check": False, **options}
    result = subprocess.run(
        [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL, **options,
    )  # fmt: skip
    assert result.returncode == 0, f"{command} ended with {result.returncode}:\n{result.stdout}"
    return result.stdout


def sources(folder):
    """What belongs to the sources, without what tools have left among them."""
    left = {".git", ".state", "build", "autom4te.cache", "node_modules", "__pycache__"}

    def wanted(entry):
        return None if left & set(Path(entry.name).parts) else entry

    with tarfile.open(folder / "sources.tar", "w") as tar:
        tar.add(ROOT, "mastery-engine", filter=wanted)
    with tarfile.open(folder / "sources.tar") as tar:
        tar.extractall(folder)
    return folder / "mastery-engine"


@pytest.fixture(scope="module")
def package():
    """The path of the package, with the file of changes beside it when it was built here."""
    if os.environ.get("MASTERY_DEB"):
        yield Path(os.environ["MASTERY_DEB"])
        return
    folder = Path(tempfile.mkdtemp(prefix="md-"))
    try:
        tree = sources(folder)
        # the unit tests are run by scripts/test
        run("dpkg-buildpackage", "-us", "-uc", "-b", cwd=tree,
            env={**os.environ, "DEB_BUILD_OPTIONS": "nocheck"})  # fmt: skip
        [path] = folder.glob("mastery-engine_*.deb")
        yield path
    finally:
        shutil.rmtree(folder)


def test_lintian_is_content(package):
    changes = list(package.parent.glob("mastery-engine_*.changes"))
    output = run("lintian", "--fail-on=error,warning", "--allow-root", *changes or [package])
    assert not re.findall(r"^[EW]:.*", output, re.MULTILINE), output


class Chroot:
    """A bare Debian that starts no services by itself."""

    def __init__(self, folder):
        self.root = folder / "root"

    def make(self):
        run("debootstrap", "--variant=minbase", "bookworm", self.root, MIRROR)
        policy = self.root / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")

    def run(self, *command):
        clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"}
        proxies = {name: os.environ[name] for name in os.environ if name.lower().endswith("_proxy")}
        return run("chroot", self.root, *command, env={**clean, "LC_ALL": "C.UTF-8", **proxies})

    def install(self, *packages):
        self.run("apt-get", "-q", "-y", "--no-install-recommends", "install", *packages)

    def files(self):
        """Every file that has the product's name in its path, but for the kernel's."""
        found = run("find", self.root, "-xdev", "(", "-name", "*mastery*", ")", "-print")
        return [line for line in found.splitlines() if "/proc/" not in line]

    def mode(self, path):
        stat = (self.root / path).lstat()
        return oct(stat.st_mode & 0o7777), stat.st_uid


@contextlib.contextmanager
def mounted(root):
    """/proc and the few devices that programs expect; unmounted whatever happens."""
    run("mount", "-t", "proc", "proc", root / "proc")
    try:
        yield
    finally:
        run("umount", "-l", root / "proc")


@pytest.fixture(scope="module")
def chroot():
    if os.getuid() != 0:
        pytest.skip("a chroot is root's business")
    folder = Path(tempfile.mkdtemp(prefix="mb-"))
    folder.chmod(0o755)
    try:
        made = Chroot(folder)
        made.make()
        with mounted(made.root):
            yield made
    finally:
        shutil.rmtree(folder)


def test_package_installs_answers_and_is_purged(package, chroot):
    chroot.install("curl", "jq", "nginx", "redis-server", "perl")
    before = set(chroot.files())
    shutil.copy(package, chroot.root / "tmp/engine.deb")
    assert chroot.run("sh", "-c", "command -v nginx redis-server")
    began = time.monotonic()
    chroot.install("/tmp/engine.deb")
    assert_secrets_are_random_and_closed(chroot)
    shutil.copy(ROOT / "debian/tests/smoke", chroot.root / "tmp/smoke")
    assert "smoke: passed" in chroot.run("/tmp/smoke")
    assert time.monotonic() - began < 60
    assert_installing_again_keeps_what_is_there(chroot)
    assert_purge_leaves_nothing(chroot, before)


def assert_secrets_are_random_and_closed(chroot):
    texts = set()
    for name in ("jwt", "app-api-token"):
        path = f"etc/mastery-engine/secrets/{name}"
        assert chroot.mode(path) == ("0o640", 0)
        texts.add((chroot.root / path).read_text())
    assert len(texts) == 2 and all(re.fullmatch("[0-9a-f]{64}", text) for text in texts)
    assert chroot.mode("etc/mastery-engine/secrets")[0] == "0o750"
    assert chroot.mode("etc/mastery-engine/engine.env") == ("0o640", 0)


def assert_installing_again_keeps_what_is_there(chroot):
    secret = chroot.root / "etc/mastery-engine/secrets/jwt"
    settings = chroot.root / "etc/mastery-engine/engine.env"
    before = secret.read_text()
    settings.write_text(settings.read_text() + "LOG_LEVEL=debug\n")
    chroot.install("--reinstall", "/tmp/engine.deb")
    assert secret.read_text() == before
    assert settings.read_text().endswith("LOG_LEVEL=debug\n")


def assert_purge_leaves_nothing(chroot, before):
    chroot.run("apt-get", "-q", "-y", "purge", "mastery-engine")
    assert set(chroot.files()) == before
    for name in ("passwd", "group", "shadow", "gshadow"):
        assert "mastery" not in (chroot.root / "etc" / name).read_text(), name
