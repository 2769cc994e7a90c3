// SPDX-License-Identifier: GPL-3.0-or-later
/* OpenID Connect: authorization code flow with PKCE (RFC 7636) of a public client, by full-page redirect.
 * Over the redirect the browser's session storage holds the code verifier, the state and the page to return
 * to (which names no student), and nothing else; they are removed when they are read. */
const PLACE = "console.sign_in";
const TIMEOUT_MS = 30_000;

const encoded = (bytes) =>
    btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const random = () => encoded(crypto.getRandomValues(new Uint8Array(32)));
const challengeOf = async (verifier) =>
    encoded(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));

const redirectUri = () => new URL(".", document.baseURI).href;

const request = (address, body) => fetch(address, {
    method: body ? "POST" : "GET",
    body,
    credentials: "omit",
    referrerPolicy: "no-referrer",
    signal: AbortSignal.timeout(TIMEOUT_MS),
});

/* What the provider says about a sign-in that it does not allow. */
export class Refusal extends Error {}

async function discovered(config) {
    const address = `${config.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
    const found = await request(address);
    const provider = await found.json();
    if (provider.issuer !== config.issuer)
        throw new Error("the provider names another issuer");
    return provider;
}

/* Browsers offer the digest of PKCE on HTTPS and on the own machine only. */
export const available = (config) => Boolean(config.issuer && config.client_id && globalThis.crypto?.subtle);

const namesStudent = /\/student\/\d+$/;

export async function start(config) {
    const provider = await discovered(config);
    const kept = { verifier: random(), state: random(), page: location.hash.replace(namesStudent, "") };
    sessionStorage.setItem(PLACE, JSON.stringify(kept));
    const address = new URL(provider.authorization_endpoint);
    const query = {
        response_type: "code",
        client_id: config.client_id,
        redirect_uri: redirectUri(),
        scope: config.scope,
        state: kept.state,
        code_challenge: await challengeOf(kept.verifier),
        code_challenge_method: "S256",
    };
    Object.entries(query).forEach(([name, value]) => address.searchParams.set(name, value));
    location.assign(address);
}

/* The kept values of the sign-in that this page load ends; null when it ends none. The code leaves the
 * address, and with it the browser's history, before anything else happens. What a link from elsewhere says is
 * not shown: it does not know the state. */
function returned(config) {
    const query = new URLSearchParams(location.search);
    if (!query.has("code") && !query.has("error"))
        return null;
    const kept = JSON.parse(sessionStorage.getItem(PLACE) ?? "null");
    sessionStorage.removeItem(PLACE);
    history.replaceState(null, "", redirectUri() + (kept?.page ?? ""));
    if (!kept || query.get("state") !== kept.state || (query.get("iss") ?? config.issuer) !== config.issuer)
        throw new Error("the provider did not end this sign-in");
    if (query.has("error"))
        throw new Refusal([query.get("error"), query.get("error_description")].filter(Boolean).join(": "));
    return { code: query.get("code"), verifier: kept.verifier };
}

/* Where the session at the provider ends (OpenID Connect RP-Initiated Logout); null where it cannot be ended from
 * here. Without id_token_hint, whose claims would be in the address: the provider asks the user instead. */
function logoutOf(provider, config) {
    if (!provider.end_session_endpoint)
        return null;
    const address = new URL(provider.end_session_endpoint);
    address.searchParams.set("client_id", config.client_id);
    address.searchParams.set("post_logout_redirect_uri", redirectUri());
    return address.href;
}

/* {token, provider: {logout}} of a sign-in that returns to this page; null when none does. */
export async function finish(config) {
    const kept = returned(config);
    if (!kept)
        return null;
    const provider = await discovered(config);
    const response = await request(provider.token_endpoint, new URLSearchParams({
        grant_type: "authorization_code",
        client_id: config.client_id,
        redirect_uri: redirectUri(),
        code: kept.code,
        code_verifier: kept.verifier,
    }));
    const { access_token: access, id_token: identity } = await response.json();
    const token = [access, identity].find((text) => text?.split(".").length === 3);
    if (!response.ok || !token)
        throw new Error("the provider gave no token that the engine reads");
    return { token, provider: { logout: logoutOf(provider, config) } };
}
