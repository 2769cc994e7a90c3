// SPDX-License-Identifier: GPL-3.0-or-later
/* For an operator: readiness, rates and latencies as they happen, circuit breakers, queues. All of it is
 * measured by the engine (docs/operations.md); the rates are differences of two readings. */
import { html, useState } from "../view.js";
import { fresh, freshJson } from "../api.js";
import { Behind, Card, Problem, ScrollTable, usePoll } from "../parts.js";
import { LiveChart } from "../charts.js";
import { moment, number, percent, t } from "../text.js";

const POLL_MS = 5000; /* 12 requests a minute of the 50 that each route permits */
const POINTS = 60; /* of the chart */

/* The sum of a metric's samples in the Prometheus text, or of those with a label, as it is printed. */
function sumOf(text, name, label = "") {
    const samples = text.matchAll(new RegExp(`^mastery_engine_${name}(?:\\{(.*)\\})? ([\\d.e+-]+)$`, "gm"));
    return [...samples].filter(([, labels = ""]) => labels.includes(label))
        .reduce((sum, [, , value]) => sum + Number(value), 0);
}

const QUEUES = [
    ["queue.journal_lag", (text) => sumOf(text, "journal_lag_seconds")],
    ["queue.published", (text) => sumOf(text, "outbox_events_total", 'status="published"')],
    ["queue.failed", (text) => sumOf(text, "outbox_events_total", 'status="failed"')],
    ["queue.dead", (text) => sumOf(text, "outbox_events_total", 'status="dead"') + sumOf(text, "queue_jobs_total", 'status="dead"')],
    ["queue.jobs", (text) => sumOf(text, "queue_jobs_total", 'status="done"')],
    ["queue.unstored", (text) => sumOf(text, "audit_unstored_total")],
    ["queue.refused", (text) => sumOf(text, "overload_refusals_total")],
];

const DEAD_LETTERS = ["list", "show ID", "retry ID", "drop ID"];

/* /ready is 503 when it is not ready: that is a reading, not a failure. */
async function readinessOf() {
    try {
        return await freshJson("ready");
    } catch (error) {
        if (error.kind !== "away")
            throw error;
        return { status: "not_ready", dependencies: {} };
    }
}

async function reading() {
    const [ready, detailed, text] = await Promise.all([
        readinessOf(),
        freshJson("metrics/detailed").catch((error) => ({ error })),
        fresh("metrics").catch(() => ""),
    ]);
    return { at: Date.now(), ready, detailed, text };
}

/* [upper bound in seconds, requests that took no longer] of all routes together, smallest bound first. */
function durationsOf(text) {
    const counts = {};
    for (const [, bound, n] of text.matchAll(/^mastery_engine_http_request_duration_seconds_bucket\{.*le="([\d.e-]+|\+Inf)"\} (\d+)$/gm))
        counts[bound] = (counts[bound] ?? 0) + Number(n);
    return Object.entries(counts).map(([bound, n]) => [bound === "+Inf" ? Infinity : Number(bound), n]).sort(([a], [b]) => a - b);
}

/* The time in ms within which 95% of the requests between two readings were answered, as Prometheus' histogram_quantile
 * computes it; null without requests, without one of the readings, or when the counters were reset meanwhile. */
function p95Between(before, after) {
    if (before.length === 0 || after.length === 0)
        return null;
    const counts = after.map(([bound, n], i) => [bound, n - before[i][1]]);
    const rank = 0.95 * counts.at(-1)[1];
    if (rank <= 0)
        return null;
    const i = counts.findIndex(([, n]) => n >= rank);
    const [low, below] = counts[i - 1] ?? [0, 0];
    const [bound, n] = counts[i];
    return 1000 * (bound === Infinity ? low : low + (bound - low) * (rank - below) / (n - below));
}

/* Of a reading, what the charts show later. */
const pointsOf = ({ at, detailed: { error, performance }, text }) =>
    (error ? [] : [{ at, requests: performance.requests_total, durations: durationsOf(text) }]);

export function Operator() {
    const [{ last, points, error }, setState] = useState({ points: [] });
    usePoll(reading, {
        done: (next) => {
            setState((before) => ({ last: next, points: [...before.points, ...pointsOf(next)].slice(-POINTS) }));
            return POLL_MS;
        },
        failed: (problem) => {
            setState((before) => ({ ...before, error: problem }));
            return POLL_MS;
        },
    }, []);
    return html`<h1 tabindex="-1">${t("menu.operator")}</h1>
        ${error && html`<${Problem} error=${error} />`}
        ${!last && !error && html`<p class="loading" role="status">${t("loading")}</p>`}
        ${last && html`<div class="cards">
            <${Ready} ready=${last.ready} />
            ${last.detailed.error ? html`<${Card} id="metrics" title=${t("operator.metrics")}>
                <p class="notice">${t(last.detailed.error.kind === "forbidden" ? "operator.no_metrics" : "problem.away")}</p></${Card}>`
                : html`<${Breakers} detailed=${last.detailed} /><${Queues} text=${last.text} />
                    <${Live} points=${points} now=${last.detailed.performance} />
                    <${Endpoints} performance=${last.detailed.performance} />`}
        </div>`}`;
}

const Ready = ({ ready }) => html`<${Card} id="ready" title=${t("operator.ready")}>
    <p class=${`state state-${ready.status}`} role="status">${t(`ready.${ready.status}`)}</p>
    ${ready.reason && html`<p>${ready.reason}</p>`}
    <dl class="pairs">${Object.entries(ready.dependencies).map(([name, state]) => html`<div><dt>${name}</dt><dd>${state}</dd></div>`)}
        ${ready.version && html`<div><dt>${t("operator.version")}</dt><dd>${ready.version}</dd></div>`}
        ${ready.environment && html`<div><dt>${t("operator.environment")}</dt><dd>${ready.environment}</dd></div>`}</dl>
</${Card}>`;

function Live({ points, now }) {
    const later = points.slice(1);
    const rates = later.map(({ at, requests }, i) => Math.max(0, (requests - points[i].requests) * 1000 / (at - points[i].at)));
    const latencies = later.map(({ durations }, i) => p95Between(points[i].durations, durations));
    const times = later.map(({ at }) => at / 1000);
    return html`<${Card} id="live" size="wide" title=${t("operator.live")} what=${t("what.live")}>
        <p class="figures">
            <span><strong>${number(rates.at(-1) ?? null, 1)}</strong> ${t("operator.rate")}</span>
            <span><strong>${number(latencies.at(-1) ?? null, 1)} ms</strong> ${t("operator.p95")}</span>
            <span><strong>${percent(now.error_rate)}</strong> ${t("operator.errors")}</span>
            <span><strong>${number(now.active_requests)}</strong> ${t("operator.active")}</span>
        </p>
        ${times.length > 1 && html`<h3>${t("operator.rate_chart")}</h3>
        <${LiveChart} times=${times} values=${rates} digits=${1} label=${t("operator.rate_chart")} />
        <h3>${t("operator.p95_chart")}</h3>
        <${LiveChart} times=${times} values=${latencies} digits=${1} label=${t("operator.p95_chart")} />
        <${Behind} caption=${t("operator.live")} head=${[t("audit.time"), t("operator.rate"), t("operator.p95")]}
            rows=${times.map((at, i) => [moment(at * 1000), number(rates[i], 1), number(latencies[i], 1)])} />`}
    </${Card}>`;
}

const Breakers = ({ detailed }) => html`<${Card} id="breakers" title=${t("operator.breakers")} what=${t("what.breaker")}>
    <${ScrollTable} caption=${t("operator.breakers")}
        head=${[t("operator.to"), t("operator.state"), t("operator.failures")]}
        rows=${Object.entries(detailed.circuit_breakers).map(([name, { state, failures }]) => [
            name, html`<span class=${`state state-${state}`}>${t(`breaker.${state}`)}</span>`, number(failures),
        ])} />
    <p class="soft">${t("operator.pool", { n: detailed.connection_pool.size, busy: detailed.connection_pool.in_use, reconnects: detailed.connection_pool.reconnects })}</p>
    <p class="soft">${t("operator.cache", { ratio: percent(detailed.cache.hit_ratio) })}</p>
</${Card}>`;

const Queues = ({ text }) => html`<${Card} id="queues" title=${t("operator.queues")} what=${t("what.queues")}>
    <${ScrollTable} caption=${t("operator.queues")} head=${[t("queue.what"), t("queue.value")]}
        rows=${QUEUES.map(([key, value]) => [t(key), number(value(text), 1)])} />
    <p class="soft">${t("queue.dead_letters")}</p>
    <dl class="soft">${DEAD_LETTERS.map((action) => html`<dt><code>mastery-ctl dead ${action}</code></dt>
        <dd>${t(`dead.${action.split(" ")[0]}`)}</dd>`)}</dl>
</${Card}>`;

const Endpoints = ({ performance }) => html`<${Card} id="endpoints" size="wide" title=${t("operator.endpoints")}>
    <${ScrollTable} tall caption=${t("operator.endpoints")}
        head=${[t("operator.endpoint"), t("operator.requests")]}
        rows=${Object.entries(performance.requests_per_endpoint).sort((a, b) => b[1] - a[1]).map(([name, n]) => [name, number(n)])} />
</${Card}>`;
