# SPDX-License-Identifier: GPL-3.0-or-later
"""/docs, judged by axe-core: as it opens, with an operation open, and with the dialog for tokens."""
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
