// SPDX-License-Identifier: GPL-3.0-or-later
/* Batches: starting one for a class, and following one by its id. The API lists no batches, so those that were
 * started or followed here are remembered until the session ends. */
import { html, useState } from "../view.js";
import { allCohorts, freshJson, get, id, write } from "../api.js";
import { onSession } from "../session.js";
import { Card, Loaded, Problem, ScrollTable, useAction, useLoad, usePoll } from "../parts.js";
import { moment, number, percent, t } from "../text.js";

const POLL_MS = 3000;
const MOST = 1000; /* students of a batch */
const RUNNING = ["pending", "processing"];
const PASSING = ["offline", "away", "limited"]; /* failures after which the status is read again */

let known = [];
onSession(() => { known = []; });

export function Batches() {
    const [batches, setBatches] = useState(known);
    const follow = (batch) => {
        known = [batch, ...known.filter((other) => other !== batch)];
        setBatches(known);
    };
    return html`<h1 tabindex="-1">${t("menu.batches")}</h1>
        <div class="cards">
            <${Card} id="start" title=${t("batch.start")} what=${t("what.batch")}><${Start} onStarted=${follow} /></${Card}>
            <${Card} id="follow" title=${t("batch.follow")}><${Follow} onFollow=${follow} /></${Card}>
            ${batches.map((batch) => html`<${Batch} key=${batch} batch=${batch} />`)}
        </div>`;
}

function Follow({ onFollow }) {
    const submit = (event) => {
        event.preventDefault();
        onFollow(new FormData(event.target).get("batch").trim());
    };
    return html`<form class="row" onSubmit=${submit} autocomplete="off">
        <label>${t("batch.id")} <input name="batch" required spellcheck="false" /></label>
        <button type="submit">${t("batch.show")}</button></form>`;
}

function Start({ onStarted }) {
    const load = useLoad(allCohorts, []);
    const [state, run] = useAction();
    const submit = (event) => {
        event.preventDefault();
        const form = new FormData(event.target);
        run(async () => {
            const { student_ids: students } = await get(`cohorts/${id(form.get("cohort"))}`);
            const body = { student_ids: students.slice(0, MOST), priority: form.get("priority") };
            const { batch_id: batch } = await write("POST", "api/v1/batch/mastery", body);
            onStarted(batch);
            return { cut: students.length > MOST };
        });
    };
    return html`<${Loaded} load=${load}>${({ cohorts }) => html`<form class="row" onSubmit=${submit}>
        <label>${t("class")} <select name="cohort" required>${cohorts.map(({ cohort_id: cohort, name }) => html`<option value=${cohort}>${name}</option>`)}</select></label>
        <label>${t("batch.priority")} <select name="priority">
            ${["normal", "low", "high"].map((name) => html`<option value=${name}>${t(`priority.${name}`)}</option>`)}</select></label>
        <button type="submit" class="primary" disabled=${state.busy || cohorts.length === 0}>${t("batch.start")}</button>
    </form>
    ${state.cut && html`<p class="notice">${t("batch.cut", { n: MOST })}</p>`}
    ${state.error && html`<${Problem} error=${state.error} />`}`}</${Loaded}>`;
}

function Batch({ batch }) {
    const [state, setState] = useState({});
    const path = `api/v1/batch/mastery/${id(batch)}`;
    usePoll(() => freshJson(path), {
        done: (status) => {
            setState({ status });
            return RUNNING.includes(status.status) ? POLL_MS : null;
        },
        failed: (error) => {
            setState((before) => ({ ...before, error }));
            return PASSING.includes(error.kind) ? POLL_MS : null;
        },
    }, [batch]);
    const cancel = () => write("DELETE", path).catch((error) => setState((before) => ({ ...before, error })));
    const { status, error } = state;
    return html`<${Card} id=${`batch-${batch}`} size="wide" title=${t("batch.title", { batch })}>
        ${error && html`<${Problem} error=${error} />`}
        ${status && html`<${Progress} status=${status} onCancel=${cancel} />`}
        ${status && !RUNNING.includes(status.status) && html`<${Results} path=${path} />`}
    </${Card}>`;
}

const Progress = ({ status, onCancel }) => html`
    <p role="status">${t(`batch.${status.status}`)} · ${t("batch.progress", {
        done: number(status.processed_students), all: number(status.total_students), failed: number(status.failed_count),
    })} ${RUNNING.includes(status.status) && status.estimated_time_remaining !== null
        && t("batch.remaining", { seconds: number(status.estimated_time_remaining) })}</p>
    <progress max="100" value=${status.progress_percentage} aria-label=${t("batch.progress_label")}></progress>
    <p class="soft">${t("batch.created", { when: moment(status.created_at) })}</p>
    ${RUNNING.includes(status.status) && html`<button type="button" onClick=${onCancel}>${t("batch.cancel")}</button>`}`;

function Results({ path }) {
    const load = useLoad(() => freshJson(`${path}/results?limit=100`), [path]);
    return html`<${Loaded} load=${load}>${({ results, total }) => html`
        <p class="soft">${t("batch.results", { n: results.length, total })}</p>
        <${ScrollTable} tall caption=${t("batch.results_table")} head=${[t("student"), t("column.score"), t("batch.outcome")]}
            rows=${results.map((one) => [one.student_id, percent(one.mastery_result?.mastery_score),
                one.success ? t("batch.ok") : one.error_message])} />`}</${Loaded}>`;
}
