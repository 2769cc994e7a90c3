# SPDX-License-Identifier: GPL-3.0-or-later
"""The version is named once, in VERSION, and everything that shows it agrees."""
import re
import subprocess

from harness.binaries import ROOT, bin_dir

VERSION = (ROOT / "VERSION").read_text()


def test_version_is_one_line_of_three_numbers():
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", VERSION)


def test_configure_reads_it():
    assert "m4_esyscmd_s([cat VERSION])" in (ROOT / "configure.ac").read_text()
    shipped = re.search(r"^EXTRA_DIST = (?:.*\\\n)*.*", (ROOT / "Makefile.am").read_text(), re.MULTILINE)
    assert "VERSION" in shipped[0].split()


def test_the_program_prints_it():
    printed = subprocess.run([bin_dir() / "mastery-ctl", "--version"], capture_output=True, text=True, check=True)
    assert printed.stdout.split()[1] == VERSION.strip()


def test_changelog_and_package_agree():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    headings = re.findall(r"^## (.*)$", changelog, re.MULTILINE)
    assert headings[0] == "Unreleased" or headings[0].startswith(VERSION.strip())
    releases = [re.fullmatch(r"(\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)", heading) for heading in headings[1:]]
    assert all(releases) and releases[0][1] == VERSION.strip()
    package = (ROOT / "debian/changelog").read_text()
    assert package.startswith(f"mastery-engine ({VERSION.strip()}) ")


def test_the_security_policy_covers_it():
    assert f"| {VERSION.strip().rpartition('.')[0]}.x | yes |" in (ROOT / "SECURITY.md").read_text()
