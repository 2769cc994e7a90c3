# SPDX-License-Identifier: GPL-3.0-or-later
"""/docs, judged by axe-core: as it opens, with an operation open, and with the dialog for tokens; and each operation
executed as it stands there."""
from harness.docs_page import enter_token, execute_alone
from harness.expect import assert_ok

QUERY = "#operations-mastery-mastery-query"


def test_the_reference_page_is_accessible_in_each_state(page):
    page.show()
    page.open(f"{page.engine.base_url}/docs")
    page.one(".opblock")
    assert page.judged() == []
    page.click(f"{QUERY} .opblock-summary-control")
    page.one(f"{QUERY} textarea")
    assert page.judged() == []
    page.click(".auth-wrapper .authorize")
    page.one("[role=dialog]")
    assert page.judged() == []
    page.clean()


# What the operations that come later need is in the responses of these.
FIRST = ("batch-submit", "recommendations-adaptive")


def executable(document):
    """(element, summary) of the operations that a reader with a token can try; those that delete come to nothing."""
    found = [
        (operation["operationId"] not in FIRST, f"#operations-{operation['tags'][0]}-{operation['operationId']}")
        for item in document["paths"].values()
        for method, operation in item.items()
        if method in ("get", "post", "put") and operation.get("x-listener") != "sidecar"
    ]
    return [element for _, element in sorted(found)]


def test_execute_works_at_the_first_click_with_the_demo_class(page):
    page.show()
    page.open(f"{page.engine.base_url}/docs")
    page.one(".opblock")
    enter_token(page, page.engine.token("admin-1", "admin"))
    operations = executable(assert_ok(page.engine.client().get("/openapi.json")))
    assert len(operations) > 40
    statuses = {element: execute_alone(page, element) for element in operations}
    assert not {element: found for element, found in statuses.items() if not 200 <= found[0] < 300}
