// SPDX-License-Identifier: GPL-3.0-or-later
/* Pages are named by the URL's fragment, which is never sent to a server. It holds ids of classes, and for
 * students session-local numbers (session.js), because browsers keep fragments in their history. */
import { useEffect, useState } from "./view.js";
import { referenceOf } from "./session.js";

export const link = (...steps) => `#/${steps.map(encodeURIComponent).join("/")}`;
export const studentLink = (student, cohort) =>
    cohort ? link("class", cohort, "student", referenceOf(student)) : link("student", referenceOf(student));
export const go = (...steps) => { location.hash = link(...steps); };

function stepsOf(hash) {
    try {
        return hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
    } catch {
        return [];
    }
}

export function useRoute() {
    const [steps, setSteps] = useState(() => stepsOf(location.hash));
    useEffect(() => {
        const changed = () => setSteps(stepsOf(location.hash));
        addEventListener("hashchange", changed);
        return () => removeEventListener("hashchange", changed);
    }, []);
    return steps;
}
