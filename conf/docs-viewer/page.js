/* SPDX-License-Identifier: GPL-3.0-or-later */
"use strict";

/* Ids that only an earlier response can say, with their examples in the document. When a request is sent, the example is
 * replaced by the id of the latest response that had one; the page shows the request as it was sent. */
const EXAMPLES = { batch_id: "00000000000000000000000000000000", recommendation_id: "adaptive-example" };
const ids = {};

function remember(response) {
    for (const name of Object.keys(EXAMPLES))
        ids[name] = new RegExp(`"${name}": ?"([^"]+)"`).exec(response.text)?.[1] ?? ids[name];
    return response;
}

function withIds(request) {
    for (const [name, id] of Object.entries(ids)) {
        request.url = request.url.replace(EXAMPLES[name], id ?? "$&");
        request.body = request.body?.replace?.(EXAMPLES[name], id ?? "$&") ?? request.body;
    }
    return request;
}

/* validatorUrl is null: Swagger UI must not send the API description to an online validator (the page's
 * Content-Security-Policy forbids it too). persistAuthorization is false: a pasted token is lost when the
 * page is closed. */
SwaggerUIBundle({
    url: "openapi.json",
    dom_id: "#reference",
    validatorUrl: null,
    persistAuthorization: false,
    deepLinking: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: -1,
    docExpansion: "list",
    filter: true,
    tryItOutEnabled: true,
    requestInterceptor: withIds,
    responseInterceptor: remember,
});

/* What the viewer leaves out for screen readers and the keyboard: names of fields, landmarks, levels of
 * headings; and an attribute that Chromium asks for. Each row: elements, and the attributes that they get (null removes one). */
const AMENDMENTS = [
    ["#servers", { "aria-label": "Server" }],
    [".body-param__text", { "aria-label": "Request body" }],
    [".auth-container [name=username]", { autocomplete: "off" }],
    [".close-modal", { "aria-label": "Close" }],
    [".auth-btn-wrapper .authorize", { "aria-label": "Authorize: apply credentials" }],
    [".dialog-ux .modal-ux", { role: "dialog", "aria-modal": "true", "aria-label": "Available authorizations" }],
    [".information-container", { role: "region", "aria-label": "About this interface" }],
    [".scheme-container", { role: "region", "aria-label": "Server and authorization" }],
    [":has(> .operation-filter-input)", { role: "search", "aria-label": "Filter by tag" }],
    [".info .title", { role: "heading", "aria-level": "1" }],
    [".opblock-tag, .modal-ux-header h3", { role: "heading", "aria-level": "2" }],
    [".opblock-section-header h4, .auth-container h4, .responses-inner h4", { role: "heading", "aria-level": "3" }],
    [".responses-inner h5", { role: "heading", "aria-level": "4" }],
    [".highlight-code > *, .curl, .table-container", { tabindex: "0" }],
    /* A link in the button that opens an operation; the button alone changes the address, too. */
    [".opblock-summary-control a.nostyle", { href: null }],
];

function amend() {
    for (const [elements, attributes] of AMENDMENTS)
        for (const element of document.querySelectorAll(elements))
            for (const [name, value] of Object.entries(attributes))
                if (value === null)
                    element.removeAttribute(name);
                else if (element.getAttribute(name) !== value)
                    element.setAttribute(name, value);
    for (const element of document.querySelectorAll("[id$=_responses][role=region]"))
        element.setAttribute("aria-label", `Responses of ${element.id.replace(/_responses$/, "")}`);
}

/* Attributes are not observed, so amending does not call itself. */
new MutationObserver(amend).observe(document.getElementById("reference"), { childList: true, subtree: true });
