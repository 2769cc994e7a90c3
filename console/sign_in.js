// SPDX-License-Identifier: GPL-3.0-or-later
/* The sign-in page: a pasted token, or the identity provider. */
import { html, useRef, useState } from "./view.js";
import { begin } from "./session.js";
import * as oidc from "./oidc.js";
import { t } from "./text.js";

const DEVELOPMENT_LINK = /^#token=([\w.-]+)$/;

/* In development scripts/run prints a link with a token in its fragment. It is removed from the address and
 * from this entry of the history at once. Elsewhere such a link is not followed: it could sign a reader in as
 * somebody else. */
function tokenOfLink(config) {
    const found = DEVELOPMENT_LINK.exec(location.hash);
    if (!found)
        return null;
    history.replaceState(null, "", "#/");
    return config.environment === "development" ? found[1] : null;
}

/* Signs in by what the address carries. Returns a message, or null. */
export async function signInByAddress(config) {
    try {
        const token = tokenOfLink(config);
        const found = token ? { token } : config.issuer ? await oidc.finish(config) : null;
        return found && begin(found.token, config, found.provider);
    } catch (error) {
        return error instanceof oidc.Refusal
            ? ["signin.provider_refused", { error: error.message }] : "signin.provider_failed";
    }
}

/* A message is the key of a text, or a list of a key and values. */
export function SignIn({ config, reason }) {
    const [message, setMessage] = useState(reason);
    const field = useRef(null);
    const submit = (event) => {
        event.preventDefault();
        const text = field.current.value;
        field.current.value = "";
        setMessage(begin(text, config));
        field.current?.focus();
    };
    const provider = () => oidc.start(config).catch(() => setMessage("signin.provider_failed"));
    return html`<div class="sign-in card">
        <h1 tabindex="-1">${t("signin.title")}</h1>
        <p>${t("signin.purpose")}</p>
        ${message && html`<div class="notice problem" role="alert"><p>${t(...[message].flat())}</p></div>`}
        ${oidc.available(config) && html`<p>
            <button type="button" class="primary" onClick=${provider}>${t("signin.provider")}</button>
        </p>`}
        <form onSubmit=${submit} autocomplete="off">
            <label for="token">${t("signin.token")}</label>
            <input id="token" ref=${field} type="password" autocomplete="off" spellcheck="false" required
                aria-describedby="token-help" />
            <p id="token-help" class="soft">${t("signin.token_help")}</p>
            <button type="submit" class="primary">${t("signin.enter")}</button>
        </form>
        <p class="soft">${t("signin.memory")}</p>
    </div>`;
}
