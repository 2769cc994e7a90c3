// SPDX-License-Identifier: GPL-3.0-or-later
/* A calendar of the days with activity: weeks as columns, days of the week as rows. */
import { html } from "../view.js";
import { Scroll } from "../parts.js";
import { date, shortDate, t, weekday } from "../text.js";

const WEEKS = 13, DAY_MS = 864e5;
const isoDay = (ms) => new Date(ms).toISOString().slice(0, 10);

/* The Mondays of the last weeks, oldest first. */
function mondays() {
    const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
    const monday = today - ((new Date(today).getUTCDay() + 6) % 7) * DAY_MS;
    return Array.from({ length: WEEKS }, (_, i) => monday - (WEEKS - 1 - i) * 7 * DAY_MS);
}

const shade = (n) => (n === 0 ? 0 : n === 1 ? 1 : n <= 3 ? 2 : 3);

function Cell({ ms, events }) {
    if (ms > Date.now())
        return html`<td></td>`;
    const n = events.get(isoDay(ms)) ?? 0;
    const text = t("activity.day", { n, date: date(ms) });
    return html`<td class="day shade-${shade(n)}" title=${text}><span class="hidden">${n}</span></td>`;
}

export function Activity({ history }) {
    const events = new Map(history.map((entry) => [entry.date, entry.sample_size]));
    const active = history.filter((entry) => entry.sample_size > 0).length;
    const weeks = mondays();
    return html`<p>${t("activity.summary", { n: active, weeks: WEEKS })}</p>
        <${Scroll} label=${t("activity.title")}>
            <table class="calendar">
                <caption class="hidden">${t("activity.caption")}</caption>
                <thead><tr><td></td>${weeks.map((ms, i) => html`<th scope="col"><span class=${i % 3 ? "hidden" : ""}>${shortDate(ms)}</span></th>`)}</tr></thead>
                <tbody>${Array.from({ length: 7 }, (_, row) => html`<tr>
                    <th scope="row">${weekday(weeks[0] + row * DAY_MS)}</th>
                    ${weeks.map((ms) => html`<${Cell} ms=${ms + row * DAY_MS} events=${events} />`)}
                </tr>`)}</tbody>
            </table>
        </${Scroll}>`;
}
