# SPDX-License-Identifier: GPL-3.0-or-later
"""References in comments, messages and documents lead to something that is in this repository.

What is checked: "hazards F3" (rows of docs/hazards.md), "fault 11" (of docs/reliability.md), docs/NAME.md with an anchor, a
quoted or capitalised section title or an equation after it, links of Markdown, paths of files, tests
as file::name, and that no document is named that the repository does not have.
"""
import io
import itertools
import pathlib
import re
import tokenize

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
AREAS = ["app", "fcgi", "conf", "k8s", "scripts", "tests", "docs", "examples", "man", "bench", "debian", "m4", "."]
TEXTS = {"", ".c", ".h", ".def", ".py", ".sh", ".md", ".conf", ".in", ".yml", ".yaml", ".service", ".socket"} | {
    ".target", ".env", ".lua", ".ac", ".am", ".m4", ".js", ".css", ".1", ".8",
}  # fmt: skip
# The agreed checklist speaks of another project's tools; the others are vendored, data or this file.
SKIPPED = re.compile(
    r"docs/deployment-verification-checklist\.md|conf/docs-viewer/(?:swagger-ui|package|node_modules)|tests/fuzz/(?:corpus|dict)"
    r"|tests/edge/test_references\.py|(?:^|/)(?:__pycache__|node_modules)/|debian/(?:mastery-engine|\.debhelper)/|LICENSE$"
)


def files_of(area):
    folder = ROOT / area
    found = folder.glob("*") if area == "." else folder.rglob("*")
    for path in sorted(found):
        name = str(path.relative_to(ROOT))
        ours = area != "." or path.suffix == ".md" or path.name in ("Makefile.am", "configure.ac", "Dockerfile")
        if ours and path.is_file() and not path.is_symlink() and path.suffix in TEXTS and not SKIPPED.search(name):
            yield path


# --- what a text says, line breaks and marks of comments blanked, every character in its place -------


def blanked(text):
    return re.sub(r"\n[ \t]*(?:\*(?!/)|#+|//|;|--|dnl\b|\.\\\")?", lambda m: " " * len(m[0]), text)


def comments_of_c(text):
    return re.sub(
        r'"(?:\\.|[^"\\\n])*"|/\*(.*?)\*/|[^\n]',
        lambda m: m[0] if m[0].startswith("/*") else " " * len(m[0]),
        text,
        flags=re.DOTALL,
    )


def comments_of_python(text):
    """Comments, and strings that begin a line: docstrings."""
    lines = text.splitlines(keepends=True)
    starts = [0, *itertools.accumulate(map(len, lines))]
    kept = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        (row, column), (end_row, end_column) = token.start, token.end
        docstring = token.type == tokenize.STRING and not lines[row - 1][:column].strip()
        if token.type == tokenize.COMMENT or docstring:
            kept.append((starts[row - 1] + column, starts[end_row - 1] + end_column))
    blank = [c if c == "\n" else " " for c in text]
    for begin, end in kept:
        blank[begin:end] = text[begin:end]
    return "".join(blank)


def comments_of_scripts(text):
    return re.sub(r"^(?![ \t]*(?:[#;]|--|dnl\b)).*$", lambda m: " " * len(m[0]), text, flags=re.MULTILINE)


def prose(name, text):
    """The part of a file that is written for people."""
    suffix = pathlib.PurePath(name).suffix
    if suffix in (".c", ".h", ".def"):
        return comments_of_c(text)
    if suffix == ".py":
        return comments_of_python(text)
    if suffix in (".md", ".1", ".8", ".js", ".css"):
        return text
    return comments_of_scripts(text)


# --- the references ------------------------------------------------------------------------------

UNPUBLISHED = re.compile(
    r"api-contract|test-vectors|field-cases|\bprotocols\.md|\bwords\.md|\bstyle\.md|(?<![\w/.-])/?(?:work/)?shared/\w"
    r"|\b(?:architecture|contract|protocols?)(?:'s \w+)?,?\s+\(?sections?\s+\d|\b(?:contract|protocols?):\s+(?:table|xAPI)"
    r"|\bthe\s+contract's\s+\w+\s+\(section"
)
HAZARD_LIST = re.compile(r"\b[Hh]azards?\s+(?=[A-Z]\d)((?:[A-Z]\d+(?:\s*,\s*|\s+and\s+|\s+to\s+|\s+or\s+)?)+)")
FAULT_LIST = re.compile(r"\b[Ff]aults?\s+(?=\d)((?:\d+(?:,\s*|\s+and\s+|\s+to\s+)?)+)")
PAGE = re.compile(r"(?<![\w/.-])docs/([\w-]+)\.md(?:#([\w-]+))?(?:\s*,\s+(section\s+)?(?:\"([^\"]+)\"|(equation)\s+(\w+)|(?=([A-Z])|)))?")
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(
    r"(?<![\w/.$}{@%<>*=:-])((?:app|fcgi|tests|scripts|conf|k8s|docs|man|bench|debian|m4)/[\w./*{},-]*[\w*/}])"
    r"|(?<![\w/.$}{@%<>*=:-])((?:auth|base|ctl|domain|http|ingest|obs|pipeline|routes|runtime|service|store|worker|unit|api|edge|fault|fuzz|package|harness)"
    r"/[a-z]\w*(?:\.(?:c|h|def|py))?)(?![\w/-])"
)
TEST = re.compile(r"(?<![\w/])((?:tests/)?(?:unit|api|edge|fault|fuzz|package|load)/\w+\.(?:py|c))?::(\w+)")


def headings(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [heading.replace("`", "") for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)]


def anchors(page):
    """As GitHub makes them of headings."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings(page)}


def rows_of_hazards():
    text = "".join((ROOT / "docs" / page).read_text() for page in ("hazards.md", "reliability.md"))
    return set(re.findall(r"^\| ([A-Z]\d+|\d+) \|", text, re.MULTILINE))


def expanded(pattern):
    brace = re.search(r"\{([^{}]*)\}", pattern)
    if not brace:
        return [pattern]
    return [
        one
        for word in brace[1].split(",")
        for one in expanded(pattern[: brace.start()] + word + pattern[brace.end() :])
    ]


def there(name):
    """A file, a folder, a generated file's template, a module named without its suffix, or a pattern."""
    if "*" in name:
        return any(True for _ in ROOT.glob(name.rstrip("/")))
    return any((ROOT / (name + suffix)).exists() for suffix in ("", ".in", ".c", ".h", ".def", ".py"))


def is_placeholder(name):
    return re.search(r"(?:^|[/_])[A-Z]{1,}(?:[._/]|$)", name)


def wrong_rows(said):
    known = rows_of_hazards()
    for pattern in (HAZARD_LIST, FAULT_LIST):
        for match in pattern.finditer(said):
            for row in re.findall(r"[A-Z]?\d+", match[1]):
                if row not in known:
                    yield match.start(), f"docs/hazards.md has no row {row}"


def wrong_pages(said):
    for match in PAGE.finditer(said):
        name, anchor, section, title, equation, number, capital = match.groups()
        page = ROOT / f"docs/{name}.md"
        if is_placeholder(name):
            continue
        if not page.exists():
            yield match.start(), f"there is no docs/{name}.md"
            continue
        if anchor and anchor not in anchors(page):
            yield match.start(), f"docs/{name}.md has no #{anchor}"
        if equation and f"({number})" not in page.read_text():
            yield match.start(), f"docs/{name}.md has no equation {number}"
        if title and " ".join(title.split()) not in headings(page):
            yield match.start(), f'docs/{name}.md has no section "{title}"'
        if not title and (section or capital):
            rest = " ".join(said[match.end() :].split())
            if not any(re.match(re.escape(heading) + r"(?!\w)", rest) for heading in headings(page)):
                yield match.start(), f"docs/{name}.md has no section that {rest[:40]!r} begins with"


def wrong_links(name, said):
    page = ROOT / name
    for match in LINK.finditer(said) if name.endswith(".md") else ():
        path, _, anchor = match[1].partition("#")
        other = (page.parent / path).resolve() if path else page
        if re.match(r"https?:|mailto:", match[1]):
            continue
        if not other.exists():
            yield match.start(), f"{match[1]} leads nowhere"
        elif anchor and anchor not in anchors(other):
            yield match.start(), f"{match[1]}: no such heading"


def wrong_paths(said):
    for match in PATH.finditer(said):
        full, short = match.groups()
        for name in expanded(full or short):
            places = [name] if full else [f"app/{name}", f"tests/{name}", name]
            page = re.match(r"docs/[\w-]+\.md", name)  # wrong_pages says so
            if not page and not is_placeholder(name) and not any(there(place) for place in places):
                yield match.start(), f"there is no {name}"


def wrong_tests(said):
    """`file::test`, or `::another` after it: of the same file."""
    file = None
    for match in TEST.finditer(said):
        file, test = match[1] or file, match[2]
        path = file and ROOT / "tests" / file.removeprefix("tests/")
        if path and path.exists() and not re.search(rf"\b{test}\(", path.read_text()):
            yield match.start(), f"{file} has no {test}"


def wrong_documents(said):
    for match in UNPUBLISHED.finditer(said):
        yield match.start(), f"{' '.join(match[0].split())!r} is in no document of this repository"


def faults(name, text):
    """What of the references in a file of this name is wrong, as "file:line: why"."""
    whole = blanked(text)
    people = blanked(prose(name, text)) if not name.endswith(".md") else whole
    found = [
        *wrong_rows(people),
        *wrong_pages(whole),
        *wrong_links(name, whole),
        *wrong_paths(people),
        *wrong_tests(people),
        *wrong_documents(people),
    ]
    return [f"{name}:{text.count(chr(10), 0, at) + 1}: {why}" for at, why in sorted(found)]


@pytest.mark.parametrize("area", AREAS)
def test_references_lead_somewhere(area):
    paths = list(files_of(area))
    assert paths, "no files"
    found = [fault for path in paths for fault in faults(str(path.relative_to(ROOT)), path.read_text())]
    assert not found, "\n".join(found)


def test_rows_of_hazards_name_tests():
    rows = re.findall(r"^\| [A-Z]\d+ \|.*\|.*\| (.*) \|$", (ROOT / "docs/hazards.md").read_text(), re.MULTILINE)
    assert len(rows) > 80
    for tests in rows:
        assert tests == "–" or all(there(name) for name in re.findall(r"`(tests/[^`:]+)", tests)), tests
        assert tests == "–" or "`tests/" in tests


# --- each check can fail --------------------------------------------------------------------------

GOOD = [
    ("a.c", "/* hazards F3, F4 and N10, fault 11 */"),
    ("a.h", "/* as in docs/api.md,\n * Rate limits, and hazards\n * W1 to W5 */"),
    ("a.py", '"""docs/mastery-model.md, equation 16; docs/runbooks.md, "Roll back"."""'),
    ("a.conf", "# conf/nginx/nginx.conf, app/base, tests/prometheus/*_test.yml, app/base/str.{c,h}"),
    ("docs/a.md", "[x](api.md#errors), `edge/test_paths.py::test_query_strings_do_not_change_the_path`"),
    ("a.c", 'const char *s = "app/base/nothing.c";'),
]
BROKEN = [
    ("a.c", "/* hazards F99 */", "F99"),
    ("a.h", "/* (hazards\n * F1, Z3) */", "Z3"),
    ("a.py", "# fault 99", "99"),
    ("a.c", "/* docs/nothing.md */", "docs/nothing.md"),
    ("a.c", 'puts("see docs/nothing.md");', "docs/nothing.md"),
    ("a.yml", "runbook: docs/runbooks.md#nothing", "#nothing"),
    ("a.c", '/* docs/api.md, "Nothing" */', "Nothing"),
    ("a.c", "/* docs/api.md, Nothing of\n * the kind */", "Nothing"),
    ("a.c", "/* docs/api.md, section nothing */", "nothing"),
    ("a.c", "/* docs/mastery-model.md, equation 99 */", "99"),
    ("docs/a.md", "[x](nothing.md)", "nothing.md"),
    ("docs/a.md", "[x](api.md#nothing)", "no such heading"),
    ("a.c", "/* app/base/nothing.c */", "app/base/nothing.c"),
    ("a.c", "/* base/nothing */", "base/nothing"),
    ("a.sh", "# scripts/nothing", "scripts/nothing"),
    ("a.lua", "-- of hazards\n-- F98, as before", "F98"),
    ("a.conf", "# conf/nginx/nothing.conf", "conf/nginx/nothing.conf"),
    ("docs/a.md", "`tests/edge/test_nothing.py`", "test_nothing.py"),
    ("docs/a.md", "`edge/test_paths.py::test_nothing`", "test_nothing"),
    ("docs/a.md", "`edge/test_paths.py::test_fragment_is_no_part_of_the_path`, `::test_nothing`", "test_nothing"),
    ("a.h", "/* (api-contract section 1) */", "api-contract"),
    ("a.h", "/* (architecture\n * section 3) */", "architecture section 3"),
    ("a.py", '"""401 (contract section 2)."""', "contract section 2"),
    ("a.h", "/* the contract's table (section 2) */", "contract's table"),
    ("a.py", "# protocols.md", "protocols.md"),
    ("a.py", "# /work/shared/words.md", "shared/"),
]


@pytest.mark.parametrize("name, text", GOOD)
def test_good_references_are_let_pass(name, text):
    assert not faults(name, text)


@pytest.mark.parametrize("name, text, what", BROKEN)
def test_a_broken_reference_is_found(name, text, what):
    found = faults(name, text)
    assert len(found) == 1 and what in found[0], found
