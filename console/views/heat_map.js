// SPDX-License-Identifier: GPL-3.0-or-later
/* Students by topics. The overview names each student's three weakest topics; the other cells are read on
 * request, a request a student, as fast as the rate limit permits. */
import { html, useEffect, useRef, useState } from "../view.js";
import { get, id } from "../api.js";
import { Problem, Said, Scroll, levelOf } from "../parts.js";
import { studentLink } from "../router.js";
import { percent, t } from "../text.js";

const ROWS = 25; /* students a page of the map */

export const masteriesOf = (topics) => Object.fromEntries(topics.map(({ topic_id: topic, mastery }) => [topic, mastery]));

/* known: what has been read, by student; onKnown adds to it. */
export function HeatMap({ topics, students, known, onKnown, cohort }) {
    const rows = students.filter(({ weakest_topics: weakest }) => weakest?.length > 0);
    const [page, setPage] = useState(0);
    if (topics.length === 0 || rows.length === 0)
        return html`<p class="empty">${t("class.topics_none")}</p>`;
    const shown = rows.slice(page * ROWS, (page + 1) * ROWS);
    const names = topics.map(({ topic_id: topic }) => topic);
    return html`
        <${Filler} students=${shown} known=${known} onKnown=${onKnown} />
        <${Scroll} label=${t("heat.title")}>
            <table class="heat">
                <caption class="hidden">${t("heat.caption")}</caption>
                <thead><tr><th scope="col">${t("student")}</th>${names.map((name) => html`<th scope="col"><span>${name}</span></th>`)}</tr></thead>
                <tbody>${shown.map((student) => html`<${Row} key=${student.student_id} student=${student} cohort=${cohort}
                    names=${names} masteries=${known[student.student_id] ?? masteriesOf(student.weakest_topics)}
                    complete=${student.student_id in known} />`)}</tbody>
            </table>
        </${Scroll}>
        ${rows.length > ROWS && html`<${Pager} page=${page} pages=${Math.ceil(rows.length / ROWS)} onPage=${setPage} />`}`;
}

const Row = ({ student, cohort, names, masteries, complete }) => html`<tr>
    <th scope="row"><a href=${studentLink(student.student_id, cohort)}>${student.student_id}</a></th>
    ${names.map((name) => (name in masteries
        ? html`<td class="level-${levelOf(masteries[name])}">${percent(masteries[name])}</td>`
        : html`<td class="unknown"><span class="hidden">${t(complete ? "heat.none" : "heat.not_weakest")}</span></td>`))}
</tr>`;

const Pager = ({ page, pages, onPage }) => html`<nav class="pager" aria-label=${t("heat.pages")}>
    <button type="button" disabled=${page === 0} onClick=${() => onPage(page - 1)}>${t("previous")}</button>
    <span>${t("page_of", { page: page + 1, pages })}</span>
    <button type="button" disabled=${page + 1 === pages} onClick=${() => onPage(page + 1)}>${t("next")}</button>
</nav>`;

/* Reads all topics of the students that are shown, one student after the other. */
function Filler({ students, known, onKnown }) {
    const [state, setState] = useState({});
    const mounted = useRef(true);
    useEffect(() => () => { mounted.current = false; }, []);
    const missing = students.filter(({ student_id: student }) => !(student in known));
    const fill = async () => {
        setState({ running: true });
        for (const { student_id: student } of missing) {
            try {
                const { topics } = await get(`mastery/topics/${id(student)}?limit=256`);
                if (!mounted.current)
                    return;
                onKnown((before) => ({ ...before, [student]: masteriesOf(topics) }));
            } catch (error) {
                setState({ error });
                return;
            }
        }
        setState({});
    };
    return html`<p class="heat-note">${t(missing.length ? "heat.weakest_only" : "heat.complete")}
        ${missing.length > 0 && !state.running && html` <button type="button" onClick=${fill}>${t("heat.fill")}</button>`}</p>
        <${Said}>${state.running ? t("heat.filling", { n: students.length - missing.length, all: students.length }) : ""}</${Said}>
        ${state.error && html`<${Problem} error=${state.error} again=${fill} />`}`;
}
