# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints the bill of materials of a release, in CycloneDX 1.6 (JSON): the engine with its files, the npm packages that
are in the repository, and the Debian packages of the image. scripts/release runs it; it needs cyclonedx-python-lib.

    sbom.py --tree FOLDER --image FILE --archives FOLDER -- FILE...

    --tree       the unpacked source archive
    --image      the image, saved as docker-archive and not compressed
    --archives   a folder below which the .deb files are from which the image was made
    FILE         files of the release, in the current folder

SOURCE_DATE_EPOCH, seconds, is the time of the bill."""
import argparse
import datetime
import os
import re
import subprocess
import uuid
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.spdx import is_supported_id
from materials import debian_packages, sha256_of, vendored_packages
from packageurl import PackageURL

LICENCES = LicenseFactory()


def sha256(checksum):
    return [HashType(alg=HashAlgorithm.SHA_256, content=checksum)] if checksum else []


def file_component(name, checksum):
    return Component(type=ComponentType.FILE, name=name, bom_ref=f"file:{name}", hashes=sha256(checksum))


def licence(name):
    return LICENCES.make_with_id(name) if is_supported_id(name) else LICENCES.make_with_name(name)


def library(package, purl):
    names = package.licences or [f"see /usr/share/doc/{package.name}/copyright"]
    return Component(
        type=ComponentType.LIBRARY, name=package.name, version=package.version, purl=purl, bom_ref=str(purl),
        licenses=map(licence, names), hashes=sha256(package.sha256),
        components=[file_component(path, checksum) for path, checksum in package.files],
    )  # fmt: skip


def debian_library(package):
    qualifiers = {"arch": package.architecture, "distro": "debian-12"}
    return library(package, PackageURL("deb", "debian", package.name, package.version, qualifiers))


def npm_library(package):
    return library(package, PackageURL("npm", None, package.name, package.version))


def names_of_dependencies(files):
    """The Debian packages that the release's own one depends on; of alternatives the first."""
    [package] = [name for name in files if name.endswith(".deb")]
    depends = subprocess.run(
        ["dpkg-deb", "--field", package, "Depends"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    return {re.split(r"[ (|:]", one.strip())[0] for one in depends.split(",")}


def bill(tree, image, archives, files):
    version = (tree / "VERSION").read_text().strip()
    commit = (tree / ".commit").read_text().strip()
    engine = Component(
        type=ComponentType.APPLICATION, name="mastery-engine", version=version, bom_ref="mastery-engine",
        licenses=[licence("GPL-3.0-or-later")],
        components=[file_component(name, sha256_of(name)) for name in files],
    )  # fmt: skip
    debian = {package.name: debian_library(package) for package in debian_packages(image, archives)}
    npm = [npm_library(package) for package in vendored_packages(tree)]
    bom = Bom(
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"mastery-engine {version} {commit}"),
        components=[*debian.values(), *npm],
    )
    bom.metadata.component = engine
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    bom.metadata.timestamp = datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc)
    direct = [debian[name] for name in names_of_dependencies(files) if name in debian]
    bom.register_dependency(engine, [*direct, *npm])
    return bom


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ("--tree", "--image", "--archives"):
        parser.add_argument(option, type=Path, required=True)
    parser.add_argument("files", nargs="+", metavar="FILE")
    options = parser.parse_args()
    bom = bill(options.tree, options.image, options.archives, options.files)
    print(JsonV1Dot6(bom).output_as_string(indent=2))


if __name__ == "__main__":
    main()
