// SPDX-License-Identifier: GPL-3.0-or-later
// A client with the types of the OpenAPI document: compiled strictly, then run against the engine.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Schemas = components["schemas"];

const client = createClient<paths>({
    baseUrl: process.env["BASE_URL"] ?? "",
    headers: { Authorization: `Bearer ${process.env["TOKEN"] ?? ""}` },
});

function check(condition: boolean, what: string): asserts condition {
    if (!condition) throw new Error(what);
}

const event: Schemas["QuizCompletedEvent"] = {
    event_id: "typescript-1",
    event_type: "quiz.completed",
    student_id: "student-1",
    timestamp: new Date().toISOString(),
    data: { quiz_id: "fractions", score: 0.9, questions_total: 10, questions_correct: 9, time_spent_seconds: 300 },
};
const ingested = await client.POST("/api/v1/mastery/ingest", { body: event });
check(ingested.data?.status === "accepted", JSON.stringify(ingested.error));

// The type of the data follows from the type of the event.
const union: Schemas["MasteryIngestRequest"] = event;
if (union.event_type === "quiz.completed") check(union.data.questions_total === 10, "narrowed");
// @ts-expect-error an event of this type has no duration_seconds
const wrong: Schemas["QuizCompletedEvent"] = { ...event, data: { lesson_id: "x", duration_seconds: 1 } };
void wrong;

const queried = await client.POST("/api/v1/mastery/query", { body: { student_id: "student-1" } });
check(queried.data !== undefined, JSON.stringify(queried.error));
const level: "novice" | "developing" | "proficient" | "master" = queried.data.data.level;
check(level.length > 0 && queried.data.data.mastery_score > 0, "query");

const history = await client.GET("/api/v1/mastery/history/{student_id}", {
    params: { path: { student_id: "student-1" }, query: { days: 14 } },
});
check(history.data !== undefined && history.data.history.length > 1, "history");

const call: Schemas["GetPredictionCall"] = { intent: "get_prediction", payload: { student_id: "student-2" } };
const called = await client.POST("/api/v1/process", { body: call });
check(called.data?.success === true, JSON.stringify(called.error));

// @ts-expect-error either a list of students or requests, not both
const both: Schemas["BatchSubmitRequest"] = { student_ids: ["a"], requests: 5 };
void both;
const batch = await client.POST("/api/v1/batch/mastery", { body: { student_ids: ["student-1"] } });
check(batch.data?.status === "pending", JSON.stringify(batch.error));

const refused = await client.POST("/api/v1/mastery/query", { body: { student_id: " " } });
check(refused.error?.error.code === "VALIDATION_ERROR", "refusal");
console.log("calls work");
