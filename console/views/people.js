// SPDX-License-Identifier: GPL-3.0-or-later
/* For an admin: one student's page, export and erasure, by id. */
import { html, useState } from "../view.js";
import { id, write } from "../api.js";
import { Card, Problem, ScrollTable } from "../parts.js";
import { studentLink } from "../router.js";
import { number, t } from "../text.js";
import { Export } from "./own_data.js";

export function People() {
    const [student, setStudent] = useState("");
    const submit = (event) => {
        event.preventDefault();
        setStudent(new FormData(event.target).get("student").trim());
    };
    return html`<h1 tabindex="-1">${t("menu.people")}</h1>
        <form class="row" onSubmit=${submit} autocomplete="off">
            <label>${t("people.id")} <input name="student" required autocomplete="off" spellcheck="false" maxlength="128" /></label>
            <button type="submit" class="primary">${t("people.find")}</button>
        </form>
        ${student && html`<div class="cards" key=${student}>
            <${Card} id="page" title=${student}><p><a href=${studentLink(student)}>${t("people.page")}</a></p></${Card}>
            <${Card} id="export" title=${t("export.title")}><${Export} student=${student} /></${Card}>
            <${Card} id="erase" size="wide" title=${t("erase.title")}><${Erase} student=${student} /></${Card}>
        </div>`}`;
}

/* First the counts of what would be deleted, then the id typed once more. */
function Erase({ student }) {
    const [state, setState] = useState({});
    const [typed, setTyped] = useState("");
    const path = `api/v1/compliance/student/${id(student)}`;
    const run = async (address, done) => {
        setState({ ...state, busy: true, error: null });
        try {
            setState(done(await write("DELETE", address)));
        } catch (error) {
            setState({ error });
        }
    };
    const dryRun = () => run(`${path}?dry_run=true`, ({ deleted }) => ({ counts: deleted }));
    const erase = (event) => {
        event.preventDefault();
        if (typed === student)
            run(path, ({ deleted }) => ({ erased: deleted }));
    };
    const { counts, erased, busy, error } = state;
    return html`<p>${t("erase.means")}</p>
        ${error && html`<${Problem} error=${error} />`}
        ${!erased && html`<button type="button" disabled=${busy} onClick=${dryRun}>${t("erase.count")}</button>`}
        ${(erased || counts) && html`<${Counts} counts=${erased ?? counts} caption=${t(erased ? "erase.done" : "erase.would")} />`}
        ${counts && html`<form class="row" onSubmit=${erase} autocomplete="off">
            <label>${t("erase.type")} <input value=${typed} autocomplete="off" spellcheck="false"
                onInput=${(event) => setTyped(event.target.value)} /></label>
            <button type="submit" class="danger" disabled=${busy || typed !== student}>${t("erase.do")}</button>
        </form>`}`;
}

const Counts = ({ counts, caption }) => html`<div role="status">
    <${ScrollTable} hidden=${false} caption=${caption} head=${[t("erase.kind"), t("erase.n")]}
        rows=${Object.entries(counts).filter(([, n]) => n > 0).map(([kind, n]) => [kind, number(n)])} />
</div>`;
