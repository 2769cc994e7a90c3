# SPDX-License-Identifier: GPL-3.0-or-later
"""Each role's whole journey through the console, its failures, the keyboard alone, and a class of 1 000."""
import csv
import io
import json
import re
from datetime import timedelta

from harness.events import event
from harness.expect import assert_ok
from harness.histories import today
from harness.wait import wait_for
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

DEMO = "#/class/demo-class"
STUDENT = re.compile(r"student-\d+")

# What a page offers as a download is kept here instead.
CATCH_DOWNLOAD = """
window.saved = [];
const make = URL.createObjectURL;
URL.createObjectURL = (blob) => { blob.text().then((text) => window.saved.push(text)); return make.call(URL, blob); };
HTMLAnchorElement.prototype.click = function () { window.savedName = this.download; };
"""


def saved(page):
    return wait_for(lambda: page.script("return window.saved[0]"), "file saved")


def address(page):
    return page.script("return location.href + ' ' + document.title")


# The teacher


def test_a_teacher_finds_who_needs_help_and_why(page):
    page.sign_in("teacher-1", "teacher")
    page.says("Demo class", "Second demo class", "24 students")
    assert page.judged() == []
    page.click(".class-card")
    page.says("Who needs help, and why", "is predicted for next week", "not active for", "the score fell by")
    page.says("Weakest topics", "ratios", "students struggle")
    page.click(".weak summary")
    assert STUDENT.search(page.text(".weak .names"))
    assert len(page.find("table.students tbody tr")) == 24
    wait_for(lambda: len(page.find(".spark polyline")) > 10, "sparklines drawn", timeout=60)
    assert page.judged() == []
    page.clean()


def test_the_heat_map_is_completed_on_request(page):
    page.sign_in("teacher-1", "teacher")
    page.go(DEMO)
    before = len(page.find(".heat td.unknown"))
    page.click(".heat-note button")
    page.says("All topics of these students are shown", css=".heat-note")
    assert 0 < len(page.find(".heat td.unknown")) < before
    page.clean(allowed="429")


def test_the_table_sorts_searches_and_saves_what_it_shows(page):
    page.sign_in("teacher-1", "teacher")
    page.go(DEMO)
    page.script(CATCH_DOWNLOAD)
    page.click("table.students th:nth-child(2) button")
    assert page.one("table.students th:nth-child(2)").get_attribute("aria-sort") == "ascending"
    page.paste(".tools input", "student-1")
    wait_for(lambda: len(page.find("table.students tbody tr")) == 11, "rows found")
    shown = [row.text for row in page.find("table.students tbody th")]
    page.click(".tools button")
    rows = list(csv.reader(io.StringIO(saved(page).removeprefix("\ufeff"))))
    assert rows[0][:2] == ["Student", "Score"] and [row[0] for row in rows[1:]] == shown
    scores = [float(row[1]) for row in rows[1:] if row[1]]
    assert scores == sorted(scores)


def test_a_formula_stays_a_text_in_the_file(page):
    """A cell that a spreadsheet would run: ids may contain = and begin with -."""
    page.sign_in("teacher-1", "teacher")
    text = page.driver.execute_async_script(
        """import("./csv.js").then(({csv}) => arguments[0](csv([["=1+1", "-a", "+b", "@c", -0.5, "x"]])))"""
    )
    assert text == "\ufeff\"'=1+1\",\"'-a\",\"'+b\",\"'@c\",-0.5,x\r\n"


def test_a_file_for_a_german_spreadsheet_has_decimal_commas(page):
    page.sign_in("teacher-1", "teacher")
    text = page.driver.execute_async_script(
        """const done = arguments[0];
        Promise.all(["./csv.js", "./text.js"].map((file) => import(file))).then(async ([{csv}, {setLanguage}]) => {
            await setLanguage("de");
            done(csv([["a,b", 0.5, "c;d"]]));
        });"""
    )
    assert text == '\ufeff"a,b";0,5;"c;d"\r\n'


def test_a_students_page_explains_the_score(page):
    page.sign_in("teacher-1", "teacher")
    page.go(DEMO)
    page.click(".help a")
    page.settled()
    page.says("History and prediction", "Why this score", "What would change it", "Next steps", "Activity")
    page.says("with a probability of 90%", "A hard exercise, done completely", "points are missing to")
    page.says("%, below the threshold of", css=".steps")
    assert not re.search(r"\b0\.\d", page.text(".steps")), "scores are in percent everywhere"
    page.click(".why summary")
    page.click(".behind summary")
    assert page.find(".behind table tbody tr") and page.find(".plot canvas")
    student = STUDENT.search(page.text("h1")).group()
    assert student not in address(page), "an id is personal data"
    assert page.judged() == []
    page.clean()


def test_feedback_shows_in_what_became_of_earlier_steps(page):
    page.sign_in("teacher-1", "teacher")
    page.go(DEMO)
    page.click(".help a")
    page.settled()
    page.click(".feedback summary")
    page.click(".feedback input[value=yes]")
    page.click(".feedback button")
    page.says("Work since then", "does not prove")
    assert "Yes" in [cell.text for cell in page.find("[aria-labelledby=steps] td")]
    page.clean()


def test_a_step_without_feedback_shows_whether_it_happened_and_helped(page):
    student, engine = "with-a-step", page.engine
    body = {"name": "Steps", "teacher_ids": ["teacher-3"], "student_ids": [student]}
    assert engine.admin().put("/api/v1/cohorts/steps", body).status in (200, 201)
    yesterday = (today() - timedelta(days=1)).isoformat()
    engine.seed([(student, yesterday, 0.9, 0.3, 0.9, 0.9)])
    assert_ok(engine.admin().post("/api/v1/recommendations/adaptive", {"student_id": student}))
    for _ in range(12):
        quiz = event("quiz.completed", student, score=1, questions_correct=10)
        assert_ok(engine.admin().post("/api/v1/mastery/ingest", quiz), 202)
    page.sign_in("teacher-3", "teacher")
    page.go("#/class/steps")
    page.click("table.students a")
    page.says("Quizzes: 30% → ", "9 results or more, the last on", "no feedback")
    page.clean()


def test_the_map_completes_the_names_at_the_weakest_topics(page):
    """Of a student with four weak topics the overview names three."""
    student, topics = "weak-in-four", ["w1", "w2", "w3", "w4"]
    engine = page.engine
    body = {"name": "Four", "teacher_ids": ["teacher-4"], "student_ids": [student]}
    assert engine.admin().put("/api/v1/cohorts/four", body).status in (200, 201)
    for i, topic in enumerate(topics):
        quiz = event("quiz.completed", student, score=0.1 + i / 10, questions_correct=1 + i, topic_ids=[topic])
        assert_ok(engine.admin().post("/api/v1/mastery/ingest", quiz), 202)
    page.sign_in("teacher-4", "teacher")
    page.go("#/class/four")
    page.says("Weakest topics")
    assert len(page.find(".weak > li")) == 4 and len(page.find(".weak summary")) == 3
    page.click(".heat-note button")
    wait_for(lambda: len(page.find(".weak summary")) == 4, "the fourth topic names the student")


def test_a_students_page_prints_without_the_controls(page):
    page.sign_in("teacher-1", "teacher")
    page.go(DEMO)
    page.click(".help a")
    page.settled()
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert "Progress of student-" in page.text(".print-only")
    assert not [one for one in page.find(".top, .no-print, .behind") if one.is_displayed()]


def test_two_classes_are_compared_in_words(page):
    page.sign_in("teacher-1", "teacher")
    page.go("#/compare")
    page.click("form button")
    page.says("has a mean score of", "points ahead", "With a confidence of 95%", "says nothing about its cause")
    assert address(page).count("demo-class") == 2
    assert page.judged() == []
    page.clean()


# The student


def test_a_student_sees_the_own_page_and_decides_on_consents(page):
    page.sign_in("student-9", "student")
    page.says("My progress", "Now", "Why this score")
    assert "student-9" not in address(page) and page.judged() == []
    page.go("#/my-data")
    page.click(".consents li:nth-child(2) button")
    page.says("Given on", css=".consents li:nth-child(2)")
    page.click(".consents li:nth-child(2) button")
    page.says("withdrawn on", css=".consents li:nth-child(2)")
    page.script(CATCH_DOWNLOAD)
    page.click(".card:nth-child(2) button")
    assert json.loads(saved(page))["student_id"] == "student-9"
    assert "student-9" not in page.script("return window.savedName")
    assert page.judged() == []
    page.clean()


def test_without_consent_to_analytics_the_page_says_so(page):
    page.engine.admin().post(
        "/api/v1/compliance/consent/student-10", {"consent_type": "analytics", "granted": False}
    )
    page.sign_in("student-10", "student")
    page.says("the consent to analytics was withdrawn", "Why this score")


# The operator


def test_an_operator_watches_health_and_metrics(page):
    page.sign_in("admin-1", "admin")
    page.go("#/operator")
    page.says("Ready", "Circuit breakers", "closed", "Lag of the journal", "mastery-ctl dead list")
    wait_for(lambda: len(page.find(".plot canvas")) == 2, "rates and latencies drawn", timeout=60)
    assert float(page.text("[aria-labelledby=live] .figures strong").split()[0]) > 0
    assert float(re.match(r"([\d.]+) ms", page.text("[aria-labelledby=live] .figures span:nth-child(2)"))[1]) > 0
    assert page.judged() == []
    page.clean()


def test_an_operator_runs_a_batch(page):
    page.sign_in("admin-1", "admin")
    page.go("#/batches")
    page.click("form button.primary")
    page.says("Completed", "24 of 24 students")
    page.says("results")
    assert page.judged() == []
    title = page.text("main section:nth-child(3) h2")
    page.go("#/audit")
    page.go("#/batches")
    page.says(title, "24 of 24 students")
    page.click(".who button")
    page.paste("#token", page.engine.token("admin-2", "admin"))
    page.click(".sign-in form button")
    page.says("Compute a class")
    assert title not in page.text()
    page.clean()


def test_a_batch_is_followed_on_after_an_interruption(page):
    page.sign_in("admin-1", "admin")
    page.go("#/batches")
    page.script(
        """const real = window.fetch;
        window.away = true;
        window.fetch = (url, more) => window.away && String(url).includes("/batch/mastery/")
            ? Promise.reject(new TypeError()) : real(url, more);"""
    )
    page.click("form button.primary")
    page.says("There is no connection")
    page.script("window.away = false")
    page.says("Completed", "24 of 24 students")
    assert "There is no connection" not in page.text()


def test_an_operator_searches_the_audit_log(page):
    page.sign_in("admin-1", "admin")
    page.go("#/audit")
    page.click("form button.primary")
    page.says("records of")
    first = len(page.find("main table tbody tr"))
    page.click("main > button")
    wait_for(lambda: len(page.find("main table tbody tr")) > first, "more records")
    assert page.judged() == []
    page.clean()


def test_erasing_needs_the_id_typed(page):
    student = "to-erase"
    assert_ok(page.engine.calculate(student))
    page.sign_in("admin-1", "admin")
    page.go("#/people")
    page.paste("input[name=student]", student)
    page.click("form button")
    page.click(".wide button")
    page.says("This would be erased", "current_mastery")
    assert not page.one("button.danger").is_enabled()
    page.paste(".wide form input", student)
    page.click("button.danger")
    page.says("Erased")
    assert page.engine.admin().post("/api/v1/mastery/query", {"student_id": student}).status == 404
    assert student not in address(page) and page.judged() == []
    page.clean()


# Failures


def test_another_teachers_class_is_refused_in_words(page):
    page.sign_in("teacher-2", "teacher")
    page.says("You have no classes yet")
    page.go(DEMO)
    page.says("You may not see this", "Try again")
    assert page.judged() == []
    page.clean(allowed="403")


def test_a_page_of_another_role_and_an_unknown_one(page):
    page.sign_in("student-1", "student")
    for fragment, words in (("#/operator", "another role"), ("#/nothing", "no such page"), ("#/%", "My progress")):
        page.go(fragment)
        page.says(words)


def test_without_network_the_page_says_so_and_can_be_repeated(page):
    page.sign_in("teacher-1", "teacher")
    page.driver.execute_cdp_cmd("Network.enable", {})
    page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/api/*"]})
    page.go(DEMO)
    page.says("There is no connection")
    page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    page.click(".notice button")
    page.says("Who needs help")


def test_when_the_service_is_away_the_page_says_so(page):
    page.sign_in("teacher-1", "teacher")
    page.script(
        """const real = window.fetch;
        window.fetch = (url, more) => String(url).includes("/overview")
            ? Promise.resolve(new Response("{}", {status: 503, headers: {"Retry-After": "1"}})) : real(url, more);"""
    )
    page.go(DEMO)
    page.says("The service cannot answer")
    assert page.judged() == []


def test_an_expired_or_damaged_token_is_named(page):
    page.open(f"{page.engine.base_url}/console/")
    for token, words in (
        (page.engine.token("x", "teacher", exp=1), "has expired"),
        ("abc", "not a token"),
        (page.engine.token("x", "janitor"), "names no role"),
    ):
        page.paste("#token", token)
        page.click(".sign-in form button")
        page.says(words)
    page.paste("#token", page.engine.token("x", "teacher")[:-4] + "AAAA")
    page.click(".sign-in form button")
    page.says("Your session has ended")
    assert page.judged() == []


def test_a_link_to_a_student_ends_with_the_session(page):
    page.sign_in("teacher-1", "teacher")
    page.go(DEMO)
    page.click(".help a")
    page.settled()
    link = page.script("return location.href")
    page.open("about:blank")
    page.open(link)
    page.paste("#token", page.engine.token("teacher-1", "teacher"))
    page.click(".sign-in form button")
    page.says("Choose the student in the class again")
    page.click(".notice a")
    page.says("Who needs help")


# Sign-in and texts


def test_the_printed_link_signs_in_and_leaves_the_history(page):
    page.open(f"{page.engine.base_url}/console/#token={page.engine.values['TEACHER_TOKEN']}")
    page.says("Demo class")
    assert "token" not in address(page)
    assert page.script("return history.length") <= 2


def test_german_is_complete_enough_to_find_help(page):
    page.sign_in("teacher-1", "teacher")
    page.script("const s = document.querySelector('.who select'); s.value = 'de'; s.dispatchEvent(new Event('change'))")
    page.says("Meine Klassen")
    page.go(DEMO)
    page.says("Wer Hilfe braucht", "vorhergesagt", "nicht aktiv")
    assert page.script("return document.documentElement.lang") == "de" and page.judged() == []


def press(page, *keys):
    ActionChains(page.driver).send_keys(*keys).perform()


def tab_to(page, css):
    """Presses Tab until the focus is on an element that matches; it must be visible there."""
    for _ in range(120):
        press(page, Keys.TAB)
        if page.script("return document.activeElement.matches(arguments[0])", css):
            style = page.script("return getComputedStyle(document.activeElement).outlineStyle")
            assert style != "none", f"the focus cannot be seen on {css}"
            return
    raise AssertionError(f"{css} cannot be reached by Tab")


def test_the_keyboard_alone_leads_from_sign_in_to_a_students_explanation(page):
    page.open(f"{page.engine.base_url}/console/")
    page.one("#token")
    tab_to(page, "#token")
    page.driver.execute_cdp_cmd("Input.insertText", {"text": page.engine.token("teacher-1", "teacher")})
    press(page, Keys.ENTER)
    page.says("Demo class")
    tab_to(page, ".class-card")
    press(page, Keys.ENTER)
    page.settled()
    page.says("Who needs help")
    assert page.script("return document.activeElement.tagName") == "H1", "the focus moves to the new page"
    tab_to(page, ".help a")
    press(page, Keys.ENTER)
    page.settled()
    tab_to(page, ".why summary")
    press(page, Keys.ENTER)
    page.one(".why[open] table")


# A large class


def test_a_class_of_a_thousand_scrolls(page):
    """The rows in the document stay few, wherever one scrolls."""
    students = [f"crowd-{i:04}" for i in range(1000)]
    admin = page.engine.admin()
    body = {"name": "Crowd", "teacher_ids": ["teacher-9"], "student_ids": students}
    assert admin.put("/api/v1/cohorts/crowd", body).status == 201
    page.sign_in("teacher-9", "teacher")
    page.go("#/class/crowd")
    page.says("1000 students shown")
    for share in (0, 0.3, 0.7, 1):
        page.script("const r = document.querySelector('.rows'); r.scrollTop = r.scrollHeight * arguments[0]", share)
        wait_for(lambda: page.find("table.students tbody th"), "rows drawn")
        assert len(page.find("table.students tbody tr")) < 80
    wait_for(lambda: "crowd-0999" in page.text("table.students"), "the last row")
    page.clean()
