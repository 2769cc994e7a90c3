// SPDX-License-Identifier: GPL-3.0-or-later
/* The classes of the reader: a teacher's own, all for an admin. */
import { html, useState } from "../view.js";
import { allCohorts } from "../api.js";
import { Loaded, Said, useLoad } from "../parts.js";
import { link } from "../router.js";
import { date, t } from "../text.js";

const SEARCH_FROM = 8; /* classes, from which on a search field helps */

export function Classes() {
    const load = useLoad(allCohorts, []);
    const [search, setSearch] = useState("");
    return html`<h1 tabindex="-1">${t("menu.classes")}</h1>
        <${Loaded} load=${load} missing=${t("classes.none")}>
            ${({ cohorts }) => {
                const found = cohorts.filter(({ name, cohort_id }) =>
                    `${name} ${cohort_id}`.toLowerCase().includes(search.toLowerCase()));
                return html`
                    ${cohorts.length === 0 && html`<p class="empty">${t("classes.none")}</p>`}
                    ${cohorts.length >= SEARCH_FROM && html`<label class="search">${t("search")}
                        <input type="search" value=${search} onInput=${(event) => setSearch(event.target.value)} />
                    </label><${Said}>${t("classes.found", { n: found.length })}</${Said}>`}
                    <ul class="classes">${found.map(ClassCard)}</ul>`;
            }}
        </${Loaded}>`;
}

const ClassCard = ({ cohort_id: cohort, name, student_count: n, updated_at: updated }) => html`<li key=${cohort}>
    <a class="card class-card" href=${link("class", cohort)}>
        <strong>${name}</strong>
        <span>${t("students.n", { n })}</span>
        <span class="soft">${t("classes.changed", { date: date(updated) })}</span>
    </a>
</li>`;
