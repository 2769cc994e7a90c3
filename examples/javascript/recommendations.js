// SPDX-License-Identifier: GPL-3.0-or-later
/* What a student should do next, the most urgent first. */
const response = await fetch(`${process.env.BASE_URL}/api/v1/recommendations/adaptive`, {
    method: "POST",
    headers: { Authorization: `Bearer ${process.env.STUDENT_TOKEN}`, "Content-Type": "application/json" },
    body: JSON.stringify({ student_id: "student-1" }),
});
if (!response.ok)
    throw new Error(`${response.status} ${await response.text()}`);

/** @type {import("./api.js").components["schemas"]["RecommendationsAdaptiveResponse"]} */
const result = await response.json();
for (const { priority, area, description } of result.recommendations)
    console.log(`${priority}, ${area}: ${description}`);
