# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages tell people to do can be done: commands, options, links and codes are there."""
import re
import subprocess
from xml.etree import ElementTree

import pytest
from harness.binaries import ROOT, bin_dir
from harness.wait import LIMIT_S

PAGES = sorted(
    [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "examples/README.md")), *(ROOT / "docs").glob("*.md")]
)
# Of the list that was agreed: its words are not ours, and its tools are another project's.
OURS = [page for page in PAGES if page.name != "deployment-verification-checklist.md"]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def ctl(*arguments):
    result = subprocess.run(
        [bin_dir() / "mastery-ctl", *arguments], capture_output=True, text=True, timeout=LIMIT_S, check=True
    )
    return result.stdout


def anchors(page):
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def ids(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", OURS, ids=ids)
def test_scripts_that_a_page_names_are_there(page):
    for name in re.findall(r"(?<![\w/.])(?:\./)?((?:scripts|bench)/[\w./-]*\w)", page.read_text()):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("page", OURS, ids=ids)
def test_commands_that_a_page_names_are_there(page):
    commands = re.findall(r"^  ([a-z-]+) ", ctl("--help"), re.MULTILINE)
    for line in page.read_text().splitlines():
        for call in re.findall(r"mastery-ctl ((?:[a-z-]+)[^`|\n]*)", line):
            if re.search(rf"`[^`]*mastery-ctl {re.escape(call)}", line) or line.startswith("mastery-ctl"):
                command = call.split()[0].rstrip(",.;:")
                assert command in commands, line
                for option in re.findall(r"(?<!\S)--[a-z-]+", call):
                    assert option in ctl(command, "--help"), line


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_somewhere(page):
    for target in LINK.findall(page.read_text()):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        other = (page.parent / path).resolve() if path else page
        assert other.exists(), target
        assert not anchor or anchor in anchors(other), target


def test_every_error_code_is_explained():
    codes = re.findall(r"^PROBLEM\((\w+), (\d+)", (ROOT / "app/base/problem.def").read_text(), re.MULTILINE)
    page = (ROOT / "docs/errors.md").read_text()
    section = r"^## (\w+)\nStatus (\d+).*\n\*\*Cause\*\*: (?:(?!^## )[\s\S])+?\n\*\*Cure\*\*: "
    assert re.findall(section, page, re.MULTILINE) == codes
    table = re.findall(r"^\| (\d+) \| (.*) \|$", page, re.MULTILINE)
    assert {(code, status) for status, row in table for code in re.findall(r"\[(\w+)\]", row)} == set(codes)


def test_the_index_of_operations_names_every_page_about_them():
    index = set(LINK.findall((ROOT / "docs/operations.md").read_text()))
    about = {"runbooks", "troubleshooting", "slo", "escalation", "deployment-record", "capacity"}
    assert {f"{name}.md" for name in about} <= index


def elements(picture):
    """What a picture of Graphviz shows, without places: they depend on its version and on the fonts."""
    svg = "{http://www.w3.org/2000/svg}"
    return [
        (group.get("class"), *(text.text for text in group if text.tag in (f"{svg}title", f"{svg}text")))
        for group in ElementTree.fromstring(picture).iter(f"{svg}g")
    ]


def test_the_picture_of_the_architecture_is_up_to_date():
    drawn = subprocess.run([ROOT / "scripts/draw-architecture"], capture_output=True, timeout=LIMIT_S, check=True).stdout
    kept = (ROOT / "docs/architecture.svg").read_bytes()
    assert len(elements(drawn)) > 20
    assert elements(drawn) == elements(kept), "run scripts/draw-architecture"
    styles = [re.search(rb"<style>.*?</style>", picture, re.DOTALL)[0] for picture in (drawn, kept)]
    assert styles[0] == styles[1] and b"prefers-color-scheme: dark" in styles[0]
