// SPDX-License-Identifier: GPL-3.0-or-later
/* Charts: lines over time by uPlot, and small ones as SVG. Each has a text or a table that says the same. */
import { html, useEffect, useRef } from "./view.js";
import { FLOORS, LEVELS } from "./parts.js";
import { clock, number, percent, shortDate } from "./text.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const DARK = matchMedia("(prefers-color-scheme: dark)");
const HEIGHT = 260;

const axis = (more) => ({
    stroke: colour("soft"),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { stroke: colour("line"), width: 1 },
    font: "12px system-ui, sans-serif",
    ...more,
});

/* Draws an uPlot chart into its element, anew when the data, the width or the colour scheme change. */
function usePlot(optionsOf, data) {
    const place = useRef(null);
    useEffect(() => {
        let plot = null;
        const draw = () => {
            plot?.destroy();
            plot = new uPlot({ width: place.current.clientWidth, height: HEIGHT, ...optionsOf() }, data, place.current);
        };
        const watcher = new ResizeObserver(() =>
            plot?.setSize({ width: place.current.clientWidth, height: HEIGHT }));
        draw();
        watcher.observe(place.current);
        DARK.addEventListener("change", draw);
        return () => {
            watcher.disconnect();
            DARK.removeEventListener("change", draw);
            plot.destroy();
        };
    }, [JSON.stringify(data)]);
    return place;
}

const seconds = (date) => Date.parse(`${date}T00:00:00Z`) / 1000;
const nulls = (n) => Array(n).fill(null);

/* The daily scores, and the prediction with the band that holds the true score with the given probability.
 * The prediction begins at the last score, so the line is not broken. */
function historyData(history, trajectory) {
    const last = history.at(-1);
    const joined = last ? [last.mastery_score] : [];
    const before = nulls(Math.max(0, history.length - 1));
    const future = (value) => [...before, ...joined, ...trajectory.map(value)];
    return [
        [...history, ...trajectory].map(({ date }) => seconds(date)),
        [...history.map((entry) => entry.mastery_score), ...nulls(trajectory.length)],
        future((entry) => entry.predicted_score),
        future((entry) => entry.interval.upper),
        future((entry) => entry.interval.lower),
    ];
}

function historyOptions() {
    const line = colour("accent");
    const point = { show: false };
    return {
        tzDate: (stamp) => uPlot.tzDate(new Date(stamp * 1000), "UTC"),
        legend: { show: false },
        cursor: { y: false },
        scales: { x: { time: true }, y: { range: [0, 1] } },
        axes: [
            axis({ values: (_, stamps) => stamps.map((stamp) => shortDate(stamp * 1000)), space: 70 }),
            axis({ values: (_, scores) => scores.map(percent), splits: [0, 0.2, 0.4, 0.6, 0.8, 1], size: 50 }),
        ],
        series: [
            {},
            { stroke: line, width: 2.5, spanGaps: true, points: { size: 5, fill: line } },
            { stroke: line, width: 2, dash: [6, 5], points: point },
            { stroke: "transparent", points: point },
            { stroke: "transparent", points: point },
        ],
        bands: [{ series: [3, 4], fill: colour("band") }],
    };
}

export function HistoryChart({ history, trajectory, label }) {
    const place = usePlot(historyOptions, historyData(history, trajectory));
    return html`<div class="plot" ref=${place} role="img" aria-label=${label}></div>`;
}

/* A measurement over the last minutes. */
export function LiveChart({ times, values, label, digits }) {
    const options = () => ({
        legend: { show: false },
        cursor: { show: false },
        scales: { y: { range: (_, __, most) => [0, Math.max(most * 1.1, 1)] } },
        axes: [axis({ space: 90, incrs: [5, 15, 30, 60], values: (_, stamps) => stamps.map((stamp) => clock(stamp * 1000)) }), axis({ values: (_, all) => all.map((value) => number(value, digits)), size: 56 })],
        series: [{}, { stroke: colour("accent"), width: 2, points: { show: false } }],
    });
    const place = usePlot(options, [times, values]);
    return html`<div class="plot" ref=${place} role="img" aria-label=${label}></div>`;
}

const LEAST_SPAN = 0.25; /* of scores: smaller changes look small */

/* A line without axes; the text beside it or its label says what it shows. */
export function Sparkline({ scores }) {
    if (!scores?.length)
        return html`<svg class="spark" viewBox="0 0 100 24" aria-hidden="true"></svg>`;
    const step = scores.length > 1 ? 96 / (scores.length - 1) : 0;
    const span = Math.max(LEAST_SPAN, Math.max(...scores) - Math.min(...scores));
    const low = (Math.max(...scores) + Math.min(...scores) - span) / 2;
    const points = scores.map((score, i) => `${(2 + i * step).toFixed(1)},${(21 - (score - low) / span * 18).toFixed(1)}`);
    const [x, y] = points.at(-1).split(",");
    return html`<svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">
        <polyline points=${points.join(" ")} />
        <circle cx=${x} cy=${y} r="2.2" />
    </svg>`;
}

/* Distribution of a class: whiskers from the least to the greatest, a box of the middle half, the median. */
export function BoxPlot({ stats, label }) {
    const at = (value) => `${(value * 100).toFixed(2)}%`;
    const { min_value: least, max_value: most, median, percentiles } = stats;
    return html`<svg class="box-plot" role="img" aria-label=${label} width="100%" height="44">
        ${LEVELS.slice(1).map((level) => FLOORS[level]).map((floor) => html`<line class="floor" x1=${at(floor)} x2=${at(floor)} y1="0" y2="44" />`)}
        <line class="whisker" x1=${at(least)} x2=${at(most)} y1="22" y2="22" />
        <rect class="box" x=${at(percentiles["25"])} width=${at(percentiles["75"] - percentiles["25"])} y="9" height="26" rx="3" />
        <line class="median" x1=${at(median)} x2=${at(median)} y1="5" y2="39" />
    </svg>`;
}
