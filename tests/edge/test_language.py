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
# A row of the table of words that no name and no comment uses.
ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)
KEPT_NAMES = {"STALE_ANSWERS", "stale_answers"}  # a setting, which keeps its name
COLUMNS = 100
COMMENT_SHARE = (0.08, 0.20)


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
    for name in sorted(set(re.findall(r"\b[A-Za-z_]\w+\b", code)) - KEPT_NAMES):
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


def test_names_and_comments_use_no_old_word():
    words = old_words()
    assert len(words) > 30
    assert not [found for path in sources() for found in used_old_words(path, words)]


def test_lines_fit():
    assert not [f"{p}:{n}" for p in sources() for n in too_long(p)]


def test_comments_explain_enough_and_not_too_much():
    """At least the lower share in each folder, at most the upper one over all."""
    low, high = COMMENT_SHARE
    for folder in [*FOLDERS, None]:
        shares = [comment_share(p) for p in sources((".c",)) if folder in (None, str(p.parent.relative_to(ROOT)))]
        share = sum(share * lines for share, lines in shares) / sum(lines for _, lines in shares)
        assert low <= share <= (high if folder is None else 1), f"{folder or 'all'}: {share:.1%}"


def test_each_file_explains_itself():
    """A file says at its top what it is for, or its header does."""
    for path in sources((".c",)):
        comments = split(path.read_text())[0]
        header = path.with_suffix(".h")
        if header.exists():
            comments += split(header.read_text())[0]
        assert len(comments) >= 2, f"{path}: nothing but the licence"


def test_static_names_say_their_file():
    """A name in a backtrace, a profile or a grep leads to one place."""
    assert not {name: sorted(p.name for p in paths) for name, paths in static_names().items() if len(paths) > 2}


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
