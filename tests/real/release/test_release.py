# SPDX-License-Identifier: GPL-3.0-or-later
"""A release is built twice from this commit, in two folders, with other rights of new files, another time zone and
language: all its files are equal. Then what a user does with them is done."""
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from harness.binaries import ROOT
from harness.real import built

SECOND = {"LC_ALL": "C", "TZ": "Pacific/Kiritimati", "CFLAGS": "-O0", "XZ_OPT": "-1", "GZIP": "-1"}
VERSION = (ROOT / "VERSION").read_text().strip()
IMAGE = f"localhost/mastery-engine:{VERSION}"


@pytest.fixture(scope="session")
def sbom_folder():
    return Path(built(Path(__file__).parent))


def build(folder, sbom_folder, umask, **environment):
    """The folder of the release."""
    folder.mkdir(parents=True)
    subprocess.run(["git", "clone", "-q", "--no-tags", ROOT, folder / "tree"], check=True, umask=umask)
    done = subprocess.run(
        [folder / "tree/scripts/release", "--untagged", "--debootstrap"],
        env={**os.environ, "OWN_STORAGE": "1", "SBOM_PYTHON": str(sbom_folder / "python/bin/python"), **environment},
        umask=umask, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return Path(done.stdout.strip())


@pytest.fixture(scope="session")
def releases(tmp_path_factory, sbom_folder):
    """Not below the worktree, whose storage of images cannot be removed as plain files everywhere."""
    folder = tmp_path_factory.mktemp("release")
    first = build(folder / "a", sbom_folder, 0o022)
    return first, build(folder / "another/folder", sbom_folder, 0o077, **SECOND)


@pytest.fixture(scope="session")
def release(releases):
    return releases[0]


@pytest.fixture(scope="session")
def source(release, tmp_path_factory):
    """The tree of the source archive."""
    folder = tmp_path_factory.mktemp("source")
    with tarfile.open(release / f"mastery-engine-{VERSION}.tar.xz") as tar:
        tar.extractall(folder)
    return folder / f"mastery-engine-{VERSION}"


def sums(folder):
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    return {name: checksum for checksum, name in (line.split() for line in lines)}


def test_two_builds_are_equal_byte_for_byte(releases):
    first, second = map(sums, releases)
    assert len(first) == 4 and first == second


def test_every_file_has_its_checksum(release):
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=release, check=True)
    assert set(sums(release)) | {"SHA256SUMS"} == {path.name for path in release.iterdir()}


def test_no_layer_of_the_image_depends_on_the_day_or_the_machine(release):
    """The builds that are compared are of one day and one machine."""
    [saved] = release.glob("*-image.tar.gz")
    days, names = set(), set()
    with tarfile.open(saved) as image:
        for layer in json.load(image.extractfile("manifest.json"))[0]["Layers"]:
            with tarfile.open(fileobj=io.BytesIO(image.extractfile(layer).read())) as tar:
                for member in tar:
                    path = member.name.removeprefix("./")
                    if path == "etc/shadow":
                        days |= {line.split(b":")[2] for line in tar.extractfile(member)}
                    elif path in ("etc/hostname", "etc/resolv.conf"):
                        names.add((path, tar.extractfile(member).read()))
    assert days == {b""}
    assert names <= {("etc/hostname", b"localhost\n"), ("etc/resolv.conf", b"")}


# ---- the bill of materials ----


@pytest.fixture(scope="session")
def bill(release):
    return json.loads((release / f"mastery-engine-{VERSION}.cdx.json").read_text())


def test_the_bill_is_valid(release, sbom_folder):
    validate = "import sys; from cyclonedx.schema import SchemaVersion as V; from cyclonedx.validation.json import *; " \
        "sys.exit(JsonStrictValidator(V.V1_6).validate_str(sys.stdin.read()))"
    with open(release / f"mastery-engine-{VERSION}.cdx.json", encoding="utf-8") as bill:
        done = subprocess.run(
            [sbom_folder / "python/bin/python", "-c", validate], stdin=bill, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 0, done.stderr[:2000]


def test_the_bill_names_the_files_of_the_release(bill, release):
    engine = bill["metadata"]["component"]
    billed = {item["name"]: item["hashes"][0]["content"] for item in engine["components"]}
    own = {name: checksum for name, checksum in sums(release).items() if not name.endswith(".cdx.json")}
    assert (engine["name"], engine["version"], billed) == ("mastery-engine", VERSION, own)


def test_the_bill_names_what_is_in_the_image(bill):
    packages = {item["purl"].split("@")[0].split("/")[-1]: item for item in bill["components"]}
    for name in ("libhiredis0.14", "libssl3", "nginx", "libc6", "htm", "swagger-ui-dist"):
        assert packages[name]["licenses"] and packages[name]["version"], name
    assert packages["libhiredis0.14"]["hashes"][0]["alg"] == "SHA-256"
    assert "libhiredis0.14" in str([d for d in bill["dependencies"] if d["ref"] == "mastery-engine"])
    debian = [item for item in bill["components"] if item["purl"].startswith("pkg:deb/")]
    assert all(item.get("hashes") for item in debian), "a package without checksum"
    known = [item for item in debian if "id" in item["licenses"][0]["license"]]
    assert len(known) > len(debian) / 2


# ---- what a user does ----


@pytest.mark.parametrize("overlay", sorted(path.name for path in (ROOT / "k8s/overlays").iterdir()))
def test_manifests_of_the_archive_build(source, overlay):
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not installed")
    done = subprocess.run(
        ["kubectl", "kustomize", source / "k8s/overlays" / overlay], stdout=subprocess.PIPE, text=True, check=True
    )
    assert f"mastery-engine:{VERSION}" in done.stdout and "kind: Deployment" in done.stdout


def test_the_package_is_of_this_version_and_commit(release, tmp_path):
    [package] = release.glob("*.deb")
    subprocess.run(["dpkg-deb", "--extract", package, tmp_path], check=True)
    done = subprocess.run([tmp_path / "usr/bin/mastery-ctl", "--version"], stdout=subprocess.PIPE, text=True, check=True)
    commit = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    assert VERSION in done.stdout and commit.stdout.strip() in done.stdout


def test_the_package_holds_no_path_of_the_build(release, tmp_path):
    [package] = release.glob("*.deb")
    subprocess.run(["dpkg-deb", "--extract", package, tmp_path], check=True)
    build = re.compile(rb"/tmp/tmp\.|/(?:root|home|work)/")
    found = [path for path in tmp_path.rglob("*") if path.is_file() and build.search(path.read_bytes())]
    assert found == []


def test_the_image_can_be_loaded(release, tmp_path):
    [saved] = release.glob("*-image.tar.gz")
    script = f'. scripts/lib/containers.sh && podman load -q -i "{saved}" && podman image inspect {IMAGE}'
    done = subprocess.run(
        ["bash", "-euc", f'root=$PWD IMAGE_DIR={tmp_path}/images OWN_STORAGE=1; {script}'],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    labels = json.loads(done.stdout[done.stdout.index("[") :])[0]["Labels"]
    assert labels["org.opencontainers.image.version"] == VERSION
