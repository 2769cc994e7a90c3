// SPDX-License-Identifier: GPL-3.0-or-later
/* Requests to the engine, at the console's own origin. A response to a reading request is kept in memory for
 * a short time, so that going back and forth does not use up the rate limits. */
import { authorization, end, onSession } from "./session.js";

const BASE = new URL("..", document.baseURI);
const FRESH_MS = 60_000;
const TIMEOUT_MS = 30_000;
const LONGEST_WAIT_S = 15; /* of a rate limit that is waited for instead of shown */
const kept = new Map();

class ApiError extends Error {
    constructor(kind, { status = 0, code = "", message = "", details = {}, retryAfter = 0 } = {}) {
        super(message);
        Object.assign(this, { kind, status, code, details, retryAfter });
    }
}

const KINDS = { 401: "signed_out", 403: "forbidden", 404: "missing", 422: "too_little", 429: "limited", 503: "away" };

async function problemOf(response) {
    const body = await response.json().catch(() => ({}));
    const { code, message, details } = body.error ?? {};
    const retryAfter = Number(response.headers.get("Retry-After")) || 0;
    const kind = KINDS[response.status] ?? (response.status >= 500 ? "away" : "refused");
    return new ApiError(kind, { status: response.status, code, message, details, retryAfter });
}

async function send(method, path, body, signed) {
    try {
        return await fetch(new URL(path, BASE), {
            method,
            cache: "no-store",
            credentials: "omit",
            redirect: "error",
            referrerPolicy: "no-referrer",
            signal: AbortSignal.timeout(TIMEOUT_MS),
            headers: { ...signed, ...(body && { "Content-Type": "application/json" }) },
            body: body && JSON.stringify(body),
        });
    } catch (error) {
        throw new ApiError(error.name === "TimeoutError" ? "away" : "offline");
    }
}

const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

/* Repeats a request that a rate limit has refused, when the wait is short. It stays the request of the person
 * who began it, though another one may have signed in since. */
async function request(method, path, body, tries = 3, signed = authorization()) {
    const response = await send(method, path, body, signed);
    if (response.ok)
        return response;
    const problem = await problemOf(response);
    if (problem.kind === "limited" && tries > 0 && problem.retryAfter <= LONGEST_WAIT_S) {
        await pause(Math.max(problem.retryAfter, 1));
        return request(method, path, body, tries - 1, signed);
    }
    if (problem.kind === "signed_out" && signed.Authorization === authorization().Authorization)
        end("signin.ended");
    throw problem;
}

const jsonOf = (response) => (response.status === 204 ? null : response.json());

/* A request that reads. A failed one is not kept. */
export function read(method, path, body) {
    const key = `${method} ${path} ${JSON.stringify(body ?? "")}`;
    const known = kept.get(key);
    if (known && Date.now() - known.at < FRESH_MS)
        return known.promise;
    const promise = request(method, path, body).then(jsonOf);
    kept.set(key, { promise, at: Date.now() });
    promise.catch(() => kept.get(key)?.promise === promise && kept.delete(key));
    return promise;
}

/* A request that changes something: what was read before may no longer be true. */
export async function write(method, path, body) {
    const result = await request(method, path, body).then(jsonOf);
    forget();
    return result;
}

/* Of what is true now: never kept. */
export const fresh = (path) => request("GET", path).then((response) => response.text());
export const freshJson = (path) => request("GET", path).then(jsonOf);

export const forget = () => kept.clear();

/* However a session ends, the next one in this tab may be another person's. */
onSession(forget);

export const get = (path) => read("GET", `api/v1/${path}`);
export const allCohorts = () => get("cohorts?limit=1000");
export const ask = (path, body) => read("POST", `api/v1/${path}`, body);
export const id = encodeURIComponent;
