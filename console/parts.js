// SPDX-License-Identifier: GPL-3.0-or-later
/* Pieces that several pages use: loading and its failures, explanations, tables, levels. */
import { html, useCallback, useEffect, useState } from "./view.js";
import { forget } from "./api.js";
import { percent, t } from "./text.js";

export const LEVELS = ["novice", "developing", "proficient", "master"];
export const FLOORS = { novice: 0, developing: 0.4, proficient: 0.6, master: 0.8 };
export const COMPONENTS = ["completion", "quiz", "quality", "consistency"];

export const levelOf = (score) =>
    score === null || score === undefined ? "none" : LEVELS.findLast((level) => score >= FLOORS[level]);

/* ---- loading ---- */

/* Runs an asynchronous function when the dependencies change. What arrives late, for earlier ones, is dropped. */
export function useLoad(load, dependencies) {
    const [state, setState] = useState({ status: "loading" });
    const [round, setRound] = useState(0);
    useEffect(() => {
        let current = true;
        setState({ status: "loading" });
        load().then(
            (value) => current && setState({ status: "done", value }),
            (error) => current && setState({ status: "failed", error }),
        );
        return () => { current = false; };
    }, [...dependencies, round]);
    const again = useCallback(() => {
        forget();
        setRound((before) => before + 1);
    }, []);
    return { ...state, again };
}

/* What a person starts with a button or a form: [state, run]. The state is what `work` resolves to; before, it
 * says `busy`, and after a failure it holds the `error`. */
export function useAction() {
    const [state, setState] = useState({});
    const run = async (work) => {
        setState({ busy: true });
        try {
            setState(await work() ?? {});
        } catch (error) {
            setState({ error });
        }
    };
    return [state, run];
}

/* Reads again and again until the page is left: `done(value)` and `failed(error)` return how many milliseconds
 * until the next reading, or nothing when that was the last. */
export function usePoll(read, { done, failed }, dependencies) {
    useEffect(() => {
        let current = true, timer = null;
        const after = (take) => (found) => {
            const pause = current && take(found);
            if (pause)
                timer = setTimeout(look, pause);
        };
        const look = () => read().then(after(done), after(failed));
        look();
        return () => {
            current = false;
            clearTimeout(timer);
        };
    }, dependencies);
}

export function Problem({ error, again }) {
    const known = error.kind ? `problem.${error.kind}` : "problem.refused";
    return html`<div class="notice problem" role="alert">
        <p><strong>${t(known)}</strong></p>
        <p>${t(`${known}.do`, { seconds: error.retryAfter ?? 0 })}</p>
        ${error.kind === "refused" && html`<p>${messagesOf(error)}</p>`}
        ${again && html`<button type="button" onClick=${again}>${t("again")}</button>`}
    </div>`;
}

/* What the engine says is wrong with the input. */
const messagesOf = (error) =>
    error.details?.errors?.map(({ field, message }) => `${field}: ${message}`).join("; ") ||
    error.message || t("problem.refused");

/* Shows a load as a placeholder, a problem, or its content. */
export function Loaded({ load, children, missing }) {
    if (load.status === "loading")
        return html`<p class="loading" role="status"><span class="spinner" aria-hidden="true"></span> ${t("loading")}</p>`;
    if (load.status === "failed" && missing && ["missing", "too_little"].includes(load.error.kind))
        return html`<p class="empty">${missing}</p>`;
    if (load.status === "failed")
        return html`<${Problem} error=${load.error} again=${load.again} />`;
    return children(load.value);
}

/* ---- text ---- */

/* What a number means, where it stands. */
const What = ({ about, children }) => html`<details class="what">
    <summary aria-label=${t("what", { about })}>?</summary>
    <div class="what-text">${children}</div>
</details>`;

export const Card = ({ title, what, size, tools, children, id }) => html`
    <section class=${`card ${size ?? ""}`} aria-labelledby=${id}>
        <header class="card-head">
            <h2 id=${id}>${title}</h2>
            ${what && html`<${What} about=${title}>${what}</${What}>`}
            ${tools && html`<div class="tools">${tools}</div>`}
        </header>
        ${children}
    </section>`;

export const Level = ({ level }) =>
    html`<span class="level level-${level}">${t(`level.${level}`)}</span>`;

/* A score as a bar of its level's colour, with the number beside it. */
export const Bar = ({ value, label }) => html`<span class="bar-line">
    <span class="bar" aria-hidden="true">
        <span class="bar-fill level-${levelOf(value)}" style=${{ width: `${(value ?? 0) * 100}%` }}></span>
    </span>
    <span class="bar-number">${label ?? percent(value)}</span>
</span>`;

/* How many students have each level: a bar, and the same as a list. */
export function Levels({ levels }) {
    const names = [...LEVELS, "none"];
    const total = names.reduce((sum, name) => sum + (levels[name] ?? 0), 0) || 1;
    return html`<div class="levels">
        <div class="levels-bar" aria-hidden="true">
            ${names.filter((name) => levels[name]).map((name) => html`
                <span class="level-${name}" style=${{ flexGrow: levels[name] / total }}></span>`)}
        </div>
        <ul class="levels-list">
            ${names.filter((name) => name !== "none" || levels.none).map((name) => html`<li>
                <span class="swatch level-${name}" aria-hidden="true"></span>
                ${t(`level.${name}`)} <strong>${levels[name] ?? 0}</strong>
            </li>`)}
        </ul>
    </div>`;
}

/* A region that scrolls must be reachable with the keyboard, and then needs a name. */
export const Scroll = ({ label, children, tall }) => html`
    <div class=${tall ? "scroll tall" : "scroll"} role="group" aria-label=${label} tabindex="0">${children}</div>`;

/* rows: lists of cells, the first of each is the row's header. */
const Table = ({ caption, head, rows, hidden }) => html`<table class="plain">
    <caption class=${hidden ? "hidden" : ""}>${caption}</caption>
    <thead><tr>${head.map((text) => html`<th scope="col">${text}</th>`)}</tr></thead>
    <tbody>${rows.map(([first, ...cells]) => html`<tr>
        <th scope="row">${first}</th>${cells.map((cell) => html`<td>${cell}</td>`)}
    </tr>`)}</tbody>
</table>`;

/* The caption is the region's name, and need not be seen. */
export const ScrollTable = ({ tall, hidden = true, ...table }) => html`<${Scroll} label=${table.caption} tall=${tall}>
    <${Table} hidden=${hidden} ...${table} />
</${Scroll}>`;

/* The numbers behind a chart. */
export const Behind = (table) => html`<details class="behind">
    <summary>${t("as_table")}</summary>
    <${ScrollTable} tall hidden=${false} ...${table} />
</details>`;

/* Announced by screen readers when its text changes. */
export const Said = ({ children }) => html`<p class="said" role="status" aria-live="polite">${children}</p>`;
