// SPDX-License-Identifier: GPL-3.0-or-later
/* The next steps for a student, feedback on them, and what became of earlier ones. */
import { html } from "../view.js";
import { ask, get, id, write } from "../api.js";
import { Card, Loaded, Problem, Said, ScrollTable, useAction, useLoad } from "../parts.js";
import { area, change, date, percent, t } from "../text.js";

export function Recommendations({ student, history }) {
    const load = useLoad(() => ask("recommendations/adaptive", { student_id: student, limit: 3 }), [student]);
    const past = useLoad(() => get(`recommendations/${id(student)}/history?days=90`), [student]);
    return html`<${Card} id="steps" size="two" title=${t("steps.title")} what=${t("what.steps")}>
        <${Loaded} load=${load}>${({ recommendations }) => html`<ol class="steps">
            ${recommendations.map((step) => html`<${Step} key=${step.recommendation_id} step=${step} onSent=${past.again} />`)}
        </ol>`}</${Loaded}>
        <h3>${t("steps.past")}</h3>
        <${Loaded} load=${past}>${({ recommendations }) => html`<${Past} steps=${recommendations}
            scores=${history.value?.history ?? []} />`}</${Loaded}>
    </${Card}>`;
}

const Step = ({ step, onSent }) => html`<li>
    <p class="step-head"><strong>${t(`action.${step.action}`)}</strong> · ${area(step.area)}
        <span class="tag priority-${step.priority}">${t(`priority.${step.priority}`)}</span>
        <span class="soft">${t("steps.minutes", { n: step.estimated_time })}</span></p>
    <p>${step.description}</p>
    ${step.resources?.length > 0 && html`<p class="soft">${step.resources.join(" · ")}</p>`}
    <${Feedback} step=${step} onSent=${onSent} />
</li>`;

function Feedback({ step, onSent }) {
    const [state, run] = useAction();
    const field = (name) => `${name}-${step.recommendation_id}`;
    const submit = (event) => {
        event.preventDefault();
        const form = new FormData(event.target);
        const rating = Number(form.get("rating"));
        run(async () => {
            await write("POST", "api/v1/recommendations/feedback", {
                recommendation_id: step.recommendation_id,
                completed: form.get("done") === "yes",
                ...(rating > 0 && { satisfaction_rating: rating }),
            });
            onSent();
            return { sent: true };
        });
    };
    if (state.sent)
        return html`<${Said}>${t("feedback.thanks")}</${Said}>`;
    return html`<details class="feedback no-print"><summary>${t("feedback.title")}</summary>
        <form onSubmit=${submit}>
            <fieldset><legend>${t("feedback.done")}</legend>
                <label><input type="radio" name="done" value="yes" required /> ${t("yes")}</label>
                <label><input type="radio" name="done" value="no" /> ${t("no")}</label></fieldset>
            <label for=${field("rating")}>${t("feedback.rating")}</label>
            <select id=${field("rating")} name="rating">
                <option value="0">${t("feedback.no_rating")}</option>
                ${[1, 2, 3, 4, 5].map((n) => html`<option value=${n}>${t(`feedback.rating_${n}`)}</option>`)}
            </select>
            <button type="submit" disabled=${state.busy}>${t("send")}</button>
            ${state.error && html`<${Problem} error=${state.error} />`}
        </form>
    </details>`;
}

const scoreAt = (scores, day) => scores.findLast((entry) => entry.date <= day)?.mastery_score;

/* Did it happen, and what became of the score since: a difference in time, which is no proof of a cause. */
function Past({ steps, scores }) {
    const answered = steps.filter(({ feedback }) => feedback);
    if (answered.length === 0)
        return html`<p class="empty">${t("steps.past_none", { n: steps.length })}</p>`;
    const now = scores.at(-1)?.mastery_score;
    const rows = answered.map((step) => {
        const then = scoreAt(scores, step.feedback.received_at.slice(0, 10));
        return [
            `${t(`action.${step.action}`)} · ${area(step.area)}`, date(step.recommended_at),
            t(step.feedback.completed ? "yes" : "no"), step.feedback.satisfaction_rating ?? "–",
            then === undefined || now === undefined ? "–" : `${percent(then)} → ${percent(now)} (${change(now - then)})`,
        ];
    });
    return html`<${ScrollTable} caption=${t("steps.past")} rows=${rows}
        head=${[t("steps.step"), t("steps.given"), t("steps.done"), t("steps.rating"), t("steps.since")]} />
    <p class="soft">${t("steps.no_cause")}</p>`;
}
