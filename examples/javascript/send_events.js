// SPDX-License-Identifier: GPL-3.0-or-later
/* A student's learning events. Each has an id of its own: sent again, it counts once. So a request is repeated without
 * risk after 429, 503 and a lost connection. */
const timestamp = new Date().toISOString();

/** @type {import("./api.js").components["schemas"]["MasteryIngestRequest"][]} */
const events = [
    {
        event_id: "example-quiz", event_type: "quiz.completed", timestamp,
        data: {
            quiz_id: "quiz-fractions", topic_ids: ["fractions"], score: 0.9,
            questions_total: 10, questions_correct: 9, time_spent_seconds: 300,
        },
    },
    {
        event_id: "example-exercise", event_type: "exercise.completed", timestamp,
        data: {
            exercise_id: "exercise-7", topic_ids: ["fractions"], difficulty: "medium",
            completion_rate: 1, correctness: 0.8, time_spent_seconds: 420,
        },
    },
];

/** @param {typeof events[number]} event */
const post = (event) => fetch(`${process.env.BASE_URL}/api/v1/mastery/ingest`, {
    method: "POST",
    headers: { Authorization: `Bearer ${process.env.STUDENT_TOKEN}`, "Content-Type": "application/json" },
    body: JSON.stringify(event),
    signal: AbortSignal.timeout(10_000),
});

/** @param {typeof events[number]} event
 *  @returns {Promise<import("./api.js").components["schemas"]["MasteryIngestResponse"]>} */
async function send(event, tries = 5) {
    const response = await post(event).catch(() => null);
    if (response?.ok)
        return response.json();
    if (tries === 1 || (response && ![429, 503].includes(response.status)))
        throw new Error(response ? `${response.status} ${await response.text()}` : "no connection");
    const seconds = Number(response?.headers.get("Retry-After") ?? 1);
    await new Promise((done) => setTimeout(done, seconds * 1000));
    return send(event, tries - 1);
}

for (const event of events)
    console.log((await send(event)).status, event.event_id);
