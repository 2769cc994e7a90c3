// SPDX-License-Identifier: GPL-3.0-or-later
/* The next steps for a student, feedback on them, and what became of earlier ones. */
import { html } from "../view.js";
import { ask, get, id, write } from "../api.js";
import { Card, Loaded, Problem, Said, ScrollTable, useAction, useLoad } from "../parts.js";
import { area, change, date, percent, stepText, t } from "../text.js";

export function Recommendations({ student, history }) {
    const load = useLoad(() => ask("recommendations/adaptive", { student_id: student, limit: 3 }), [student]);
    const past = useLoad(() => get(`recommendations/${id(student)}/history?days=90`), [student]);
    return html`<${Card} id="steps" size="two" title=${t("steps.title")} what=${t("what.steps")}>
        <${Loaded} load=${load}>${({ recommendations }) => html`<ol class="steps">
            ${recommendations.map((step) => html`<${Step} key=${step.recommendation_id} step=${step} onSent=${past.again} />`)}
        </ol>`}</${Loaded}>
        <h3>${t("steps.past")}</h3>
        <${Loaded} load=${past}>${({ recommendations }) => load.status !== "loading" && html`<${Past} student=${student}
            steps=${earlier(recommendations, load.value?.recommendations ?? [])} history=${history.value?.history ?? []} />`}
        </${Loaded}>
    </${Card}>`;
}

const Step = ({ step, onSent }) => html`<li>
    <p class="step-head"><strong>${t(`action.${step.action}`)}</strong> · ${area(step.area)}
        <span class="tag priority-${step.priority}">${t(`priority.${step.priority}`)}</span>
        <span class="soft">${t("steps.minutes", { n: step.estimated_time })}</span></p>
    <p>${stepText(step)}</p>
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

/* ---- earlier steps: did they happen, and did they help? ---- */

const MOST_OBSERVATIONS = 10; /* of a component that the API explains */

/* Without those that are shown as the next ones, unless there is feedback on them. */
function earlier(steps, next) {
    const ids = next.map(({ recommendation_id: step }) => step);
    return steps.filter(({ recommendation_id: step, feedback }) => feedback || !ids.includes(step));
}

/* What is recommended for a part day after day is one row, from its first day on, unless it has feedback of its own. */
function rowsOf(steps) {
    const rows = new Map();
    for (const step of [...steps].sort((a, b) => a.recommended_at.localeCompare(b.recommended_at))) {
        const key = step.feedback ? step.recommendation_id : `${step.action} ${step.area}`;
        if (!rows.has(key))
            rows.set(key, step);
    }
    return [...rows.values()].reverse();
}

/* The work on a component since that time, as far as its score rests on it: results, or active days for regularity. */
function workSince(component, time, explain, history) {
    if (component === "consistency") {
        const days = history.filter(({ date: day, sample_size: events }) => events > 0 && day > time.slice(0, 10));
        return t("steps.active_days", { n: days.length });
    }
    const { observations } = explain.components.find(({ component: name }) => name === component);
    const since = observations.filter(({ timestamp }) => timestamp > time).map(({ timestamp }) => timestamp).sort();
    const key = since.length === 0 ? "steps.no_work" : observations.length < MOST_OBSERVATIONS ? "steps.work" : "steps.much_work";
    return t(key, { n: since.length, date: since.length ? date(since.at(-1)) : "" });
}

/* The component at the end of the day before, or of that day for want of an earlier one, and now. */
function partSince(component, time, history) {
    const day = time.slice(0, 10);
    const then = history.findLast(({ date: earlier }) => earlier < day) ?? history.find(({ date: same }) => same === day);
    const [from, to] = [then, history.at(-1)].map((entry) => entry?.components[component]);
    return from === undefined || from === null || to === undefined || to === null ? "–"
        : t("steps.from_to", { part: t(`component.${component}`), from: percent(from), to: percent(to), points: change(to - from) });
}

const doneOf = ({ feedback }) => t(feedback ? (feedback.completed ? "yes" : "no") : "steps.no_feedback");

/* A difference in time is no proof of a cause: the table says so. */
function Past({ student, steps, history }) {
    const load = useLoad(() => get(`mastery/explain/${id(student)}`), [student]);
    if (steps.length === 0)
        return html`<p class="empty">${t("steps.past_none")}</p>`;
    return html`<${Loaded} load=${load}>${(explain) => html`
        <${ScrollTable} caption=${t("steps.past")} rows=${rowsOf(steps).map((step) => [
            `${t(`action.${step.action}`)} · ${area(step.area)}`, date(step.recommended_at), doneOf(step),
            step.feedback?.satisfaction_rating ?? "–", workSince(step.area, step.recommended_at, explain, history),
            partSince(step.area, step.recommended_at, history),
        ])} head=${["step", "given", "done", "rating", "work_since", "since"].map((key) => t(`steps.${key}`))} />
        <p class="soft">${t("steps.no_cause")}</p>`}</${Loaded}>`;
}
