// SPDX-License-Identifier: GPL-3.0-or-later
/* Starts the console: configuration, language, sign-in, and the frame around the pages. */
import { html, render, useEffect, useRef, useState } from "./view.js";
import { link, useRoute } from "./router.js";
import { end, onSession, user } from "./session.js";
import { SignIn, signInByAddress } from "./sign_in.js";
import { LANGUAGES, currentLanguage, preferredLanguage, setLanguage, t } from "./text.js";
import { menuOf, pageOf, placeOf } from "./pages.js";

function Header({ steps, onLanguage }) {
    const known = user();
    return html`<header class="top">
        <a class="skip" href="#main" onClick=${skip}>${t("skip")}</a>
        <a class="brand" href=${link()}><img src="icon.svg" alt="" width="28" height="28" /> ${t("brand")}</a>
        ${known && html`<nav aria-label=${t("menu")}>
            ${menuOf(known.role).map(([path, title]) => html`<a href=${link(path)}
                aria-current=${path === placeOf(known.role, steps) ? "page" : null}>${t(title)}</a>`)}
        </nav>`}
        <div class="who">
            ${known && html`<span class="soft">${t(`role.${known.role}`)}</span>`}
            <select aria-label=${t("language")} value=${currentLanguage()} onChange=${(event) => onLanguage(event.target.value)}>
                ${Object.entries(LANGUAGES).map(([code, name]) => html`<option value=${code}
                    selected=${code === currentLanguage()}>${name}</option>`)}
            </select>
            ${known && html`<button type="button" onClick=${signOut}>${t("sign_out")}</button>`}
        </div>
    </header>`;
}

/* The fragment names the page, so a link to #main would lead to another one. */
function skip(event) {
    event.preventDefault();
    document.querySelector("#main h1")?.focus();
}

/* The session at the provider ends too: otherwise the next person at this computer would be signed in as this one
 * without a password. */
function signOut() {
    const { provider } = user();
    end(provider && !provider.logout ? "signin.signed_out_here" : "signin.signed_out");
    if (provider?.logout)
        location.assign(provider.logout);
}

/* Moves the focus to the new page's heading, as a browser does when it loads a page. Titles name no student:
 * browsers keep them in their history. */
function Page({ steps }) {
    const place = useRef(null);
    const { View, title, props } = pageOf(user().role, steps);
    useEffect(() => {
        document.title = `${t(title)} – ${t("brand")}`;
        place.current.querySelector("h1")?.focus();
        scrollTo(0, 0);
    }, [steps.join("/")]);
    return html`<main id="main" ref=${place}><${View} key=${steps.join("/")} ...${props} /></main>`;
}

function App({ config, firstMessage }) {
    const [, redraw] = useState(0);
    const [reason, setReason] = useState(firstMessage);
    const steps = useRoute();
    useEffect(() => onSession((message) => {
        setReason(message ?? null);
        redraw((count) => count + 1);
    }), []);
    useExpiry();
    const onLanguage = (code) => setLanguage(code).then(() => redraw((count) => count + 1));
    return html`<${Header} steps=${steps} onLanguage=${onLanguage} />
        ${user() ? html`<${Page} steps=${steps} />`
            : html`<main id="main"><${SignIn} key=${reason} config=${config} reason=${reason} /></main>`}`;
}

/* Ends the session when the token does, so that what it showed does not stay on the screen. */
function useExpiry() {
    const expires = user()?.expires;
    useEffect(() => {
        if (!expires)
            return undefined;
        const timer = setInterval(() => Date.now() >= expires && end("signin.ended"), 5000);
        return () => clearInterval(timer);
    }, [expires]);
}

async function start() {
    const response = await fetch("config.json", { cache: "no-store" });
    const config = await response.json();
    await setLanguage(preferredLanguage()).catch(() => setLanguage("en"));
    const message = await signInByAddress(config);
    const place = document.getElementById("app");
    place.replaceChildren();
    render(html`<${App} config=${config} firstMessage=${message} />`, place);
}

start();
