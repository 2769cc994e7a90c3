// SPDX-License-Identifier: GPL-3.0-or-later
/* The table of a class: sorted, searched, windowed, with sparklines, and as a file for a spreadsheet. */
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../view.js";
import { ask } from "../api.js";
import { LEVELS, Card, Level, Said } from "../parts.js";
import { Sparkline } from "../charts.js";
import { csv, save } from "../csv.js";
import { studentLink } from "../router.js";
import { ago, change, currentLanguage, percent, reasons, t } from "../text.js";

const ROW_PX = 45; /* console.css has the same height */
const WINDOWED_FROM = 80; /* rows; shorter tables are in the document whole, for printing and search */
const CHUNK = 8; /* rows by which the window moves, so that few frames of scrolling draw any */
const SPARK_DAYS = 28;

const NAMES = new Intl.Collator(undefined, { numeric: true });
const TRENDS = ["declining", "stable", "improving"];
const weakest = (student) => (student.weakest_topics ?? []).map(({ topic_id: topic }) => topic).join(", ");

/* key, the value to sort by, the cell */
const COLUMNS = [
    { key: "student", value: (s) => s.student_id, cell: (s, cohort) => html`<a href=${studentLink(s.student_id, cohort)}>${s.student_id}</a>` },
    { key: "score", value: (s) => s.mastery_score, cell: (s) => percent(s.mastery_score) },
    { key: "level", value: (s) => LEVELS.indexOf(s.level), cell: (s) => (s.level ? html`<${Level} level=${s.level} />` : t("consent.withdrawn")) },
    { key: "spark", cell: (s) => html`<${Spark} student=${s} />` },
    { key: "change", value: (s) => s.change_7_days, cell: (s) => change(s.change_7_days) },
    { key: "predicted", value: (s) => s.predicted_score, cell: (s) => predicted(s) },
    { key: "trend", value: (s) => TRENDS.indexOf(s.trend), cell: (s) => (s.trend ? t(`trend.${s.trend}`) : "–") },
    { key: "active", value: (s) => s.last_active, cell: (s) => ago(s.last_active) },
    { key: "attention", value: (s) => s.attention?.rank, cell: (s) => s.attention?.rank ?? "–" },
    { key: "weakest", value: weakest, cell: (s) => html`<span class="clip" title=${weakest(s)}>${weakest(s)}</span>` },
];

const predicted = ({ predicted_score: score, interval }) => (interval
    ? html`${percent(score)} <span class="soft">${percent(interval.lower)}–${percent(interval.upper)}</span>` : "–");

/* Students without a value are last in either direction. */
function sorted(students, { key, down }) {
    const { value } = COLUMNS.find((column) => column.key === key);
    const absent = (v) => v === null || v === undefined || v === "" || v === -1;
    const ordered = students.map((student) => [value(student), student]).sort(([x], [y]) => {
        if (absent(x) || absent(y))
            return absent(x) - absent(y);
        const order = typeof x === "string" ? NAMES.compare(x, y) : x - y;
        return down ? -order : order;
    });
    return ordered.map(([, student]) => student);
}

const SHEET = ["student", "score", "level", "change", "predicted", "lower", "upper", "trend", "active", "attention", "reasons", "weakest"];

/* The rows of the table in their order, with numbers as numbers. */
function sheet(students) {
    const head = SHEET.map((key) => t(`column.${key}`));
    return csv([head, ...students.map((s) => [
        s.student_id, s.mastery_score, s.level ?? t("consent.withdrawn"), s.change_7_days, s.predicted_score,
        s.interval?.lower, s.interval?.upper, s.trend, s.last_active, s.attention?.rank,
        s.attention && reasons(s.attention).join("; "), weakest(s),
    ])]);
}

export function Students({ students, cohort, name }) {
    const [order, setOrder] = useState({ key: "attention", down: false });
    const [search, setSearch] = useState("");
    const rows = useMemo(() => sorted(students.filter(({ student_id: student }) =>
        student.toLowerCase().includes(search.toLowerCase())), order), [students, order, search]);
    const download = () => save(`${cohort}-${new Date().toISOString().slice(0, 10)}.csv`, "text/csv", sheet(rows));
    const tools = html`<label class="search">${t("search")} <input type="search" value=${search} autocomplete="off"
            onInput=${(event) => setSearch(event.target.value)} /></label>
        <button type="button" onClick=${download}>${t("students.csv")}</button>`;
    return html`<${Card} id="students" size="wide" title=${t("students.title")} what=${t("what.table")} tools=${tools}>
        <${Said}>${t("students.shown", { n: rows.length })}</${Said}>
        <${Rows} rows=${rows} cohort=${cohort} order=${order} onOrder=${setOrder} name=${name} />
    </${Card}>`;
}

/* Only the rows in view, and a chunk or two before and after them, are in the document; two spacer rows keep the height. */
function useWindow(n, order) {
    const place = useRef(null);
    const [first, setFirst] = useState(0);
    const windowed = n >= WINDOWED_FROM;
    const inView = Math.ceil((place.current?.clientHeight || 600) / ROW_PX);
    const onScroll = () => setFirst(Math.max(0, Math.floor(place.current.scrollTop / ROW_PX / CHUNK) - 1) * CHUNK);
    useLayoutEffect(() => { place.current.scrollTop = 0; }, [order]);
    return windowed ? { place, onScroll, from: Math.min(first, n), to: Math.min(n, first + inView + 3 * CHUNK) }
        : { place, from: 0, to: n };
}

const Spacer = ({ rows }) => (rows > 0
    ? html`<tr class="spacer" aria-hidden="true"><td colspan=${COLUMNS.length} style=${{ height: `${rows * ROW_PX}px` }}></td></tr>` : null);

const row = (student, cohort, i) => html`<tr key=${student.student_id} aria-rowindex=${i + 2}>
    ${COLUMNS.map(({ key, cell }) => (key === "student"
        ? html`<th scope="row">${cell(student, cohort)}</th>` : html`<td>${cell(student, cohort)}</td>`))}
</tr>`;

function Rows({ rows, cohort, order, onOrder, name }) {
    const { place, onScroll, from, to } = useWindow(rows.length, order);
    const drawn = useMemo(() => [], [rows, cohort, currentLanguage()]); /* Preact skips a row that is the same object */
    return html`<div class="scroll tall rows" role="group" tabindex="0" aria-label=${t("students.of", { name })}
            ref=${place} onScroll=${onScroll}>
        <table class="students" aria-rowcount=${rows.length + 1}>
            <thead><tr>${COLUMNS.map((column) => html`<${Head} key=${column.key} column=${column} order=${order} onOrder=${onOrder} />`)}</tr></thead>
            <tbody>
                <${Spacer} rows=${from} />
                ${rows.slice(from, to).map((student, i) => (drawn[from + i] ??= row(student, cohort, from + i)))}
                <${Spacer} rows=${rows.length - to} />
            </tbody>
        </table>
    </div>`;
}

function Head({ column, order, onOrder }) {
    const text = t(`column.${column.key}`);
    if (!column.value)
        return html`<th scope="col">${text}</th>`;
    const own = order.key === column.key;
    const sort = () => onOrder({ key: column.key, down: own && !order.down });
    return html`<th scope="col" aria-sort=${own ? (order.down ? "descending" : "ascending") : "none"}>
        <button type="button" class="sort" onClick=${sort}>${text}<span aria-hidden="true">${own ? (order.down ? " ▼" : " ▲") : ""}</span></button>
    </th>`;
}

/* ---- sparklines ---- */

/* A class's rows ask for their histories one after the other: a burst would use up the rate limit. */
let queue = Promise.resolve();
const REST_MS = 300; /* that a row must be in view before it asks */

function Spark({ student }) {
    const [scores, setScores] = useState(null);
    useEffect(() => {
        if (typeof student.mastery_score !== "number")
            return undefined;
        let wanted = true;
        const body = { student_id: student.student_id, days: SPARK_DAYS, aggregation: "daily" };
        const load = () => wanted && ask("analytics/mastery-history", body)
            .then(({ data }) => wanted && setScores(data.map((entry) => entry.mastery_score)));
        const timer = setTimeout(() => { queue = queue.then(load).catch(() => {}); }, REST_MS);
        return () => {
            wanted = false;
            clearTimeout(timer);
        };
    }, [student.student_id]);
    const label = scores?.length ? t("spark.label", { from: percent(scores[0]), to: percent(scores.at(-1)) }) : "";
    return html`<span class="spark-cell"><${Sparkline} scores=${scores} /><span class="hidden">${label}</span></span>`;
}
