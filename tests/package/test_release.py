# SPDX-License-Identifier: GPL-3.0-or-later
"""What a release consists of. tests/real/release builds a whole one, twice."""
import os
import re
import shutil
import subprocess
import sys
import tarfile

import pytest
import yaml
from harness.binaries import ROOT, bin_dir

sys.path.insert(0, str(ROOT / "scripts/lib"))
import kustomize  # noqa: E402
import materials  # noqa: E402

EPOCH = 1700000000
VERSION = (ROOT / "VERSION").read_text().strip()

# ---- the source archive ----


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Made as another user would: with other rights of new files."""
    name = tmp_path_factory.mktemp("archive") / "mastery-engine"
    subprocess.run(
        ["make", "-s", "-C", bin_dir(), "dist", f"distdir={name.name}-{os.getpid()}"],
        env={**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH), "XZ_OPT": "-0"},
        umask=0o007, check=True, capture_output=True, text=True,
    )  # fmt: skip
    made = bin_dir() / f"{name.name}-{os.getpid()}.tar.xz"
    return made.rename(name.with_suffix(".tar.xz"))


@pytest.fixture(scope="module")
def members(archive):
    with tarfile.open(archive) as tar:
        return tar.getmembers()


def test_members_say_nothing_about_who_made_the_archive_and_when(members):
    assert {member.mtime for member in members} == {EPOCH}
    assert {(m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, "", "")}
    assert {m.mode for m in members} == {0o755, 0o644}
    names = [member.name for member in members]
    assert all(names.index(str(os.path.dirname(name))) < i for i, name in enumerate(names) if "/" in name)


def test_members_are_in_order(members):
    folders = {}
    for member in members:
        folders.setdefault(os.path.dirname(member.name), []).append(os.path.basename(member.name))
    for names in folders.values():
        assert names == sorted(names)


@pytest.mark.parametrize("overlay", sorted(path.name for path in (ROOT / "k8s/overlays").iterdir()))
def test_manifests_of_the_archive_are_those_of_the_repository(archive, tmp_path, overlay):
    with tarfile.open(archive) as tar:
        wanted = [m for m in tar.getmembers() if "/k8s" in m.name]
        tar.extractall(tmp_path, members=wanted)
    [tree] = tmp_path.iterdir()
    built = kustomize.build(tree / "k8s/overlays" / overlay)
    assert built and built == kustomize.build(ROOT / "k8s/overlays" / overlay)
    if shutil.which("kubectl"):
        done = subprocess.run(
            ["kubectl", "kustomize", tree / "k8s/overlays" / overlay], capture_output=True, text=True, check=True
        )
        assert sorted(map(str, map(kustomize.identity, yaml.safe_load_all(done.stdout)))) == sorted(
            map(str, map(kustomize.identity, built))
        )


# ---- commits that are refused ----


class Repository:
    """A clone of what scripts/release looks at before it installs or builds anything."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("VERSION", "CHANGELOG.md", "debian/changelog", "scripts/release", "scripts/lib/package.sh"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        # What would be run next: the end of the checks.
        self.write("scripts/install-packages", "#!/bin/sh\necho 'checked' >&2\nexit 3\n")
        (folder / "scripts/install-packages").chmod(0o755)
        self.write("CHANGELOG.md", f"# Changelog\n\n## Unreleased\n\n## {VERSION} (2026-11-28)\n\nText.\n")
        self.git("init", "-q")
        self.commit()

    def git(self, *arguments):
        subprocess.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *arguments],
            cwd=self.folder, check=True, capture_output=True,
        )  # fmt: skip

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def commit(self, tag=None):
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x")
        if tag:
            self.git("tag", tag)

    def release(self, *options):
        """Standard error."""
        done = subprocess.run(
            ["scripts/release", *options], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode != 0
        return done.stderr


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path)


def test_a_tagged_commit_is_built(repository):
    repository.commit(tag=f"v{VERSION}")
    assert repository.release() == "checked\n"


def test_another_commit_is_built_to_be_tried(repository):
    repository.commit(tag="v9.9.9")
    assert f"no tag v{VERSION}" in repository.release()
    assert repository.release("--untagged") == "checked\n"


def test_changes_are_not_released(repository):
    repository.commit(tag=f"v{VERSION}")
    repository.write("new-file", "")
    assert re.search(r"the tree has changes.*\n\?\? new-file", repository.release())
    assert "the tree has changes" in repository.release("--untagged")


@pytest.mark.parametrize(
    "name, text, message",
    [("CHANGELOG.md", "# Changelog\n", "CHANGELOG.md has no heading"),
     ("CHANGELOG.md", f"## Unreleased\n\n- A change.\n\n## {VERSION} (2026-11-28)\n", 'entries under "Unreleased"'),
     ("debian/changelog", "mastery-engine (0.0.9) bookworm; urgency=medium\n", "debian/changelog does not begin")],
)  # fmt: skip
def test_documents_must_be_those_of_the_version(repository, name, text, message):
    repository.write(name, text)
    repository.commit(tag=f"v{VERSION}")
    assert message in repository.release()


@pytest.mark.parametrize("options", [["--base"], ["--no"], ["--untagged", "--base", "x", "y"]])
def test_wrong_options_are_refused(repository, options):
    assert "checked" not in repository.release(*options)


# ---- the bill of materials ----


def test_every_vendored_file_is_of_a_package_with_a_licence():
    packages = list(materials.vendored_packages(ROOT))
    assert {package.name for package in packages} == {"swagger-ui-dist", "htm", "preact", "uplot"}
    assert all(package.version and package.licences for package in packages)
    billed = {path for package in packages for path, _ in package.files}
    theirs = {str(p.relative_to(ROOT)) for p in (ROOT / "console/vendor").iterdir() if p.suffix not in (".json", "")}
    assert theirs <= billed | {"console/vendor/SHA256SUMS"}


def test_a_changed_vendored_file_is_noticed(tmp_path):
    for folder in materials.VENDORED:
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/update-vendored", tmp_path / "scripts")
    (tmp_path / "console/vendor/htm.js").write_text("changed")
    with pytest.raises(ValueError, match="console/vendor/htm.js is not the file"):
        list(materials.vendored_packages(tmp_path))


DEP5 = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"


@pytest.mark.parametrize(
    "text, licences",
    [(DEP5 + "Files: *\nLicense: GPL-2+ and Expat\n\nLicense: GPL-2+\n text\n", ("GPL-2.0-or-later", "MIT")),
     (DEP5 + "License: LGPL-2.1\nLicense: GFDL-1.3+\n", ("GFDL-1.3-or-later", "LGPL-2.1-only")),
     (DEP5 + "License: BSD-3-clause, or Apache-2.0\n", ("Apache-2.0", "BSD-3-Clause")),
     ("This is free software.\nLicense: none\n", ())],
)  # fmt: skip
def test_licences_of_copyright_files(text, licences):
    assert materials.licences_of(text) == licences


STATUS = """Package: libone
Status: install ok installed
Architecture: amd64
Source: one (1.0)
Version: 1:1.0-2

Package: one-data
Status: install ok installed
Architecture: all
Source: one
Version: 1:1.0-2
Description: its copyright file is a link

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1
"""


def image_of(folder, *layers):
    """An image as buildah saves it: each layer a dictionary of paths and texts."""
    for number, layer in enumerate(layers):
        for path, text in layer.items():
            (folder / str(number) / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / str(number) / path).write_text(text)
        with tarfile.open(folder / f"{number}.tar", "w") as tar:
            tar.add(folder / str(number), ".")
    names = [f"{number}.tar" for number in range(len(layers))]
    (folder / "manifest.json").write_text(f'[{{"Layers": {names}}}]'.replace("'", '"'))
    with tarfile.open(folder / "image.tar", "w") as tar:
        for name in (*names, "manifest.json"):
            tar.add(folder / name, name)
    return folder / "image.tar"


def test_packages_of_an_image_with_their_licences_and_checksums(tmp_path):
    copyright_file = "usr/share/doc/libone/copyright"
    image = image_of(
        tmp_path, {"var/lib/dpkg/status": "", copyright_file: ""},
        {"var/lib/dpkg/status": STATUS, copyright_file: DEP5 + "License: Expat\n"},
    )  # fmt: skip
    downloads = tmp_path / "apt"
    downloads.mkdir()
    (downloads / "libone_1%3a1.0-2_amd64.deb").write_bytes(b"package")
    first, second = materials.debian_packages(image, downloads)
    assert (first.name, first.version, first.source) == ("libone", "1:1.0-2", "one")
    assert first.sha256 == materials.sha256_of(downloads / "libone_1%3a1.0-2_amd64.deb")
    assert (second.name, second.licences, second.sha256) == ("one-data", ("MIT",), "")
