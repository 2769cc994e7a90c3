// SPDX-License-Identifier: GPL-3.0-or-later
/* A student's mastery now: the score from 0 to 1, its level, and the components that it consists of. */
const response = await fetch(`${process.env.BASE_URL}/api/v1/mastery/query`, {
    method: "POST",
    headers: { Authorization: `Bearer ${process.env.STUDENT_TOKEN}`, "Content-Type": "application/json" },
    body: JSON.stringify({ student_id: "student-1" }),
});
if (!response.ok)
    throw new Error(`${response.status} ${await response.text()}`);

/** @type {import("./api.js").components["schemas"]["MasteryQueryResponse"]} */
const result = await response.json();
console.log(`mastery ${result.mastery_score.toFixed(2)} ${result.level}`);
for (const [name, value] of Object.entries(result.data.components ?? {}))
    console.log(`${name} ${value.toFixed(2)}`);
