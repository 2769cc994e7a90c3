/* SPDX-License-Identifier: GPL-3.0-or-later */
"use strict";

/* Nothing leaves this origin (the page's policy forbids it too), and a pasted token is forgotten with
 * the page. */
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
});
