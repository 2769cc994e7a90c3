// SPDX-License-Identifier: GPL-3.0-or-later
/* Two classes side by side: distributions, and the difference in words with its uncertainty. */
import { html, useState } from "../view.js";
import { allCohorts, ask, get, id } from "../api.js";
import { COMPONENTS, Bar, Card, Levels, Loaded, ScrollTable, useLoad } from "../parts.js";
import { BoxPlot } from "../charts.js";
import { go, link } from "../router.js";
import { change, number, percent, t } from "../text.js";

export function Compare({ a, b }) {
    const load = useLoad(allCohorts, []);
    return html`<h1 tabindex="-1">${t("menu.compare")}</h1>
        <${Loaded} load=${load} missing=${t("classes.none")}>
            ${({ cohorts }) => (cohorts.length < 2 ? html`<p class="empty">${t("compare.one")}</p>`
                : html`<${Choice} cohorts=${cohorts} a=${a} b=${b} />`)}
        </${Loaded}>
        ${a && b && a !== b && html`<${Result} a=${a} b=${b} />`}`;
}

function Choice({ cohorts, a, b }) {
    const [same, setSame] = useState(false);
    const submit = (event) => {
        event.preventDefault();
        const form = new FormData(event.target);
        setSame(form.get("a") === form.get("b"));
        if (form.get("a") !== form.get("b"))
            go("compare", form.get("a"), form.get("b"));
    };
    const select = (name, chosen) => html`<label>${t(`compare.${name}`)}
        <select name=${name}>${cohorts.map((cohort) => html`<option value=${cohort.cohort_id}
            selected=${cohort.cohort_id === chosen}>${cohort.name}</option>`)}</select></label>`;
    return html`<form class="row" onSubmit=${submit}>
        ${select("a", a ?? cohorts[0].cohort_id)} ${select("b", b ?? cohorts[1].cohort_id)}
        <button type="submit" class="primary">${t("compare.do")}</button>
    </form>${same && html`<p class="notice" role="alert">${t("compare.same")}</p>`}`;
}

async function compared(a, b) {
    const first = (cohort) => get(`cohorts/${id(cohort)}/overview?limit=1`);
    const body = { cohort_a_id: a, cohort_b_id: b, include_percentiles: false };
    const [result, left, right] = await Promise.all([ask("analytics/compare/cohorts", body), first(a), first(b)]);
    return { result, classes: [{ ...left, stats: result.cohort_a_stats }, { ...right, stats: result.cohort_b_stats }] };
}

function Result({ a, b }) {
    const load = useLoad(() => compared(a, b), [a, b]);
    return html`<${Loaded} load=${load} missing=${t("compare.too_little")}>
        ${({ result, classes }) => html`<div class="cards">
            <${Card} id="difference" size="wide" title=${t("compare.difference")} what=${t("what.compare")}>
                <${Words} result=${result} names=${classes.map(({ name }) => name)} />
            </${Card}>
            <${Card} id="distribution" size="wide" title=${t("compare.distribution")} what=${t("what.box")}>
                ${classes.map((one) => html`<${Distribution} key=${one.cohort_id} one=${one} />`)}
                <${Numbers} classes=${classes} />
            </${Card}>
            <${Card} id="parts" size="wide" title=${t("compare.components")} what=${t("what.parts")}>
                <${Parts} parts=${result.component_comparison} classes=${classes} />
            </${Card}>
        </div>`}
    </${Loaded}>`;
}

/* Conventional limits of Hedges' g (Cohen 1988). */
const size = (g) => (Math.abs(g) < 0.2 ? "negligible" : Math.abs(g) < 0.5 ? "small" : Math.abs(g) < 0.8 ? "medium" : "large");

function Words({ result, names }) {
    const { cohort_a_stats: a, cohort_b_stats: b, test, effect_size: effect, winner, metadata } = result;
    const difference = a.mean - b.mean;
    const [high, low] = difference >= 0 ? names : [...names].reverse();
    const { lower, upper, level } = test.confidence_interval ?? {};
    const bounds = difference >= 0 ? [lower, upper] : [-upper, -lower];
    const values = {
        a: names[0], b: names[1], mean_a: percent(a.mean), mean_b: percent(b.mean), high, low,
        points: number(Math.abs(difference) * 100, 1), upper: number(bounds[1] * 100, 1),
        lower: number(Math.abs(bounds[0]) * 100, 1),
        level: percent(level),
    };
    return html`<p class="lead">${t("compare.means", values)} ${t(winner ? "compare.clear" : "compare.chance", values)}</p>
        ${lower !== undefined && lower !== null && html`<p>${t(bounds[0] < 0 ? "compare.interval_open" : "compare.interval", values)}</p>`}
        ${effect.value !== null && html`<p>${t(`effect.${size(effect.value)}`)}</p>`}
        <p class="soft">${t("compare.no_cause")}</p>
        ${metadata.missing.length > 0 && html`<p class="soft">${t("compare.left_out", { n: metadata.missing.length })}</p>`}`;
}

const Distribution = ({ one }) => html`<div class="distribution">
    <h3><a href=${link("class", one.cohort_id)}>${one.name}</a></h3>
    <${BoxPlot} stats=${one.stats} label=${t("compare.box", {
        name: one.name, median: percent(one.stats.median), lower: percent(one.stats.percentiles["25"]),
        upper: percent(one.stats.percentiles["75"]), least: percent(one.stats.min_value), most: percent(one.stats.max_value),
    })} />
    <div class="scale" aria-hidden="true">${[0, 0.2, 0.4, 0.6, 0.8, 1].map((score) => html`<span>${percent(score)}</span>`)}</div>
    <${Levels} levels=${one.levels} />
</div>`;

const ROWS = [
    ["count", (s) => number(s.count)], ["mean", (s) => percent(s.mean)], ["median", (s) => percent(s.median)],
    ["middle", (s) => `${percent(s.percentiles["25"])} – ${percent(s.percentiles["75"])}`],
    ["range", (s) => `${percent(s.min_value)} – ${percent(s.max_value)}`],
];

const Numbers = ({ classes }) => html`<${ScrollTable} caption=${t("compare.numbers")}
    head=${[t("compare.figure"), ...classes.map(({ name }) => name)]}
    rows=${ROWS.map(([key, cell]) => [t(`compare.${key}`), ...classes.map(({ stats }) => cell(stats))])} />`;

const Parts = ({ parts, classes }) => html`<${ScrollTable} caption=${t("compare.components")}
    head=${[t("compare.part"), ...classes.map(({ name }) => name), t("compare.points")]}
    rows=${COMPONENTS.map((name) => [
        t(`component.${name}`), html`<${Bar} value=${parts.cohort_a[name]} />`, html`<${Bar} value=${parts.cohort_b[name]} />`,
        change(parts.cohort_a[name] - parts.cohort_b[name]),
    ])} />`;
