// SPDX-License-Identifier: GPL-3.0-or-later
/* The pages of each role. The engine decides what a token may do; this table decides what is offered. */
import { html } from "./view.js";
import { studentOf, user } from "./session.js";
import { link } from "./router.js";
import { t } from "./text.js";
import { Classes } from "./views/classes.js";
import { Class } from "./views/class.js";
import { Compare } from "./views/compare.js";
import { Student } from "./views/student.js";
import { OwnData } from "./views/own_data.js";
import { Operator } from "./views/operator.js";
import { Batches } from "./views/batches.js";
import { Audit } from "./views/audit.js";
import { People } from "./views/people.js";

/* Each role begins at its first page. */
const MENU = {
    student: ["me", "my-data"],
    teacher: ["classes", "compare"],
    admin: ["classes", "compare", "operator", "batches", "audit", "people"],
};

const TEACHERS = ["teacher", "admin"];
const PAGES = {
    classes: { roles: TEACHERS, View: Classes, title: "menu.classes" },
    class: { roles: TEACHERS, View: Class, title: "class", props: ([cohort]) => ({ cohort }) },
    compare: { roles: TEACHERS, View: Compare, title: "menu.compare", props: ([a, b]) => ({ a, b }) },
    me: { roles: ["student"], View: Student, title: "menu.me", props: () => ({ student: user().id, own: true }) },
    "my-data": { roles: ["student"], View: OwnData, title: "menu.my_data" },
    operator: { roles: ["admin"], View: Operator, title: "menu.operator" },
    batches: { roles: ["admin"], View: Batches, title: "menu.batches" },
    audit: { roles: ["admin"], View: Audit, title: "menu.audit" },
    people: { roles: ["admin"], View: People, title: "menu.people" },
};

export const menuOf = (role) => MENU[role].map((name) => [name, PAGES[name].title]);

const UNDER = { class: "classes", student: "people" };

/* The fragment may be any text, such as "constructor", which every object has. */
const own = (table, name) => (Object.hasOwn(table, name) ? table[name] : undefined);

/* The entry of the menu under which a page is. */
export const placeOf = (role, [name = MENU[role][0]]) => own(UNDER, name) ?? name;

/* The page of a student; the reference is unknown after a reload. */
function studentPage(reference, cohort) {
    const student = studentOf(reference);
    return student ? { View: Student, title: "student", props: { student, cohort } }
        : { View: Unknown, title: "student", props: { text: "unknown.student", cohort } };
}

export function pageOf(role, steps) {
    const [name = MENU[role][0], ...more] = steps;
    if (TEACHERS.includes(role) && name === "class" && more[1] === "student")
        return studentPage(more[2], more[0]);
    if (TEACHERS.includes(role) && name === "student")
        return studentPage(more[0]);
    const page = own(PAGES, name);
    if (!page?.roles.includes(role))
        return { View: Unknown, title: "unknown", props: { text: page ? "unknown.role" : "unknown.page" } };
    return { View: page.View, title: page.title, props: page.props?.(more) ?? {} };
}

const Unknown = ({ text, cohort }) => html`
    <h1 tabindex="-1">${t("unknown")}</h1>
    <div class="notice"><p>${t(text)}</p>
        <p><a href=${cohort ? link("class", cohort) : link()}>${t(cohort ? "unknown.to_class" : "unknown.to_start")}</a></p>
    </div>`;
