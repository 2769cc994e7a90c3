// SPDX-License-Identifier: GPL-3.0-or-later
/* Signing in: the token goes into the header Authorization of each request. It names the user and the role, so the
 * same request has another response for each token: here, the classes that this teacher may see. */
const response = await fetch(`${process.env.BASE_URL}/api/v1/cohorts`, {
    headers: { Authorization: `Bearer ${process.env.TEACHER_TOKEN}` },
});
if (!response.ok)
    throw new Error(`${response.status} ${await response.text()}`);

/** @type {import("./api.js").components["schemas"]["CohortListResponse"]} */
const { cohorts } = await response.json();
for (const { cohort_id, name } of cohorts)
    console.log(`${cohort_id}: ${name}`);
