// SPDX-License-Identifier: GPL-3.0-or-later
/* Why the score is what it is, and what would change it. */
import { html } from "../view.js";
import { get, id } from "../api.js";
import { Card, Loaded, ScrollTable, useLoad } from "../parts.js";
import { change, date, has, number, percent, t } from "../text.js";

export function Why({ student }) {
    const load = useLoad(() => get(`mastery/explain/${id(student)}`), [student]);
    return html`
        <${Card} id="why" title=${t("why.title")} what=${t("what.why")}>
            <${Loaded} load=${load}>${(explain) => html`<${Parts} explain=${explain} />`}</${Loaded}>
        </${Card}>
        <${Card} id="change" title=${t("change.title")} what=${t("what.change")}>
            <${Loaded} load=${load}>${(explain) => html`<${Changes} explain=${explain} />`}</${Loaded}>
        </${Card}>`;
}

const named = (prefix, key) => (has(`${prefix}.${key}`) ? t(`${prefix}.${key}`) : key);

function Parts({ explain }) {
    return html`<p>${t("why.sum", {
        score: percent(explain.mastery_score),
        parts: explain.components.map(({ component, contribution }) =>
            `${t(`component.${component}`)} ${number(contribution * 100, 1)}`).join(" + "),
    })}</p>
    ${explain.components.map((part) => html`<details key=${part.component} class="why">
        <summary>${t("why.component", {
            component: t(`component.${part.component}`), value: percent(part.value), weight: percent(part.weight),
            contribution: number(part.contribution * 100, 1),
        })}</summary>
        <${Observations} part=${part} />
    </details>`)}`;
}

function Observations({ part }) {
    if (part.observations.length === 0)
        return html`<p>${part.component === "consistency" ? t("why.active_days", { n: number(part.evidence) }) : t("why.no_evidence")}</p>`;
    const rows = part.observations.map((seen) => [
        named("event", seen.event_type), date(seen.timestamp), percent(seen.value), percent(seen.share),
    ]);
    return html`<${ScrollTable} caption=${t("why.observations")} rows=${rows}
        head=${[t("why.event"), t("date"), t("why.result"), t("why.share")]} />
    ${part.other_share > 0.005 && html`<p class="soft">${t("why.other", { share: percent(part.other_share) })}</p>`}`;
}

function Changes({ explain }) {
    const { next_level: next, fading, what_if: ifs } = explain;
    const rows = [...ifs].sort((a, b) => b.change - a.change).map((one) => [
        t(`what_if.${one.assumption_code}`), percent(one.mastery_score),
        html`<span class=${one.change < 0 ? "falls" : "rises"}>${change(one.change, 1)}</span>`,
    ]);
    const last = fading.at(-1);
    return html`
        ${next && html`<p>${t("change.next", { level: t(`level.${next.level}`), points: number(next.missing * 100, 1) })}</p>`}
        <${ScrollTable} caption=${t("change.table")} rows=${rows}
            head=${[t("change.if"), t("column.score"), t("change.points")]} />
        ${last && html`<p>${t(last.mastery_score < explain.mastery_score - 0.005 ? "change.fades" : "change.stays", {
            days: last.days, score: percent(last.mastery_score),
        })}</p>`}`;
}
