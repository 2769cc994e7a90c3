/* SPDX-License-Identifier: GPL-3.0-or-later */
"use strict";

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
});
