// SPDX-License-Identifier: GPL-3.0-or-later
/* A class for its teacher: the three students who need attention most, each with the reasons. */
const response = await fetch(`${process.env.BASE_URL}/api/v1/cohorts/demo-class/overview?sort=attention&limit=3`, {
    headers: { Authorization: `Bearer ${process.env.TEACHER_TOKEN}` },
});
if (!response.ok)
    throw new Error(`${response.status} ${await response.text()}`);

/** @type {import("./api.js").components["schemas"]["CohortOverviewResponse"]} */
const overview = await response.json();
console.log(`${overview.name}: ${overview.total} students`);
for (const { student_id, attention } of overview.students) {
    // Of a student who has withdrawn consent to analytics there is the id alone.
    const reasons = attention?.reasons ?? ["no consent to analytics"];
    console.log(`${student_id}: ${reasons.join("; ") || "nothing"}`);
}
