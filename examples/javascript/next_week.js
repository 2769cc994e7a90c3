// SPDX-License-Identifier: GPL-3.0-or-later
/* The score predicted for seven days from now, and the interval that it lies in with a probability of 90 %. */
const response = await fetch(`${process.env.BASE_URL}/api/v1/predictions/next-week`, {
    method: "POST",
    headers: { Authorization: `Bearer ${process.env.TEACHER_TOKEN}`, "Content-Type": "application/json" },
    body: JSON.stringify({ student_id: "student-1" }),
});
if (!response.ok)
    throw new Error(`${response.status} ${await response.text()}`);

/** @type {import("./api.js").components["schemas"]["PredictionNextWeekResponse"]} */
const result = await response.json();
const { lower, upper } = result.interval;
console.log(`next week ${result.predicted_score.toFixed(2)}, between ${lower.toFixed(2)} and ${upper.toFixed(2)}`);
