// SPDX-License-Identifier: GPL-3.0-or-later
/* For an operator: readiness, rates and latencies as they happen, circuit breakers, queues. All of it is
 * measured by the engine (docs/operations.md); the rates are differences of two readings. */
import { html, useEffect, useState } from "../view.js";
import { fresh, freshJson } from "../api.js";
import { Behind, Card, Problem, Scroll, Table } from "../parts.js";
import { LiveChart } from "../charts.js";
import { moment, number, percent, t } from "../text.js";

const POLL_MS = 5000; /* 12 requests a minute of the 50 that each route permits */
const READINGS = 60;

const sampleOf = (text, name) => {
    const found = new RegExp(`^mastery_engine_${name}(?:\\{[^}]*\\})? ([\\d.e+-]+)$`, "gm");
    return [...text.matchAll(found)].reduce((sum, [, value]) => sum + Number(value), 0);
};

/* Of the Prometheus text: labels are matched as they are printed. */
const QUEUES = [
    ["queue.journal_lag", (text) => sampleOf(text, "journal_lag_seconds")],
    ["queue.published", (text) => labelled(text, "outbox_events_total", 'status="published"')],
    ["queue.failed", (text) => labelled(text, "outbox_events_total", 'status="failed"')],
    ["queue.dead", (text) => labelled(text, "outbox_events_total", 'status="dead"') + labelled(text, "queue_jobs_total", 'status="dead"')],
    ["queue.jobs", (text) => labelled(text, "queue_jobs_total", 'status="done"')],
    ["queue.unstored", (text) => sampleOf(text, "audit_unstored_total")],
    ["queue.refused", (text) => sampleOf(text, "overload_refusals_total")],
];

const labelled = (text, name, label) => text.split("\n")
    .filter((line) => line.startsWith(`mastery_engine_${name}{`) && line.includes(label))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);

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

export function Operator() {
    const [readings, setReadings] = useState([]);
    const [error, setError] = useState(null);
    useEffect(() => {
        let current = true, timer = null;
        const look = async () => {
            try {
                const next = await reading();
                if (current)
                    setReadings((before) => [...before, next].slice(-READINGS));
                setError(null);
            } catch (problem) {
                setError(problem);
            }
            if (current)
                timer = setTimeout(look, POLL_MS);
        };
        look();
        return () => {
            current = false;
            clearTimeout(timer);
        };
    }, []);
    const last = readings.at(-1);
    return html`<h1 tabindex="-1">${t("menu.operator")}</h1>
        ${error && html`<${Problem} error=${error} />`}
        ${!last && !error && html`<p class="loading" role="status">${t("loading")}</p>`}
        ${last && html`<div class="cards">
            <${Ready} ready=${last.ready} />
            ${last.detailed.error ? html`<${Card} id="metrics" title=${t("operator.metrics")}>
                <p class="notice">${t(last.detailed.error.kind === "forbidden" ? "operator.no_metrics" : "problem.away")}</p></${Card}>`
                : html`<${Breakers} detailed=${last.detailed} /><${Queues} text=${last.text} />
                    <${Live} readings=${readings.filter(({ detailed }) => !detailed.error)} />
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

function Live({ readings }) {
    const { performance: now } = readings.at(-1).detailed;
    const rates = readings.slice(1).map(({ at, detailed }, i) =>
        Math.max(0, (detailed.performance.requests_total - readings[i].detailed.performance.requests_total) * 1000 / (at - readings[i].at)));
    const times = readings.slice(1).map(({ at }) => at / 1000);
    const p95 = readings.slice(1).map(({ detailed }) => detailed.performance.latency_ms.p95);
    return html`<${Card} id="live" size="wide" title=${t("operator.live")} what=${t("what.live")}>
        <p class="figures">
            <span><strong>${number(rates.at(-1) ?? null, 1)}</strong> ${t("operator.rate")}</span>
            <span><strong>${number(now.latency_ms.p95, 1)} ms</strong> ${t("operator.p95")}</span>
            <span><strong>${percent(now.error_rate)}</strong> ${t("operator.errors")}</span>
            <span><strong>${number(now.active_requests)}</strong> ${t("operator.active")}</span>
        </p>
        ${times.length > 1 && html`<${LiveChart} times=${times} series=${[{ values: rates }]} digits=${1} label=${t("operator.rate_chart")} />
        <${Behind} caption=${t("operator.rate_chart")} head=${[t("audit.time"), t("operator.rate"), t("operator.p95")]}
            rows=${times.map((at, i) => [moment(at * 1000), number(rates[i], 1), number(p95[i], 1)])} />`}
    </${Card}>`;
}

const Breakers = ({ detailed }) => html`<${Card} id="breakers" title=${t("operator.breakers")} what=${t("what.breaker")}>
    <${Scroll} label=${t("operator.breakers")}><${Table} hidden caption=${t("operator.breakers")}
        head=${[t("operator.to"), t("operator.state"), t("operator.failures")]}
        rows=${Object.entries(detailed.circuit_breakers).map(([name, { state, failures }]) => [
            name, html`<span class=${`state state-${state}`}>${t(`breaker.${state}`)}</span>`, number(failures),
        ])} /></${Scroll}>
    <p class="soft">${t("operator.pool", { n: detailed.connection_pool.size, busy: detailed.connection_pool.in_use, reconnects: detailed.connection_pool.reconnects })}</p>
    <p class="soft">${t("operator.cache", { ratio: percent(detailed.cache.hit_ratio) })}</p>
</${Card}>`;

const Queues = ({ text }) => html`<${Card} id="queues" title=${t("operator.queues")} what=${t("what.queues")}>
    <${Scroll} label=${t("operator.queues")}><${Table} hidden caption=${t("operator.queues")} head=${[t("queue.what"), t("queue.value")]}
        rows=${QUEUES.map(([key, value]) => [t(key), number(value(text), 1)])} /></${Scroll}>
    <p class="soft">${t("queue.dead_letters")} <code>mastery-ctl dead list</code></p>
</${Card}>`;

const Endpoints = ({ performance }) => html`<${Card} id="endpoints" size="wide" title=${t("operator.endpoints")}>
    <${Scroll} label=${t("operator.endpoints")} tall><${Table} hidden caption=${t("operator.endpoints")}
        head=${[t("operator.endpoint"), t("operator.requests")]}
        rows=${Object.entries(performance.requests_per_endpoint).sort((a, b) => b[1] - a[1]).map(([name, n]) => [name, number(n)])} />
    </${Scroll}>
</${Card}>`;
