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

/* Scores are cut, so that one just below a threshold does not look as if it had reached it. */
const cut = (score) => percent(Math.floor(score * 100 + 1e-9) / 100);

/* Why a student needs attention: codes and values of docs/mastery-model.md, Attention. */
const REASON_VALUES = {
    low_prediction: (value) => ({ score: cut(value) }),
    fall: (value) => ({ points: number(value * 100) }),
    inactive: (value) => ({ n: value }),
    no_activity: () => ({}),
};

export const reasons = ({ reason_values: values }) =>
    values.map(({ reason, value }) => t(`reason.${reason}`, REASON_VALUES[reason](value)));

/* Why a step is recommended, then what to do: the catalogue's own words. */
export const stepText = ({ reason, area: name, component_value: value, threshold, instruction }) =>
    `${t(`step.${reason}`, { part: area(name), value: cut(value), threshold: cut(threshold) })} ${instruction}`;

/* "quiz:fractions" is a component and a topic. */
export function area(name) {
    const [component, ...topic] = name.split(":");
    const title = t(`component.${component}`);
    return topic.length ? `${title}: ${topic.join(":")}` : title;
}
