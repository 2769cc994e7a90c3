# SPDX-License-Identifier: GPL-3.0-or-later
# Prints batches of CloudEvents (docs/events.md), one a line, for the students number `first` to `last` - 1 on
# the days of the list `days`. The numbers are the same in each run. In every seven students one falls, one has little skill,
# and one has paused for the last twelve days, so that a teacher's page has something to show.

function random() {
    seed = (seed * 16807) % 2147483647
    return seed / 2147483647
}

function limited(x) {
    return x < 0 ? 0 : x > 1 ? 1 : x
}

function event(student, day, n, type, data) {
    if (n_events++ % 40 == 0)
        separator = n_events == 1 ? "[" : "]\n["
    printf "%s{\"specversion\":\"1.0\",\"source\":\"demo\",\"id\":\"%d-%d-%d\",\"type\":\"%s\",", \
        separator, student, day, n, type
    printf "\"subject\":\"student-%d\",\"time\":\"%sT%02d:%02d:00Z\",\"data\":{%s}}", \
        student, date[day], 8 + n * 2, int(random() * 60), data
    separator = ","
}

function quiz(student, day, n, name, x,   right) {
    right = int(x * 10 + 0.5)
    event(student, day, n, "quiz.completed", sprintf("\"quiz_id\":\"quiz-%s\",\"score\":%.1f,\"questions_total\":10," \
        "\"questions_correct\":%d,\"time_spent_seconds\":%d,\"topic_ids\":[\"%s\"]", \
        name, right / 10, right, 200 + random() * 400, name))
}

function exercise(student, day, n, name, x) {
    event(student, day, n, "exercise.completed", sprintf("\"exercise_id\":\"exercise-%s\",\"difficulty\":\"medium\"," \
        "\"time_spent_seconds\":%d,\"completion_rate\":%.2f,\"correctness\":%.2f,\"topic_ids\":[\"%s\"]", \
        name, 300 + random() * 600, limited(x + 0.15), x, name))
}

function lesson(student, day, n, name, x) {
    event(student, day, n, "lesson.viewed", sprintf("\"lesson_id\":\"lesson-%s\",\"duration_seconds\":%d," \
        "\"completion_percentage\":%d", name, 300 + random() * 900, 40 + x * 60))
}

# The topics follow each other in the course of the days; some are harder.
function work(student, day, n,   k, x, kind) {
    k = 1 + int((day - 1) / n_days * (n_topics - 2) + random() * 3)
    if (k > n_topics)
        k = n_topics
    x = limited(skill + ease[k] + slope * (day / n_days - 0.5) + (random() - 0.5) * 0.22)
    kind = random()
    if (kind < 0.45)
        quiz(student, day, n, topic[k], x)
    else if (kind < 0.85)
        exercise(student, day, n, topic[k], x)
    else
        lesson(student, day, n, topic[k], x)
}

function course(student,   day, n, more) {
    skill = 0.52 + random() * 0.42
    habit = 0.25 + random() * 0.4
    slope = (random() - 0.4) * 0.2
    if (student > 24) # the second class
        skill -= 0.1
    if (student % 7 == 4)
        slope = -0.5
    if (student % 7 == 5)
        skill = 0.44
    # The first three have stated scores of the last two weeks, and no other days.
    for (day = student <= 3 ? n_days - 12 : 1; day <= n_days; day++) {
        if (student % 7 == 6 && day > n_days - 12)
            return
        more = random() < habit ? 1 + (random() > 0.6) : 0
        for (n = 0; n < more; n++)
            work(student, day, n)
    }
}

BEGIN {
    n_days = split(days, date, " ")
    n_topics = split("fractions decimals percentages ratios equations angles areas statistics", topic, " ")
    split("0.06 0.1 -0.05 -0.16 -0.1 0.08 0 -0.2", ease, " ")
    for (student = first; student < last; student++) {
        seed = 7919 * student + 104729
        for (i = 0; i < 5; i++)
            random()
        course(student)
    }
    print "]"
}
