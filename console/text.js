// SPDX-License-Identifier: GPL-3.0-or-later
/* Texts, numbers and dates in the reader's language. strings/en.js is complete; another language is one more
 * file with the same keys and a row in LANGUAGES. */
import english from "./strings/en.js";

export const LANGUAGES = { en: "English", de: "Deutsch" };
const loaded = { en: english };
let language = "en";
let strings = english;

export const currentLanguage = () => language;

export async function setLanguage(code) {
    loaded[code] ??= (await import(`./strings/${code}.js`)).default;
    [language, strings] = [code, loaded[code]];
    document.documentElement.lang = code;
}

export const preferredLanguage = () =>
    navigator.languages.map((name) => name.slice(0, 2)).find((name) => name in LANGUAGES) ?? "en";

/* The formatter or the rules of a kind, in the reader's language. Making one takes far longer than using it. */
const formatters = new Map();
function made(Kind, options) {
    const key = `${language} ${Kind.name} ${JSON.stringify(options)}`;
    if (!formatters.has(key))
        formatters.set(key, new Kind(language, options));
    return formatters.get(key);
}

/* The text of a key, its {words} replaced. A text with forms for numbers chooses by `n`. */
export function t(key, values = {}) {
    let text = strings[key] ?? english[key] ?? key;
    if (typeof text === "object")
        text = text[made(Intl.PluralRules).select(values.n)] ?? text.other;
    return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export const has = (key) => key in english;

const format = (options) => (value) => made(Intl.NumberFormat, options).format(value);
const whole = format({ style: "percent", maximumFractionDigits: 0 });
const points = format({ maximumFractionDigits: 1, signDisplay: "exceptZero" });

export const number = (value, digits = 0) =>
    value === null || value === undefined ? "–" : format({ maximumFractionDigits: digits })(value);
export const decimalSign = () => made(Intl.NumberFormat).formatToParts(0.5).find(({ type }) => type === "decimal").value;
export const percent = (score) => (score === null || score === undefined ? "–" : whole(score));
/* A difference of two scores, in percentage points. */
export const change = (value, digits = 0) =>
    value === null || value === undefined ? "–" : points(Number((value * 100).toFixed(digits)));

const day = (options) => (value) =>
    made(Intl.DateTimeFormat, { timeZone: "UTC", ...options }).format(new Date(value));
export const date = day({ dateStyle: "medium" });
export const shortDate = day({ day: "numeric", month: "short" });
export const weekday = day({ weekday: "short" });
export const clock = (value) => made(Intl.DateTimeFormat, { timeStyle: "medium" }).format(new Date(value));
export const moment = (value) =>
    made(Intl.DateTimeFormat, { dateStyle: "medium", timeStyle: "short" }).format(new Date(value));

export function ago(time) {
    if (!time)
        return t("never");
    const days = Math.floor(Date.now() / 864e5) - Math.floor(Date.parse(time) / 864e5);
    return made(Intl.RelativeTimeFormat, { numeric: "auto" }).format(-days, "day");
}

/* The engine's English reasons, in the reader's language: the table is docs/mastery-model.md, Attention. */
const REASONS = [
    [/^a score of ([\d.]+) is predicted/, "reason.predicted", (_, { predicted_score: score }) => ({ score: percent(Math.min(score, 0.49)) })],
    [/^the score fell by ([\d.]+)/, "reason.fell", (found) => ({ points: number(Number(found) * 100) })],
    [/^has not been active for (\d+)/, "reason.inactive", (found) => ({ n: Number(found) })],
    [/^(no activity yet)/, "reason.none", () => ({})],
];

export function reason(text, student) {
    for (const [pattern, key, values] of REASONS) {
        const found = pattern.exec(text);
        if (found)
            return t(key, values(found[1], student));
    }
    return text;
}

/* The sentence with which a recommendation begins (conf/recommendations.json), with percent as everywhere else. Scores
 * are cut, so that one just below the threshold does not look as if it had reached it. */
const WHY_STEP = [
    [/^Your (\w+) is ([\d.]+), below the threshold of ([\d.]+)\. /, "step.gap"],
    [/^Your (\w+) is ([\d.]+), so the threshold of ([\d.]+) is reached\. /, "step.new"],
    [/^Nothing is known about your (\w+) yet \(threshold ([\d.]+)\)\. /, "step.unknown"],
    [/^Nothing is known about your work yet\. /, "step.starter"],
];
const cut = (score) => percent(Math.floor(score * 100 + 1e-9) / 100);

/* A recommendation's description; an unknown sentence stays as it is. */
export function stepText(description) {
    for (const [pattern, key] of WHY_STEP) {
        const found = pattern.exec(description);
        if (found)
            return `${t(key, { part: t(`component.${found[1]}`), first: cut(found[2]), second: cut(found[3]) })} ${description.slice(found[0].length)}`;
    }
    return description;
}

/* "quiz:fractions" is a component and a topic. */
export function area(name) {
    const [component, ...topic] = name.split(":");
    const title = t(`component.${component}`);
    return topic.length ? `${title}: ${topic.join(":")}` : title;
}
