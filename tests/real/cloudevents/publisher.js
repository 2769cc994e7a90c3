// SPDX-License-Identifier: GPL-3.0-or-later
// Publishes learning events with the CloudEvents SDK of JavaScript as its README shows, in the form that FORM
// names. The events are in the environment as JSON. Prints the statuses of the responses.
const { HTTP, CloudEvent, emitterFor, Mode } = require("cloudevents");
const { URL: url, TOKEN, FORM, EVENTS } = process.env;

async function post({ headers, body }) {
    const response = await fetch(url, { method: "POST", headers: { ...headers, Authorization: `Bearer ${TOKEN}` }, body });
    console.log(response.status);
}

function events() {
    return JSON.parse(EVENTS).map(
        (given) => new CloudEvent({ ...given, data: FORM === "base64" ? Buffer.from(JSON.stringify(given.data)) : given.data }),
    );
}

(async () => {
    if (FORM === "batch") {
        // The SDK has no sender for batches: its events print themselves as JSON.
        await post({ headers: { "content-type": "application/cloudevents-batch+json" }, body: JSON.stringify(events()) });
    } else if (FORM === "base64") {
        for (const event of events()) await post(HTTP.structured(event));
    } else {
        const emit = emitterFor(post, { mode: FORM === "binary" ? Mode.BINARY : Mode.STRUCTURED });
        for (const event of events()) await emit(event);
    }
})();
