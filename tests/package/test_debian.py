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
from harness.binaries import ROOT, bin_dir
from harness.wait import within

REMEMBERED = "var/lib/dpkg var/lib/apt var/cache var/log/apt var/log/dpkg.log etc/ld.so.cache".split()
SECRETS = ["jwt", "app-api-token", "audit-key"]
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


def tarball(folder):
    """What belongs to the release: what make dist packs, unpacked."""
    run("make", "-s", "-C", bin_dir(), "dist")
    [packed] = bin_dir().glob("mastery-engine-*.tar.xz")
    with tarfile.open(packed) as tar:
        tar.extractall(folder)
    packed.unlink()
    [tree] = folder.iterdir()
    return tree


@contextlib.contextmanager
def built(take):
    """The path of the package made of what `take` puts into a folder."""
    folder = Path(tempfile.mkdtemp(prefix="md-"))
    try:
        # the unit tests are run by scripts/test
        run("dpkg-buildpackage", "-us", "-uc", "-b", cwd=take(folder),
            env={**os.environ, "DEB_BUILD_OPTIONS": "nocheck"})  # fmt: skip
        [path] = folder.glob("mastery-engine_*.deb")
        yield path
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def package():
    """The path of the package, with the file of changes beside it when it was built here."""
    if os.environ.get("MASTERY_DEB"):
        yield Path(os.environ["MASTERY_DEB"])
        return
    with built(tarball) as path:
        yield path


def contents(package):
    """(mode, owner, path), of every file."""
    lines = run("dpkg-deb", "--contents", package).splitlines()
    return sorted((line.split()[0], line.split()[1], line.split(None, 5)[5]) for line in lines)


def test_the_tarball_and_the_tree_make_the_same_package(package):
    with built(sources) as from_tree:
        assert contents(from_tree) == contents(package)


def test_the_package_completes_in_both_shells(package):
    paths = {path for _, _, path in contents(package)}
    assert "./usr/share/bash-completion/completions/mastery-ctl" in paths
    assert "./usr/share/zsh/vendor-completions/_mastery-ctl" in paths


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
        """Every path, but for the kernel's and what apt, dpkg and the linker remember."""
        not_ours = [f"{self.root}/{path}" for path in ("proc", *REMEMBERED)]
        pruned = [word for path in not_ours for word in ("-path", path, "-prune", "-o")]
        return set(run("find", self.root, "-xdev", *pruned, "-print").splitlines())

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
    """From a bare Debian: nothing of what the package needs is there before, but as a download."""
    shutil.copy(package, chroot.root / "tmp/engine.deb")
    shutil.copy(ROOT / "debian/tests/smoke", chroot.root / "tmp/smoke")
    wanted = ["/tmp/engine.deb", "nginx", "redis-server", "curl", "jq", "perl"]
    chroot.install("--download-only", *wanted)
    assert not (chroot.root / "usr/sbin/nginx").exists()
    began = time.monotonic()
    chroot.install(*wanted)
    assert "smoke: passed" in chroot.run("/tmp/smoke")
    assert time.monotonic() - began < 3 * within(60)
    assert_secrets_are_random_and_closed(chroot)
    assert_installing_again_keeps_what_is_there(chroot)
    assert_purge_leaves_nothing(chroot)


def assert_secrets_are_random_and_closed(chroot):
    texts = set()
    for name in SECRETS:
        path = f"etc/mastery-engine/secrets/{name}"
        assert chroot.mode(path) == ("0o640", 0)
        texts.add((chroot.root / path).read_text())
    assert len(texts) == len(SECRETS) and all(re.fullmatch("[0-9a-f]{64}", text) for text in texts)
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


def assert_purge_leaves_nothing(chroot):
    """All that is new since is gone, and what is left by others stays: the second time too."""
    chroot.run("apt-get", "-q", "-y", "purge", "mastery-engine")
    assert [path for path in chroot.files() if "mastery" in path] == []
    for name in ("passwd", "group", "shadow", "gshadow"):
        assert "mastery" not in (chroot.root / "etc" / name).read_text(), name
    before = chroot.files()
    chroot.install("/tmp/engine.deb")
    assert chroot.files() - before
    chroot.run("apt-get", "-q", "-y", "purge", "mastery-engine")
    assert chroot.files() == before
