// SPDX-License-Identifier: GPL-3.0-or-later
/* Who is signed in. The token is in this module's memory and nowhere else: not in the document, not in
 * storage, not in a URL. A reload ends the session. */

let token = null;
let claims = null;
const listeners = new Set();

/* Session-local references to students: fragments hold the number instead of the id, because a student's id
 * is personal data and browsers keep fragments in their history. */
const students = [];

export const user = () => claims;
export const authorization = () => (token ? { Authorization: `Bearer ${token}` } : {});

export function onSession(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
}

const announce = (reason) => listeners.forEach((listener) => listener(reason));

/* The value of a claim by its name or JSON Pointer (RFC 6901), as JWT_ROLE_CLAIM names it. */
function claimOf(payload, name) {
    if (!name.startsWith("/"))
        return payload[name];
    const steps = name.slice(1).split("/").map((step) => step.replace(/~1/g, "/").replace(/~0/g, "~"));
    return steps.reduce((value, step) => value?.[step], payload);
}

const RANKS = ["student", "teacher", "admin"];

/* The highest of the roles that the map knows; null without one. */
function roleOf(payload, config) {
    const own = Object.fromEntries(RANKS.map((role) => [role, role]));
    const map = Object.keys(config.role_map).length ? config.role_map : own;
    const words = [claimOf(payload, config.role_claim)].flat();
    const ranks = words.map((word) => RANKS.indexOf(map[word]));
    return RANKS[Math.max(-1, ...ranks)] ?? null;
}

function payloadOf(text) {
    try {
        const part = text.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
        const bytes = Uint8Array.from(atob(part), (letter) => letter.charCodeAt(0));
        return JSON.parse(new TextDecoder().decode(bytes));
    } catch {
        return null;
    }
}

/* Reads the token to choose the pages to show. The engine alone checks it, with each request. `provider` is the
 * identity provider that has issued it just now (oidc.js). Returns null, or the key of the text that says what is wrong. */
export function begin(text, config, provider = null) {
    const trimmed = text.trim().replace(/^bearer\s+/i, "");
    const payload = payloadOf(trimmed);
    if (!payload || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(trimmed))
        return "signin.not_a_token";
    if (!(payload.exp * 1000 > Date.now()))
        return "signin.expired";
    const role = roleOf(payload, config);
    if (!role)
        return "signin.no_role";
    token = trimmed;
    claims = { id: String(claimOf(payload, config.subject_claim) ?? ""), role, expires: payload.exp * 1000, provider };
    announce();
    return null;
}

export function end(reason) {
    token = claims = null;
    students.length = 0;
    announce(reason);
}

export function referenceOf(id) {
    const known = students.indexOf(id);
    return known >= 0 ? known + 1 : students.push(id);
}

/* The student of a reference; undefined after a reload. */
export const studentOf = (reference) => students[Number(reference) - 1];
