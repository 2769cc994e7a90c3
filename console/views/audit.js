// SPDX-License-Identifier: GPL-3.0-or-later
/* The audit log, newest first. */
import { html, useState } from "../view.js";
import { freshJson } from "../api.js";
import { Problem, Said, ScrollTable } from "../parts.js";
import { moment, t } from "../text.js";

const PAGE = 50;

export function Audit() {
    const [state, setState] = useState({ logs: null });
    const load = async (query, before) => {
        setState({ ...state, busy: true, error: null });
        try {
            const found = await freshJson(`api/v1/compliance/audit/logs?${new URLSearchParams(query)}`);
            setState({ query, logs: [...before, ...found.logs], total: found.total, cursor: found.next_cursor });
        } catch (error) {
            setState({ query, cursor: query.cursor, logs: before, total: state.total, error });
        }
    };
    const submit = (event) => {
        event.preventDefault();
        load(queryOf(new FormData(event.target)), []);
    };
    return html`<h1 tabindex="-1">${t("menu.audit")}</h1>
        <p class="soft">${t("audit.what")}</p>
        <form class="row" onSubmit=${submit} autocomplete="off">
            <label>${t("audit.actor")} <input name="user_id" autocomplete="off" spellcheck="false" /></label>
            <label>${t("audit.type")} <input name="resource_type" autocomplete="off" spellcheck="false" placeholder="mastery" /></label>
            <label>${t("audit.since")} <input type="date" name="since" /></label>
            <label>${t("audit.until")} <input type="date" name="until" /></label>
            <button type="submit" class="primary" disabled=${state.busy}>${t("audit.search")}</button>
        </form>
        ${state.error && html`<${Problem} error=${state.error} />`}
        <${Said}>${state.logs && !state.error ? t("audit.found", { n: state.logs.length, total: state.total ?? 0 }) : ""}</${Said}>
        ${state.logs?.length > 0 && html`<${Logs} logs=${state.logs} />`}
        ${state.cursor && html`<button type="button" disabled=${state.busy}
            onClick=${() => load({ ...state.query, cursor: state.cursor }, state.logs)}>${t("audit.more")}</button>`}`;
}

/* Whole UTC days: the last one is included. */
function queryOf(form) {
    const query = { limit: String(PAGE) };
    for (const name of ["user_id", "resource_type"])
        if (form.get(name).trim())
            query[name] = form.get(name).trim();
    if (form.get("since"))
        query.since = `${form.get("since")}T00:00:00Z`;
    if (form.get("until"))
        query.until = `${form.get("until")}T23:59:59.999Z`;
    return query;
}

const Logs = ({ logs }) => html`<${ScrollTable} tall caption=${t("menu.audit")}
    head=${[t("audit.time"), t("audit.actor"), t("audit.action"), t("audit.resource"), t("audit.outcome"), t("audit.details")]}
    rows=${logs.map((entry) => [
        moment(entry.timestamp), entry.user_id, entry.action, entry.resource,
        t(entry.success ? "audit.success" : "audit.refused"),
        html`<details><summary>${t("audit.details")}</summary><code>${JSON.stringify(entry.details)}</code></details>`,
    ])} />`;
