# SPDX-License-Identifier: GPL-3.0-or-later
"""mastery-ctl import: gradebooks of Moodle and Canvas and of spreadsheets, checked whole, sent once."""
import json
import pathlib
import uuid
from datetime import datetime, timedelta, timezone

import pytest
from api.test_ctl_ingest import AWAY, DONE, FAILED, USAGE, StandIn
from harness.ctl import run_ctl
from harness.engine import fresh_id

GRADEBOOKS = pathlib.Path(__file__).resolve().parents[1] / "data" / "gradebooks"


def day(days_ago):
    return (datetime.now(timezone.utc) - timedelta(days=days_ago)).strftime("%Y-%m-%d")


def bring(file, *arguments, text="", status=DONE, **settings):
    result = run_ctl(settings, "import", file, *arguments, text=text)
    assert result.returncode == status, result
    return result


def dry(text, *arguments, status=DONE):
    return bring("-", "--dry-run", *arguments, text=text, status=status)


def table(result):
    """{name of the column: [role, maximum, results]} of the table of --dry-run."""
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["COLUMN", "IS", "MAXIMUM", "RESULTS"]
    end = next(i for i, line in enumerate(lines) if line.startswith("fields separated by"))
    return {line[:40].strip(): line[40:].replace("in cells", "in-cells").split() for line in lines[1:end]}


def complaints(result):
    """What is told of each error, without the name of the file and the summary."""
    lines = result.stderr.splitlines()
    assert lines[-1].startswith("mastery-ctl import: ") and lines[-1].endswith("nothing is sent"), lines
    assert all(line.startswith("standard input:") for line in lines[:-1])
    return [line.removeprefix("standard input:") for line in lines[:-1]]


def events(text, *arguments):
    """The events that are sent, as a stand-in for the engine gets them."""
    with StandIn() as stand_in:
        bring("-", "--url", stand_in.url, *arguments, text=text)
        return {(item["student_id"], *item["data"].values()): item for item in map(json.loads, stand_in.bodies)}


# ---- what people have ----


def test_a_canvas_export_is_understood():
    result = bring(GRADEBOOKS / "canvas.csv", "--dry-run", "--date", day(3))
    found = table(result)
    results = {name: found[name] for name in found if len(found[name]) > 1}
    assert results == {
        "Fractions (1201)": ["quiz", "10", "2"],
        "Essay (1202)": ["quiz", "20", "2"],
        "Extra practice (1203)": ["quiz", "5", "1"],
    }
    assert found["SIS User ID"] == ["student"]
    assert found["Current Score"] == found["Quizzes Final Points"] == found["Section"] == ["ignored"]
    assert "commas; 3 rows of students; 3 rows that are no student's" in result.stdout
    assert f"all results are of {day(3)}\n" in result.stdout
    assert result.stdout.endswith("5 results; nothing was sent\n")


def test_a_moodle_export_with_decimal_commas_is_understood():
    result = bring(GRADEBOOKS / "moodle-de.csv", "--dry-run", "--date", day(3))
    found = table(result)
    assert found["ID number"] == ["student"]
    assert found["Quiz: Fractions (Percentage)"] == ["quiz", "100", "1"]
    assert found['Assignment: "Water" (Percentage)'] == ["exercise", "100", "2"]
    for ignored in ("Quiz: Fractions (Real)", "Course total (Percentage)", "Last downloaded from this course"):
        assert found[ignored] == ["ignored"]
    assert "separated by semicolons; 2 rows of students;" in result.stdout


def test_a_spreadsheet_says_its_own_maxima_and_dates():
    text = (
        "Name\tStudent ID\tDate\tQuiz 1\tHomework\n"
        f"A\ts-1\t{day(2)}\t8/10\t80 %\n"
        f"B\ts-2\t{datetime.now(timezone.utc) - timedelta(days=4):%d.%m.%Y}\t7,5 / 10\t12.5%\n"
        f"B\ts-2\t{day(5)} 14:30\t\t66,7\u00a0%\n\t\t\t\t\n"
    )
    result = dry(text)
    assert table(result) == {
        "Name": ["ignored"], "Student ID": ["student"], "Date": ["date"],
        "Quiz 1": ["quiz", "in-cells", "2"], "Homework": ["exercise", "in-cells", "3"],
    }  # fmt: skip
    sent = sorted(events(text).values(), key=lambda item: (item["timestamp"], item["event_type"]))
    assert [item["timestamp"] for item in sent] == [f"{day(n)}T12:00:00.000Z" for n in (5, 4, 4, 2, 2)]
    assert [item["data"].get("score", item["data"].get("correctness")) for item in sent] == pytest.approx(
        [0.667, 0.125, 0.75, 0.8, 0.8]
    )


def test_maxima_and_roles_are_said_by_options():
    text = "Email,Points,Read,Project,Bonus\na@example.org,45,30,3,1\n"
    found = table(dry(
        text, "--date", day(0), "--max", "Points=50", "--max", "60", "--max", "project=4",
        "--column", "Read=lesson", "--column", "Project=quality", "--column", "bonus=ignore",
    ))  # fmt: skip
    assert found == {
        "Email": ["student"], "Points": ["quiz", "50", "1"], "Read": ["lesson", "60", "1"],
        "Project": ["quality", "4", "1"], "Bonus": ["ignored"],
    }  # fmt: skip


def test_columns_of_ids_that_are_not_the_students_count_nothing():
    names = (
        "student_id,Student ID,SIS User ID,ID number,user_id,User ID,Username,Login,SIS Login ID,"
        "Email address,Email,E-mail,ID,Phone"
    )
    found = table(dry(f"{names},Q\n{'7,' * 14}8\n", "--date", day(1), "--max", "Q=10"))
    assert found.pop("student_id") == ["student"] and found.pop("Q") == ["quiz", "10", "1"]
    assert found == {name: ["ignored"] for name in names.split(",")[1:]}


@pytest.mark.parametrize(
    "header, row",
    [
        ("First name,Student ID,Q", "Max,s-1,8"),
        ("First name,Last name,Q,Student ID", "Max,Ash,8,77"),
        ("First name,Pupil,Q", "Points Possible,77,8"),
        ("Student ID,First name,Q", "max,Max,8"),
        ("Name,Student ID,Q", '"Student, Test",s-1,8'),
        ("Student,ID,SIS User ID,Section,Q", '"Student, Test",9,s-1,7a,8'),
        ("Name,Student ID,Q", "Manual Posting,s-1,8"),
    ],
)
def test_a_student_is_one_whatever_the_name(header, row):
    column = ("--student", "Pupil") if "Pupil" in header else ()
    result = dry(f"{header}\n{row}\n", "--date", day(1), "--max", "Q=10", *column)
    assert "1 rows of students; 0 rows that are no student's" in result.stdout
    assert table(result)["Q"] == ["quiz", "10", "1"]


@pytest.mark.parametrize("row", ["Maximum,,,10", ",Max,,10", ",,Out of,10", "Points possible,,(read only),10"])
def test_a_row_of_maxima_has_no_student(row):
    result = dry(f"Name,Student ID,Group,Q\n{row}\nA,s-1,7a,8\n", "--date", day(1))
    assert "1 rows of students; 1 rows that are no student's" in result.stdout
    assert table(result)["Q"] == ["quiz", "10", "1"]


@pytest.mark.parametrize(
    "row, told",
    [
        ("Max,Ash,,8", '2: Student ID: "" is not an id'),
        ('Maximum,,,"1,000"', "1: Q: the maximum is not known"),
    ],
)
def test_a_row_that_may_be_of_maxima_is_not_dropped_unread(row, told):
    found = complaints(dry(f"Name,Last name,Student ID,Q\n{row}\nA,B,s-1,8\n", "--date", day(1), status=FAILED))
    assert any(line.startswith(told) for line in found), found


def test_today_counts_before_noon_too(engine, student):
    bring("-", "--date", day(0), "--url", engine.base_url, text=f"student_id,Q\n{student},1/2\n",
          MASTERY_TOKEN=engine.token("root", "admin"))  # fmt: skip
    assert history(engine, student) == {day(0): 1}


# ---- sending ----


def history(engine, student):
    found = engine.admin().get(f"/api/v1/mastery/history/{student}?days=90").json["history"]
    return {entry["date"]: entry["sample_size"] for entry in found}


def exported(engine, student):
    found = engine.admin().get(f"/api/v1/compliance/export/{student}").json
    return json.dumps(found)


def test_results_count_once_whatever_file_they_are_in(engine):
    one, other = fresh_id(), fresh_id()
    settings = {"MASTERY_TOKEN": engine.token("root", "admin")}
    options = ("--url", engine.base_url, "--course", "maths")
    first = f"Student ID,Algebra (Percentage),Text\n{one},80 %,x\n{other},50 %,y\n"
    result = bring("-", *options, "--date", day(4), text=first, **settings)
    assert result.stdout.startswith("2 accepted, 0 rejected")
    later = f"E-mail;STUDENT ID;algebra;Geometry;Max\n;{other};5/10;;\n;{one};8/10;0,25/1;\n"
    bring("-", *options, "--date", day(1), text=later, **settings)
    assert history(engine, other) == {day(4): 1}
    assert sum(history(engine, one).values()) == 2
    bring("-", "--url", engine.base_url, "--course", "physics", "--date", day(1), text=later, **settings)
    assert sum(history(engine, one).values()) == 4, "another course has other results"
    assert "maths/Algebra" in exported(engine, one) and "physics/Geometry" in exported(engine, one)


def test_results_of_several_days_are_different_results():
    text = f"student_id,date,Q\ns-1,{day(1)},1/2\ns-1,{day(2)},1/2\n"
    with StandIn() as stand_in:
        for _ in range(2):
            bring("-", "--url", stand_in.url, text=text)
        ids = [name for name, _ in stand_in.seen]
    assert len(ids) == 4 and len(set(ids)) == 2
    assert all(str(uuid.UUID(name)) == name for name in ids)


def test_what_the_engine_refuses_is_told_by_row_and_column(engine, student):
    text = f"student_id,Quiz\n{student},1/2\nsomebody-else,1/2\n"
    result = bring("-", "--url", engine.base_url, "--date", day(1), text=text, status=FAILED,
                   MASTERY_TOKEN=engine.token(student, "student"))  # fmt: skip
    assert result.stdout.startswith("1 accepted, 1 rejected")
    assert result.stderr.startswith("standard input:3: Quiz: 403 FORBIDDEN")


def test_a_cut_off_import_is_repeated():
    text = "student_id,Quiz\n" + "".join(f"s-{n},1/2\n" for n in range(20))
    with StandIn([(202, {})] * 5 + [(401, {})]) as stand_in:
        result = bring("-", "--url", stand_in.url, "--date", day(1), "--parallel", 1, text=text, status=AWAY)
        assert "5 accepted, 0 rejected" in result.stdout and "repeat the command" in result.stdout
        bring("-", "--url", stand_in.url, "--date", day(1), text=text)
        assert len(set(stand_in.accepted())) == 20 and len(stand_in.accepted()) == 25


# ---- errors ----


@pytest.mark.parametrize(
    "rows, told",
    [
        (["s-1,x,1/2"], ['2: A: "x" is not a result like 8, 8.5, 8/10 or 80 %']),
        (["s-1,11,12/10"], ['2: A: "11" is more than the maximum: say a higher one with --max', '2: B: "12/10" is more than the maximum']),
        (["s-1,-1,101 %"], ['2: A: "-1" is not a result like 8, 8.5, 8/10 or 80 %', '2: B: "101 %" is more than the maximum']),
        (["s-1,1/2/3,1/0"], ['2: A: "1/2/3" is not', '2: B: "1/0" is not']),
        (["s 1,1,"], ['2: Student ID: "s 1" is not an id: ']),
        ([",1,", "s-2,2,"], ['2: Student ID: "" is not an id: ']),
        (["s-1,1,", "s-2,2,", "s-1,,1/2"], ["4: Student ID: the same student is in line 2"]),
        (["s-1,1,,5"], ["2: 4 fields; the header has 3"]),
        (['s-1,"1,500",'], ['2: A: "1,500" is not a result']),
        (['"s-1,1,'], ["2: a quotation mark is opened and not closed"]),
    ],
)
def test_each_wrong_cell_is_told_and_nothing_is_sent(rows, told):
    text = "Student ID,A,B\n" + "\n".join([*rows, "s-9,9,1/2"])
    with StandIn() as stand_in:
        options = ("--date", day(1), "--max", "A=10")
        result = bring("-", "--url", stand_in.url, *options, text=text, status=FAILED)
        found = complaints(result)
        assert len(found) == len(told) and all(map(str.startswith, found, told)), found
        assert stand_in.seen == [] and result.stdout == ""
        assert complaints(dry(text, *options, status=FAILED)) == found


@pytest.mark.parametrize(
    "header, arguments, told",
    [
        ("A,B", (), ["1: no column has the students' ids: name it with --student COLUMN",
                     "1: the date of the results is not known: say --date 2026-01-31, or --date COLUMN",
                     "1: A: the maximum is not known: say --max \"A=NUMBER\", or --column \"A=ignore\"",
                     "1: B: the maximum is not known: say --max \"B=NUMBER\", or --column \"B=ignore\""]),
        ("ID,A", ("--date", "tomorrow", "--max", "9"), ['1: --date: there is no column "tomorrow"']),
        ("ID,A", ("--date", "2020-01-31", "--max", "9"), ["1: --date: 2020-01-31 is more than 90 days ago"]),
        ("ID,A", ("--date", day(-2), "--max", "9"), [f"1: --date: {day(-2)} is in the future"]),
        ("ID,date", ("--max", "9"), ['2: date: "7" is not a date like 2026-01-31 or 31.01.2026']),
        ("ID,A", ("--date", day(1), "--max", "B=9"), ['1: --max: there is no column "B"', "1: A: the maximum"]),
        ("ID,A", ("--date", day(1), "--max", "A=0"), ['1: --max: "0" is not a number above 0', "1: A: the maximum"]),
        ("ID,A", ("--date", day(1), "--column", "A=exam", "--max", "9"), ['1: --column: "exam" is not one of quiz, ']),
        ("ID,A", ("--date", day(1), "--column", "B=quiz", "--max", "9"), ['1: --column: there is no column "B"']),
        ("A,B", ("--date", day(1), "--student", "C", "--max", "9"), ['1: --student: there is no column "C"']),
        ("ID,A,a", ("--date", day(1), "--max", "9"), ["1: a: two columns have this name"]),
    ],
)  # fmt: skip
def test_what_is_not_known_is_asked_for(header, arguments, told):
    text = f"{header}\n" + ",".join("17"[min(i, 1)] for i in range(header.count(",") + 1)) + "\n"
    found = complaints(dry(text, *arguments, status=FAILED))
    assert len(found) == len(told) and all(map(str.startswith, found, told)), found


@pytest.mark.parametrize(
    "header, rows, told",
    [
        ("Student ID,da\033te,Q", [f"s-1,{day(1)[:7]},1/2"], "2: da?te: "),
        ("Stu\033dent,date,Q", [f"s-1,{day(1)},1/2"] * 2, "3: Stu?dent: the same student"),
        ("Student ID,date,Q\033]0;x\a", [f"s-1,{day(1)},x", f"s-2,{day(1)},1/2"], '2: Q?]0;x?: "x" is not a result'),
        ("Student ID,date,Q\033]0;x\a", [f"s-1,{day(1)},3/2"], '2: Q?]0;x?: "3/2" is more'),
    ],
)
def test_control_characters_of_a_header_do_not_reach_the_terminal(header, rows, told):
    student, date, _ = header.split(",")
    found = complaints(dry("\n".join([header, *rows]), "--student", student, "--date", date, status=FAILED))
    assert len(found) == 1 and found[0].startswith(told), found


def test_control_characters_of_a_rejected_column_do_not_reach_the_terminal():
    with StandIn([(403, {"error": {"code": "FORBIDDEN"}})]) as stand_in:
        result = bring("-", "--url", stand_in.url, "--date", day(1), text="student_id,Q\033[2J\ns-1,1/2\n", status=FAILED)
    assert result.stderr.startswith("standard input:2: Q?[2J: 403 "), result.stderr


@pytest.mark.parametrize("text, told", [("", "the file has no header"), ("ID,A\n", None), ("\n,,\n", "the file has no header")])
def test_a_file_without_results_is_told(text, told):
    result = bring("-", "--date", day(1), "--student", "ID", text=text, status=FAILED)
    assert (told or "the file has no results") in result.stderr


def test_wrong_usage_and_files_that_cannot_be_read(tmp_path):
    assert "FILE is required" in run_ctl({}, "import").stderr
    bring("-", "--url", "ftp://x", status=USAGE)
    assert "No such file" in bring(tmp_path / "none.csv", status=FAILED).stderr
    (tmp_path / "utf16.csv").write_bytes("ID,A\n1,2\n".encode("utf-16"))
    assert 'save it as "CSV UTF-8"' in bring(tmp_path / "utf16.csv", "--date", day(1), status=FAILED).stderr
