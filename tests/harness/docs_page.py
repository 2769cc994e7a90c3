# SPDX-License-Identifier: GPL-3.0-or-later
"""/docs in a browser, as a reader uses it."""


def enter_token(page, token):
    page.click(".auth-wrapper .authorize")
    page.paste(".dialog-ux #auth-bearer-value", token)
    page.click(".dialog-ux .auth-btn-wrapper .authorize")
    page.click(".dialog-ux .btn-done")


def execute(page, operation, body=None):
    """Sends the operation from the page, with its example or this body; (status, body) as the page shows them."""
    if not page.find(f"{operation}.is-open"):
        page.click(f"{operation} .opblock-summary-control")
    if body:
        page.paste(f"{operation} textarea", body)
    page.click(f"{operation} button.execute")
    live = f"{operation} .live-responses-table .response"
    status = int(page.one(f"{live} .response-col_status").text.split()[0])
    return status, "" if status == 204 else page.one(f"{live} .highlight-code").text


def execute_alone(page, operation):
    """Closes the operation afterwards: the page draws all open ones again with each change."""
    shown = execute(page, operation)
    page.click(f"{operation} .opblock-summary-control")
    return shown
