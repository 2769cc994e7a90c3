// SPDX-License-Identifier: GPL-3.0-or-later
/* A student's rights over the own data: consents, a copy, and how to have the data erased. */
import { html } from "../view.js";
import { freshJson, get, id, write } from "../api.js";
import { user } from "../session.js";
import { Card, Loaded, Problem, Said, useAction, useLoad } from "../parts.js";
import { save } from "../csv.js";
import { moment, t } from "../text.js";

const TYPES = ["data_processing", "analytics", "research", "communication"];

export const OwnData = () => html`<h1 tabindex="-1">${t("menu.my_data")}</h1>
    <div class="cards">
        <${Consents} student=${user().id} />
        <${Card} id="export" title=${t("export.title")}><${Export} student=${user().id} /></${Card}>
        <${Card} id="erase" title=${t("erase.title")}><p>${t("erase.ask")}</p><p class="soft">${t("erase.why_ask")}</p></${Card}>
    </div>`;

/* The latest decision of each type; null where there is none. */
const latestOf = (records, type) => records.filter((record) => record.consent_type === type)
    .reduce((latest, record) => (!latest || record.recorded_at >= latest.recorded_at ? record : latest), null);

function Consents({ student }) {
    const load = useLoad(() => get(`compliance/consent/status/${id(student)}`), [student]);
    return html`<${Card} id="consents" size="wide" title=${t("consent.title")} what=${t("what.consent")}>
        <${Loaded} load=${load}>${({ consent_records: records }) => html`<ul class="consents">
            ${TYPES.map((type) => html`<${Consent} key=${type} student=${student} type=${type}
                record=${latestOf(records, type)} onChanged=${load.again} />`)}</ul>`}
        </${Loaded}>
    </${Card}>`;
}

function Consent({ student, type, record, onChanged }) {
    const [state, run] = useAction();
    const decide = (granted) => run(async () => {
        const path = `api/v1/compliance/consent/${id(student)}${granted || !record ? "" : "/withdraw"}`;
        await write("POST", path, { consent_type: type, granted });
        onChanged();
    });
    const status = record ? t(record.granted ? "consent.given_at" : "consent.refused_at", { when: moment(record.recorded_at) })
        : t("consent.undecided");
    return html`<li>
        <h3>${t(`consent.${type}`)}</h3>
        <p>${t(`consent.${type}.means`)}</p>
        <p class="soft">${status}</p>
        <div class="row">
            ${!record?.granted && html`<button type="button" disabled=${state.busy} onClick=${() => decide(true)}
                aria-label=${`${t("consent.give")}: ${t(`consent.${type}`)}`}>${t("consent.give")}</button>`}
            ${(!record || record.granted) && html`<button type="button" disabled=${state.busy} onClick=${() => decide(false)}
                aria-label=${`${t("consent.refuse")}: ${t(`consent.${type}`)}`}>${t(record ? "consent.withdraw" : "consent.refuse")}</button>`}
        </div>
        ${state.error && html`<${Problem} error=${state.error} />`}
    </li>`;
}

export function Export({ student }) {
    const [state, run] = useAction();
    const download = () => run(async () => {
        const data = await freshJson(`api/v1/compliance/export/${id(student)}`);
        save("export.json", "application/json", JSON.stringify(data, null, 2));
        return { done: true };
    });
    return html`<p>${t("export.what")}</p>
        <button type="button" disabled=${state.busy} onClick=${download}>${t("export.do")}</button>
        <${Said}>${state.done ? t("export.done") : state.busy ? t("loading") : ""}</${Said}>
        ${state.error && html`<${Problem} error=${state.error} again=${download} />`}`;
}
