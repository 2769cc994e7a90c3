// SPDX-License-Identifier: GPL-3.0-or-later
/* A class: who needs help and why, weakest topics with the students who struggle, heat map, all students. */
import { html, useState } from "../view.js";
import { get, id } from "../api.js";
import { FLOORS, Bar, Card, Level, Levels, Loaded, useLoad } from "../parts.js";
import { link, studentLink } from "../router.js";
import { percent, reasons, t } from "../text.js";
import { HeatMap, masteriesOf } from "./heat_map.js";
import { Students } from "./students.js";

const PAGE = 200; /* the API's largest page */
const FIRST = 6; /* students in need that are shown at first */

/* All pages of a class's overview, joined. */
async function overviewOf(cohort) {
    const page = (offset) => get(`cohorts/${id(cohort)}/overview?limit=${PAGE}&offset=${offset}&sort=attention`);
    const first = await page(0);
    const students = [...first.students];
    while (students.length < first.total) {
        const { students: more } = await page(students.length);
        if (more.length === 0)
            break;
        students.push(...more);
    }
    return { ...first, students };
}

export function Class({ cohort }) {
    const load = useLoad(() => overviewOf(cohort), [cohort]);
    return html`
        <p class="crumbs"><a href=${link("classes")}>${t("menu.classes")}</a></p>
        <div class="page-head">
            <h1 tabindex="-1">${load.value?.name ?? t("class")}</h1>
            <button type="button" onClick=${load.again}>${t("refresh")}</button>
        </div>
        <${Loaded} load=${load} missing=${t("class.missing")}>
            ${(overview) => html`<${Overview} cohort=${cohort} overview=${overview} />`}
        </${Loaded}>`;
}

function Overview({ cohort, overview }) {
    const { name, total, summary, levels, students, topics } = overview;
    const [known, setKnown] = useState({}); /* masteries of all topics, of the students of whom the map has read them */
    return html`
        ${total === 0 ? html`<p class="empty">${t("class.empty")}</p>` : html`
        <div class="cards">
            <${Card} id="help" size="two" title=${t("class.help")} what=${t("what.attention")}>
                <${Help} students=${students} cohort=${cohort} />
            </${Card}>
            <div class="stack">
            <${Card} id="level" title=${t("class.level")} what=${t("what.level")}>
                <p class="figures">
                    <span><strong>${total}</strong> ${t("class.students", { n: total })}</span>
                    <span><strong>${percent(summary?.mean)}</strong> ${t("class.mean")}</span>
                </p>
                <${Levels} levels=${levels} />
            </${Card}>
            <${Card} id="topics" title=${t("class.topics")} what=${t("what.topics")}>
                <${WeakTopics} topics=${topics} students=${students} known=${known} cohort=${cohort} />
            </${Card}>
            </div>
            <${Card} id="heat" size="wide" title=${t("heat.title")} what=${t("what.heat")}>
                <${HeatMap} topics=${topics} students=${students} known=${known} onKnown=${setKnown} cohort=${cohort} />
            </${Card}>
            <${Students} students=${students} cohort=${cohort} name=${name} />
        </div>`}`;
}

/* ---- who needs help ---- */

function Help({ students, cohort }) {
    const [all, setAll] = useState(false);
    const need = students.filter(({ attention }) => attention?.reasons.length > 0);
    if (need.length === 0)
        return html`<p class="empty">${t("class.help_none")}</p>`;
    return html`
        <ol class="help">${(all ? need : need.slice(0, FIRST)).map((student) => html`
            <${NeedsHelp} key=${student.student_id} student=${student} cohort=${cohort} />`)}</ol>
        ${need.length > FIRST && html`<button type="button" aria-expanded=${String(all)} onClick=${() => setAll(!all)}>
            ${t(all ? "class.help_fewer" : "class.help_all", { n: need.length })}</button>`}`;
}

const NeedsHelp = ({ student, cohort }) => html`<li>
    <div class="help-head">
        <a href=${studentLink(student.student_id, cohort)}>${student.student_id}</a>
        ${student.mastery_score !== null && html`<span>${percent(student.mastery_score)}
            <${Level} level=${student.level} /></span>`}
    </div>
    <ul class="reasons">${reasons(student.attention).map((text) => html`<li>${text}</li>`)}</ul>
    ${student.weakest_topics?.length > 0 && html`<p class="soft">${t("class.weakest", {
        topics: student.weakest_topics.map(({ topic_id: topic, mastery }) => `${topic} ${percent(mastery)}`).join(", "),
    })}</p>`}
</li>`;

/* ---- weakest topics, each with its students ---- */

/* Of each topic, the students who are less than proficient in it, as far as it is known: of all topics of a student,
 * or of the three weakest. */
function strugglersOf(topic, students, known) {
    const of = ({ student_id: student, weakest_topics: weakest }) =>
        (known[student] ?? masteriesOf(weakest ?? []))[topic] ?? 1;
    return students.filter((student) => of(student) < FLOORS.proficient).sort((a, b) => of(a) - of(b))
        .map((student) => ({ student: student.student_id, mastery: of(student) }));
}

function WeakTopics({ topics, students, known, cohort }) {
    const [n, setN] = useState(5);
    if (topics.length === 0)
        return html`<p class="empty">${t("class.topics_none")}</p>`;
    return html`<ul class="weak">${topics.slice(0, n).map((topic) => html`
            <${WeakTopic} key=${topic.topic_id} ...${topic} cohort=${cohort}
                strugglers=${strugglersOf(topic.topic_id, students, known)} />`)}</ul>
        ${topics.length > n && html`<button type="button" onClick=${() => setN(topics.length)}>
            ${t("class.topics_all", { n: topics.length })}</button>`}`;
}

const WeakTopic = ({ topic_id: topic, mean, students, strugglers, cohort }) => html`<li>
    <div class="weak-head"><strong>${topic}</strong> <span class="soft">${t("class.topic_students", { n: students })}</span></div>
    <${Bar} value=${mean} />
    ${strugglers.length > 0 && html`<details><summary>${t("class.strugglers", { n: strugglers.length })}</summary>
        <ul class="names">${strugglers.map(({ student, mastery }) => html`<li>
            <a href=${studentLink(student, cohort)}>${student}</a> ${percent(mastery)}</li>`)}</ul>
    </details>`}
</li>`;
