# SPDX-License-Identifier: GPL-3.0-or-later
"""What is made of mastery-ctl's table of commands: help, man page, completion of bash and zsh."""
import functools
import json
import re
import subprocess

import pytest
from harness.binaries import ROOT, bin_dir
from harness.ctl import run_ctl
from test_ctl import at_terminal

PAGE = ROOT / "man/mastery-ctl.1"


def ctl(*arguments):
    result = run_ctl({}, *arguments)
    assert (result.returncode, result.stderr) == (0, ""), result
    return result.stdout


@functools.lru_cache(None)
def table():
    return {row["name"]: row for row in map(json.loads, ctl("commands", "--json").splitlines())}


def names(row):
    """The options as a user writes them, and the placeholders of operands."""
    return [option["value"] if option["operand"] else "--" + option["name"] for option in row["options"]]


def test_every_command_has_json_and_says_what_it_prints():
    for row in table().values():
        assert "--json" in names(row), row["name"]
        assert row["json"] and row["json"][-1] not in ".\n", row["name"]


def test_the_list_for_people_has_the_same_commands():
    assert [line.split()[0] for line in ctl("commands").splitlines()] == list(table())
    assert re.findall(r"^  ([a-z][a-z-]+) ", ctl("--help"), re.M) == list(table())


def test_a_terminal_gets_a_table_with_a_heading():
    status, seen = at_terminal("commands")
    lines = seen.splitlines()
    assert status == 0 and lines[0].split() == ["COMMAND", "WHAT", "IT", "DOES"]
    assert {line.index(row["summary"]) for line, row in zip(lines[1:], table().values())} == {lines[0].index("WHAT")}


def test_the_help_of_a_command_has_the_rows_of_the_table():
    for name, row in table().items():
        shown = ctl(name, "--help")
        assert re.findall(r"^  (--[a-z-]+|[A-Z]+)(?: |$)", shown, re.M) == [*names(row), "--help"]
        assert f"With --json prints {row['json']}" in " ".join(shown.split())


# --- the man page --------------------------------------------------------------------------------


def test_the_man_page_is_up_to_date():
    made = subprocess.run([ROOT / "scripts/make-man", bin_dir()], capture_output=True, text=True, check=True)
    assert made.stdout == PAGE.read_text(), "run scripts/make-man"


def test_the_man_page_describes_each_command_and_no_other():
    text = PAGE.read_text()
    synopsis = text[text.index(".Sh SYNOPSIS") : text.index(".Sh DESCRIPTION")]
    assert re.findall(r"^\.Cm (\S+)$", synopsis, re.M) == list(table())
    sections = re.split(r"^\.It Cm (\S+)\n", text[: text.index(".Sh CSV FILES")], flags=re.M)
    described = dict(zip(sections[1::2], sections[2::2]))
    assert list(described) == list(table())
    for name, section in described.items():
        assert re.match(r"[A-Z]", section), f"{name} has no text before its options"
        for option in names(table()[name]):
            if option.startswith("--"):
                assert f"\n.It Fl -{option[2:]}" in section, (name, option)
            else:
                assert f"\n.It Ar {option.lower()}\n" in section, (name, option)


def test_a_part_of_the_man_page_without_a_name_is_refused():
    for arguments in (["--mdoc", "none"], ["--mdoc", "token", "--json"]):
        result = run_ctl({}, "commands", *arguments)
        assert (result.returncode, result.stdout) == (2, "") and "--mdoc" in result.stderr


# --- bash ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("completion") / "mastery-ctl"
    path.write_text(ctl("completion", "bash"))
    return path


def complete(script, line, folder):
    """What bash offers at the end of the line. bash splits words at "=", as here."""
    words = [word for word in re.split(r"(=)|\s+", line) if word]
    if line.endswith((" ", "=")):
        words.append("")
    quoted = " ".join(f"'{word}'" for word in words)
    program = f'. "{script}"; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _mastery_ctl; printf "%s\\n" "${{COMPREPLY[@]}}"'
    result = subprocess.run(
        ["bash", "--norc", "-c", program], cwd=folder, capture_output=True, text=True, check=True
    )
    assert result.stderr == ""
    return result.stdout.split()


def test_bash_accepts_the_script(script):
    subprocess.run(["bash", "-n", script], check=True)
    subprocess.run(["shellcheck", script], check=True)


def test_bash_completes_commands(script, tmp_path):
    assert complete(script, "mastery-ctl ", tmp_path) == [*table(), "--help", "--version"]
    assert complete(script, "mastery-ctl ba", tmp_path) == ["batch", "backtest"]


def test_bash_completes_the_options_of_each_command(script, tmp_path):
    for name, row in table().items():
        wanted = [word for word in names(row) if word.startswith("--")] + ["--help"]
        assert complete(script, f"mastery-ctl {name} --", tmp_path) == wanted


@pytest.mark.parametrize(
    "line, offered",
    [
        ("token --role ", ["student", "teacher", "admin"]),
        ("token --role t", ["teacher"]),
        ("token --role=", ["student", "teacher", "admin"]),
        ("token --role=a", ["admin"]),
        ("token --user ", []),
        ("token --user=", []),
        ("token --user u ", ["--user", "--role", "--ttl", "--json", "--help"]),
        ("token --user=u --role ", ["student", "teacher", "admin"]),
        ("dead ", ["list", "show", "retry", "drop"]),
        ("dead --limit 5 r", ["retry"]),
        ("dead --limit=5 r", ["retry"]),
        ("dead --json r", ["retry"]),
        ("dead retry ", []),
        ("nginx-locations p", ["public"]),
        ("ingest e", ["events.jsonl"]),
        ("ingest --url http e", ["events.jsonl"]),
        ("audit verify --anchor e", ["events.jsonl"]),
        ("report --output=e", ["events.jsonl"]),
        ("none ", []),
    ],
)
def test_bash_completes_values(script, tmp_path, line, offered):
    (tmp_path / "events.jsonl").touch()
    assert complete(script, f"mastery-ctl {line}", tmp_path) == offered


def test_bash_knows_the_function(script):
    shown = subprocess.run(
        ["bash", "--norc", "-c", f'. "{script}"; complete -p mastery-ctl'], capture_output=True, text=True, check=True
    )
    assert shown.stdout == "complete -o filenames -F _mastery_ctl mastery-ctl\n"


# --- zsh -----------------------------------------------------------------------------------------


def test_the_script_for_zsh_has_all_commands_and_options():
    shown = ctl("completion", "zsh")
    assert shown.startswith("#compdef mastery-ctl\n")
    for name, row in table().items():
        [section] = re.findall(rf"^    {name}\)\n(.*?);;$", shown, re.M | re.S)
        for option in row["options"]:
            assert option["operand"] or f"'--{option['name']}" in section.replace("*--", "--"), (name, option)


def test_zsh_accepts_the_script(tmp_path):
    (tmp_path / "_mastery-ctl").write_text(ctl("completion", "zsh"))
    subprocess.run(["zsh", "-n", tmp_path / "_mastery-ctl"], check=True)


# --- installed -----------------------------------------------------------------------------------


def test_make_install_puts_the_scripts_where_the_shells_look():
    targets = ["install-nodist_bashcompletionDATA", "install-nodist_zshcompletionDATA"]
    made = subprocess.run(
        ["make", "-n", "-s", "-C", bin_dir(), *targets, "DESTDIR=/there"], capture_output=True, text=True, check=True
    )
    for folder in ("/share/bash-completion/completions", "/share/zsh/site-functions"):
        assert re.search(rf"'/there/\S*{folder}'", made.stdout), folder
    assert (bin_dir() / "completion/mastery-ctl").read_text() == ctl("completion", "bash")
    assert (bin_dir() / "completion/_mastery-ctl").read_text() == ctl("completion", "zsh")
