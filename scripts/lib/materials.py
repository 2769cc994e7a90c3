# SPDX-License-Identifier: GPL-3.0-or-later
"""What a release consists of beside its own source: the files of npm packages that are in the repository, and the
Debian packages of the image, with licences and checksums. scripts/lib/sbom.py writes the bill of them."""
import dataclasses
import hashlib
import json
import re
import tarfile
import urllib.parse
from pathlib import Path

VENDORED = ("conf/docs-viewer", "console/vendor")
COPYRIGHT = re.compile(r"usr/share/doc/([^/]+)/copyright")
STATUS = "var/lib/dpkg/status"
MACHINE_READABLE = re.compile(r"^Format: https?://\S*copyright-format", re.MULTILINE)
# Names of licences in Debian's format of copyright files that SPDX spells otherwise.
SPDX_NAMES = {"Expat": "MIT", "BSD-2-clause": "BSD-2-Clause", "BSD-3-clause": "BSD-3-Clause"}
GNU_LICENCE = re.compile(r"(A?GPL|LGPL|GFDL)-(\d)(\.\d)?(\+?)")


@dataclasses.dataclass
class Package:
    """source: the name of Debian's source package. licences: SPDX identifiers, or names that SPDX does not know.
    sha256: of the .deb file, "" if unknown. files: (path in the repository, SHA-256) of an npm package."""

    name: str
    version: str
    architecture: str = ""
    source: str = ""
    licences: tuple = ()
    sha256: str = ""
    files: tuple = ()


def sha256_of(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


# ---- npm packages in the repository ----


def npm_names(tree):
    """File in the repository -> its npm package, by the tables of scripts/update-vendored."""
    text = (tree / "scripts/update-vendored").read_text()
    return {name: package for package, name in re.findall(r"^((?:@[\w-]+/)?[\w-]+)/\S+ (\S+)$", text, re.MULTILINE)}


def vendored_packages(tree):
    """Fails when a file is not the one of SHA256SUMS, or is of no package."""
    names = npm_names(tree)
    for folder in VENDORED:
        locked = json.loads((tree / folder / "package-lock.json").read_text())["packages"]
        files = {}
        for line in (tree / folder / "SHA256SUMS").read_text().splitlines():
            checksum, name = line.split()
            if sha256_of(tree / folder / name) != checksum:
                raise ValueError(f"{folder}/{name} is not the file of {folder}/SHA256SUMS")
            files.setdefault(names[name], []).append((f"{folder}/{name}", checksum))
        for name, own in files.items():
            entry = locked[f"node_modules/{name}"]
            yield Package(name, entry["version"], licences=(entry["license"],), files=tuple(own))


# ---- Debian packages of the image ----


def spdx_name(name):
    """The SPDX identifier of a licence in Debian's copyright format; other names unchanged."""
    gnu = GNU_LICENCE.fullmatch(name)
    if gnu:
        family, major, minor, later = gnu.groups()
        return f"{family}-{major}{minor or '.0'}-{'or-later' if later else 'only'}"
    return SPDX_NAMES.get(name, name)


def licences_of(text):
    """Those that a copyright file names; none when it is not in the machine-readable format."""
    if not MACHINE_READABLE.search(text):
        return ()
    named = re.findall(r"^License:[ \t]*(\S.*?)[ \t]*$", text, re.MULTILINE)
    single = {part for name in named for part in re.split(r",? and(?:/or)? |,? or |, ", name)}
    return tuple(sorted({spdx_name(name.strip()) for name in single if name.strip()}))


def paragraphs(text):
    """The fields of each paragraph of dpkg's status file, in one line each."""
    for paragraph in text.strip().split("\n\n"):
        yield dict(re.findall(r"^([\w-]+): (.*)$", paragraph, re.MULTILINE))


def image_files(archive):
    """Path -> bytes: dpkg's list of packages and their copyright files, in an image that is saved as docker-archive. A
    later layer's file replaces the earlier one's."""
    files = {}
    with tarfile.open(archive) as image:
        [manifest] = json.load(image.extractfile("manifest.json"))
        for layer in manifest["Layers"]:
            with tarfile.open(fileobj=image.extractfile(layer)) as tar:
                for member in tar:
                    path = member.name.removeprefix("./")
                    if member.isfile() and (path == STATUS or COPYRIGHT.fullmatch(path)):
                        files[path] = tar.extractfile(member).read()
    return files


def checksums_of(folder):
    """(package, version, architecture) -> SHA-256, of the .deb files below the folder."""
    found = {}
    for path in Path(folder).rglob("*.deb"):
        name, version, architecture = path.stem.split("_")
        found[name, urllib.parse.unquote(version), architecture] = sha256_of(path)
    return found


def debian_packages(archive, downloads):
    """The packages of the image, whose .deb files may be below the folder `downloads`. A package whose copyright file is
    a link, which the image lacks, has the licences of the other packages of its source."""
    files = image_files(archive)
    copyrights = {COPYRIGHT.fullmatch(path)[1]: text.decode() for path, text in files.items() if path != STATUS}
    checksums = checksums_of(downloads)
    installed = [p for p in paragraphs(files[STATUS].decode()) if p.get("Status") == "install ok installed"]
    by_source = {}
    for fields in installed:
        source = fields.get("Source", fields["Package"]).split()[0]
        by_source.setdefault(source, set()).update(licences_of(copyrights.get(fields["Package"], "")))
    for fields in installed:
        name, version, architecture = (fields[key] for key in ("Package", "Version", "Architecture"))
        source = fields.get("Source", name).split()[0]
        licences = licences_of(copyrights.get(name, "")) or tuple(sorted(by_source[source]))
        checksum = checksums.get((name, version, architecture), "")
        yield Package(name, version, architecture, source, licences, checksum)
