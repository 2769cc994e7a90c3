// SPDX-License-Identifier: GPL-3.0-or-later
/* A learning event in the envelope of CloudEvents 1.0, as message brokers deliver it. source and id together say which
 * event it is. */
const event = {
    specversion: "1.0", source: "https://lms.school.example", id: "lesson-1",
    type: "lesson.viewed", subject: "student-1", time: new Date().toISOString(),
    data: { lesson_id: "lesson-angles", duration_seconds: 600, completion_percentage: 100 },
};
const response = await fetch(`${process.env.BASE_URL}/api/v1/events`, {
    method: "POST",
    headers: { Authorization: `Bearer ${process.env.TEACHER_TOKEN}`, "Content-Type": "application/cloudevents+json" },
    body: JSON.stringify(event),
});
if (!response.ok)
    throw new Error(`${response.status} ${await response.text()}`);

/** @type {import("./api.js").components["schemas"]["EventsResponse"]} */
const { status } = await response.json();
console.log(status);
