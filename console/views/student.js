// SPDX-License-Identifier: GPL-3.0-or-later
/* A student's page, for the student and for the teacher. Each card loads on its own, so one that fails leaves
 * the others. */
import { html } from "../view.js";
import { ask, get, id } from "../api.js";
import { COMPONENTS, Bar, Behind, Card, Level, Loaded, useLoad } from "../parts.js";
import { HistoryChart } from "../charts.js";
import { link } from "../router.js";
import { ago, date, percent, t } from "../text.js";
import { Why } from "./why.js";
import { Activity } from "./activity.js";
import { Recommendations } from "./recommendations.js";

const DAYS = 90, DAYS_AHEAD = 14;

export function Student({ student, cohort, own }) {
    const current = useLoad(() => ask("mastery/query", { student_id: student, days_history: 28 }), [student]);
    const history = useLoad(() => get(`mastery/history/${id(student)}?days=${DAYS}`), [student]);
    return html`
        ${!own && html`<p class="crumbs"><a href=${link("classes")}>${t("menu.classes")}</a>
            ${cohort && html` › <a href=${link("class", cohort)}>${t("class")}</a>`}</p>`}
        <div class="page-head">
            <h1 tabindex="-1">${own ? t("menu.me") : student}</h1>
            <button type="button" class="no-print" onClick=${() => print()}>${t("print")}</button>
        </div>
        <p class="print-only">${t("printed", { student, date: date(Date.now()) })}</p>
        <${Loaded} load=${current} missing=${t("student.no_data")}>
            ${(query) => html`<div class="cards">
                <${Now} query=${query} student=${student} history=${history.value?.history} />
                <${Card} id="history" size="two" title=${t("history.title")} what=${t("what.history")}>
                    <${Loaded} load=${history}>${(value) => html`<${History} student=${student} history=${value.history} />`}</${Loaded}>
                </${Card}>
                <${Why} student=${student} />
                <${Topics} student=${student} />
                <${Recommendations} student=${student} history=${history} />
                <${Card} id="activity" title=${t("activity.title")} what=${t("what.activity")}>
                    <${Loaded} load=${history}>${(value) => html`<${Activity} history=${value.history} />`}</${Loaded}>
                </${Card}>
            </div>`}
        </${Loaded}>`;
}

/* ---- the present ---- */

/* How much evidence a component rests on, in words: an event weighs about 1, half of it after 14 days. */
const sureness = (evidence) => (evidence >= 5 ? "much" : evidence >= 1.5 ? "some" : evidence > 0 ? "little" : "none");

function Now({ query, student, history }) {
    const load = useLoad(() => get(`mastery/statistics/${id(student)}`), [student]);
    const { mastery_score: score, level, data, trend } = query;
    return html`<${Card} id="now" title=${t("now.title")} what=${t("what.score")}>
        <p class="big"><span>${percent(score)}</span> <${Level} level=${level} />
            ${trend && html`<span class="soft">${t("now.trend", { trend: t(`trend.${trend}`) })}</span>`}</p>
        <ul class="components">${COMPONENTS.map((name) => html`<li>
            <span>${t(`component.${name}`)} <span class="soft">${t("now.weight", { weight: percent(data.breakdown.weights[name]) })}</span></span>
            <${Bar} value=${data.components[name]} />
            <span class="soft">${name === "consistency" ? "" : t(`evidence.${sureness(data.evidence[name])}`)}</span>
        </li>`)}</ul>
        ${load.status === "done" && html`<${Streak} activity=${load.value.statistics.activity} last=${history?.findLast(({ sample_size: n }) => n > 0)?.date} />`}
    </${Card}>`;
}

const Streak = ({ activity, last }) => html`<p class="figures small">
    ${last && html`<span>${t("now.last", { when: ago(last) })}</span>`}
    <span>${t("now.days", { n: activity.days_active })}</span>
    <span>${t("now.streak", { n: activity.current_streak })}</span>
</p>`;

/* ---- history and prediction ---- */

function History({ student, history }) {
    const load = useLoad(() => ask("predictions/trajectory", { student_id: student, days: DAYS_AHEAD }), [student]);
    const trajectory = load.value?.trajectory ?? [];
    if (history.length === 0)
        return html`<p class="empty">${t("history.none")}</p>`;
    const end = trajectory.at(-1);
    const text = end ? t("history.prediction", {
        date: date(end.date), score: percent(end.predicted_score), lower: percent(end.interval.lower),
        upper: percent(end.interval.upper), level: percent(end.interval.level),
    }) : "";
    const past = t("history.past", { from: percent(history[0].mastery_score), to: percent(history.at(-1).mastery_score), date: date(history[0].date) });
    const rows = [
        ...history.map((entry) => [date(entry.date), percent(entry.mastery_score), "", entry.sample_size]),
        ...trajectory.map((entry) => [date(entry.date), percent(entry.predicted_score),
            `${percent(entry.interval.lower)} – ${percent(entry.interval.upper)}`, ""]),
    ];
    return html`
        <${HistoryChart} history=${history} trajectory=${trajectory} label=${`${past} ${text}`} />
        <p>${past} ${text}</p>
        ${load.status === "failed" && html`<p class="soft">${t(load.error.kind === "forbidden" ? "history.no_consent" : "history.no_prediction")}</p>`}
        ${load.value?.metadata?.warning && html`<p class="notice">${t("history.little")}</p>`}
        <${Behind} caption=${t("history.table")} rows=${rows}
            head=${[t("date"), t("column.score"), t("history.interval"), t("history.events")]} />`;
}

/* ---- topics ---- */

function Topics({ student }) {
    const load = useLoad(() => get(`mastery/topics/${id(student)}?limit=256`), [student]);
    return html`<${Card} id="topics" title=${t("topics.title")} what=${t("what.topic")}>
        <${Loaded} load=${load}>${({ topics }) => (topics.length === 0
            ? html`<p class="empty">${t("topics.none")}</p>`
            : html`<ul class="topic-list">${topics.map((topic) => html`<li key=${topic.topic_id}>
                <span>${topic.topic_id}</span><${Bar} value=${topic.mastery} />
                <span class="soft">${t(`evidence.${sureness(topic.evidence)}`)}, ${ago(topic.last_event_at)}</span></li>`)}</ul>`)}
        </${Loaded}>
    </${Card}>`;
}
