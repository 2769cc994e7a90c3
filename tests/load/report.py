# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a run of scripts/load: one HTML file without scripts, which loads nothing else."""
import html

from load.runner import percentile

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --faint: #68707a; --line: #d5dae0; --paper: #fff; --a: #0b67b2;
  --b: #b3530b; --good: #157a3b; --bad: #b3211b }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --faint: #98a1ab; --line: #3a424b; --paper: #14181c;
  --a: #62b0f0; --b: #f0a05a; --good: #5cc983; --bad: #ff7b72 } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: 0 } h2 { font-size: 1.1rem; margin-top: 2rem } .faint { color: var(--faint) }
table { border-collapse: collapse; width: 100% } th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: right }
th:first-child, td:first-child { text-align: left } td { font-variant-numeric: tabular-nums } .wide { overflow-x: auto }
.good { color: var(--good); font-weight: 600 } .bad { color: var(--bad); font-weight: 600 }
svg { width: 100%; height: auto } svg text { fill: var(--faint); font-size: 12px } .grid { stroke: var(--line) }
.a { stroke: var(--a); fill: none; stroke-width: 2 } .b { stroke: var(--b); fill: none; stroke-width: 2 }
"""
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 960, 260, 46, 52, 12, 26


def verdicts(results):
    """[(requirement, whether it holds, value)]: the checklist's limits for 50 users; for more, graceful refusals."""
    if results["users"] <= 50:
        return [
            ("more than 100 requests a second", results["requests_per_second"] > 100, results["requests_per_second"]),
            ("errors under 0.1 %", results["error_share"] < 0.001, f"{100 * results['error_share']:.3f} %"),
            ("P95 under 200 ms", results["p95_ms"] < 200, f"{results['p95_ms']} ms"),
        ]
    statuses = ", ".join(f"{status}: {n}" for status, n in results["statuses"].items())
    recovery = results["recovery"]
    return [
        ("refusals only as 429 or 503 with Retry-After", results["graceful"], statuses),
        ("all as before afterwards", results["recovered"], f"P95 {recovery['p95_ms']} ms, {recovery['errors']} refused, {recovery['statuses']}"),
    ]


def print_verdicts(results):
    """Prints the figures and the limits. Returns whether all hold."""
    print(
        f"{results['requests']} requests, {results['requests_per_second']} a second, P50 {results['p50_ms']} ms, "
        f"P95 {results['p95_ms']} ms, P99 {results['p99_ms']} ms, {results['errors']} errors, {results['statuses']}"
    )
    found = verdicts(results)
    for what, holds, seen in found:
        print(f"{'ok  ' if holds else 'FAIL'}  {what}: {seen}")
    return all(holds for _, holds, _ in found)


def nice(top):
    """A round number not under top, for the end of an axis."""
    power = 1
    while power * 10 < top:
        power *= 10
    return next(power * step for step in (1, 2, 5, 10) if power * step >= top)


def by_second(samples):
    seconds = {}
    for sample in samples:
        seconds.setdefault(int(sample.at), []).append(sample.ms)
    return [seconds.get(i, []) for i in range(max(seconds, default=0) + 1)]


def curve(values, top, css):
    step = (WIDTH - LEFT - RIGHT) / max(1, len(values) - 1)
    height = HEIGHT - TOP - BOTTOM
    points = " ".join(f"{LEFT + i * step:.1f},{TOP + height * (1 - value / top):.1f}" for i, value in enumerate(values))
    return f'<polyline class="{css}" points="{points}"/>'


def chart(samples):
    """Requests a second (left axis) and their P95 (right axis)."""
    seconds = by_second(samples)
    rates, slow = [len(times) for times in seconds], [percentile(times, 0.95) for times in seconds]
    rate_top, slow_top = nice(max([1, *rates])), nice(max([1, *slow]))
    lines = []
    for i in range(5):
        y = TOP + (HEIGHT - TOP - BOTTOM) * i / 4
        lines.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        lines.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{rate_top * (4 - i) / 4:g}</text>')
        lines.append(f'<text x="{WIDTH - RIGHT + 6}" y="{y + 4}">{slow_top * (4 - i) / 4:g}</text>')
    for share in (0, 0.5, 1):
        x = LEFT + (WIDTH - LEFT - RIGHT) * share
        lines.append(f'<text x="{x}" y="{HEIGHT - 6}" text-anchor="middle">{len(seconds) * share:.0f} s</text>')
    lines += [curve(rates, rate_top, "a"), curve(slow, slow_top, "b")]
    title = "Requests a second, and the 95th percentile of their duration, by second"
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">{"".join(lines)}</svg>'


def endpoint_rows(samples):
    names = {}
    for sample in samples:
        names.setdefault(sample.name, []).append(sample)
    for name, found in sorted(names.items(), key=lambda item: -len(item[1])):
        times = [sample.ms for sample in found]
        refused = sum(sample.status in (429, 503) for sample in found)
        wrong = sum(not sample.graceful for sample in found)
        marks = [f"{percentile(times, share):.1f}" for share in (0.5, 0.95, 0.99)]
        yield [html.escape(name), len(found), refused, wrong, *marks, f"{max(times):.1f}"]


def table(heads, rows):
    head = "".join(f"<th>{cell}</th>" for cell in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def page(results, samples):
    marks = {True: '<span class="good">holds</span>', False: '<span class="bad">does not hold</span>'}
    rows = [[what, marks[bool(holds)], html.escape(str(seen))] for what, holds, seen in verdicts(results)]
    heads = ["Endpoint", "Requests", "Refused", "Wrong", "P50 ms", "P95 ms", "P99 ms", "Longest ms"]
    facts = f"{results['requests']} requests in {results['seconds']} s by {results['users']} users, {html.escape(results['url'])}, "
    facts += f"version {html.escape(results['version'])}, commit {html.escape(results['commit'])}, {results['time']}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Load: {results["users"]} users</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
        f'<h1>Load of {results["users"]} users</h1><p class="faint">{facts}</p>{table(["", "", ""], rows)}'
        f'<h2>By second</h2><p><span class="a" style="color:var(--a)">━ requests a second (left)</span> '
        f'<span style="color:var(--b)">━ P95 in ms (right)</span></p>{chart(samples)}'
        f"<h2>By endpoint</h2>{table(heads, endpoint_rows(samples))}"
        f'<p class="faint">Refused: 429 or 503. Wrong: any other status that is not right, and refusals '
        f"without Retry-After. Durations are as the callers see them. The curve includes the start of the users, the "
        f"figures above do not.</p></html>\n"
    )
