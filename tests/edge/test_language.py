# SPDX-License-Identifier: GPL-3.0-or-later
"""The language of the C code: plain words, comments that explain, names that say where they belong.

As a program it prints what it finds in the given files: tests/edge/test_language.py app/store/*.c"""
import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ["fcgi", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "app").iterdir() if p.is_dir())]
# Comments and literals are found together, so that neither hides in the other.
TOKEN = re.compile(r'/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'', re.DOTALL)
STATIC = re.compile(r"^static (?!const\b)[\w \*]*?\b(\w+)\(", re.MULTILINE)
# Words that no name and no comment uses: regular expressions over a comment's text, and words of names.
ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)
COLUMNS = 100
COMMENT_SHARE = (0.08, 0.20)
COMMENT_SHARE_FROM = 40  # lines: below, a file says all in its head


def sources(suffixes=(".c", ".h", ".def")):
    for folder in FOLDERS:
        yield from sorted(p for p in (ROOT / folder).glob("*") if p.suffix in suffixes)


def split(text):
    """A source -> its comments, and the code without comments and literals."""
    comments = [m.group(0) for m in TOKEN.finditer(text) if m.group(0).startswith("/*")]
    return comments, TOKEN.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


def words_of(identifier):
    return re.findall(r"[a-z]+", identifier.lower())


def old_words():
    """docs/glossary.md, "Words that this project does not use": a row's first column is one word or more."""
    text = (ROOT / "docs/glossary.md").read_text()
    table = text[text.index("## Words that this project does not use") :]
    return [word.strip() for cell in ROW.findall(table) for word in cell.split(",")]


def used_old_words(path, words):
    comments, code = split(path.read_text())
    single = {word for word in words if " " not in word}
    for name in sorted(set(re.findall(r"\b[A-Za-z_]\w+\b", code))):
        for word in single.intersection(words_of(name)):
            yield f"{path.name}: the name {name} uses \"{word}\""
    for comment in comments:
        plain = re.sub(r"\s+\*?\s*", " ", comment)
        for word in words:
            if re.search(rf"\b{re.escape(word)}\b", plain, re.IGNORECASE):
                yield f"{path.name}: a comment uses \"{word}\": {plain[:90]}"


def comment_share(path):
    """Lines of comment among the lines that are not blank."""
    text = path.read_text()
    total = sum(1 for line in text.splitlines() if line.strip())
    inside = set()
    for match in TOKEN.finditer(text):
        if match.group(0).startswith("/*"):
            first = text.count("\n", 0, match.start())
            inside.update(range(first, first + match.group(0).count("\n") + 1))
    lines = text.splitlines()
    whole = [n for n in inside if not re.sub(r"/\*.*?(\*/|$)|^(?!.*/\*).*$", "", lines[n]).strip()]
    return len(whole) / max(total, 1), total


def static_names():
    """name -> the files that have a static function of that name."""
    names = collections.defaultdict(set)
    for path in sources((".c",)):
        for name in STATIC.findall(split(path.read_text())[1]):
            names[name].add(path)
    return names


def too_long(path):
    return [n for n, line in enumerate(path.read_text().splitlines(), 1) if len(line) > COLUMNS]


def check_names_and_comments_use_no_old_word():
    words = old_words()
    assert len(words) > 30
    assert not [found for path in sources() for found in used_old_words(path, words)]


def check_lines_fit():
    assert not [f"{p}:{n}" for p in sources() for n in too_long(p)]


def check_each_file_explains_itself():
    shares = {p: comment_share(p) for p in sources((".c",))}
    low, high = COMMENT_SHARE
    assert not [
        f"{p.relative_to(ROOT)}: {share:.1%}"
        for p, (share, total) in shares.items()
        if total >= COMMENT_SHARE_FROM and not low <= share <= high
    ]


def check_static_names_say_their_file():
    """A name in a backtrace, a profile or a grep leads to one place."""
    assert not {name: sorted(p.name for p in paths) for name, paths in static_names().items() if len(paths) > 2}


def check_hardly_any_state_at_file_scope():
    """Mutable variables outside functions: at most one for 2 000 lines."""
    variable = re.compile(r"^(?:static )?(?!const\b|extern\b|typedef\b|enum\b|return\b)[\w ]+[ \*](?!const\b)\w+(?:\[\w*\])?(?: = [^;{]*| = \{[^;]*)?;", re.MULTILINE)
    found, lines = [], 0
    for path in sources((".c",)):
        code = split(path.read_text())[1]
        lines += code.count("\n")
        found += [f"{path.name}: {m.group(0)}" for m in variable.finditer(code) if " const" not in m.group(0) and "(" not in m.group(0)]
    assert len(found) <= lines / 2000, found


def main(paths):
    words, names = old_words(), static_names()
    for path in map(pathlib.Path, paths):
        share, total = comment_share(path)
        print(f"{path}: {total} lines, {share:.1%} comment" + "".join(f", line {n} too long" for n in too_long(path)))
        for found in used_old_words(path, words):
            print("   ", found)
        if path.suffix == ".c":
            for name in STATIC.findall(split(path.read_text())[1]):
                if "_" not in name or len(names[name]) > 2:
                    print(f"    {name}: say the file's subject")


if __name__ == "__main__":
    main(sys.argv[1:])
