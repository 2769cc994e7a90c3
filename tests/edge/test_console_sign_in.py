# SPDX-License-Identifier: GPL-3.0-or-later
"""The console's sign-in by OpenID Connect: the code flow with PKCE in Chromium, at a stand-in for a provider. The real
Keycloak is in tests/real/identity."""
import json

import pytest
from harness.browser import Browser
from harness.engine import Engine
from harness.provider import SignInProvider

KEPT = "return [document.documentElement.outerHTML, location.href, localStorage.length + sessionStorage.length]"


@pytest.fixture(scope="module")
def provider():
    with SignInProvider() as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    with Browser() as running:
        yield running


@pytest.fixture(scope="module")
def console(provider):
    settings = {"JWT_SECRET": None, "JWT_ALGORITHM": "ES256", "OIDC_ISSUER": provider.issuer}
    with Engine(CONSOLE_CLIENT_ID="mastery-console", **settings) as engine:
        yield f"{engine.base_url}/console/"


@pytest.fixture
def page(browser, console, provider):
    provider.answer = None
    browser.open("about:blank")
    browser.open(console)
    browser.one("#token")
    return browser


def to_provider(page):
    page.click(".sign-in p .primary")


def assert_nothing_is_kept(page):
    source, address, kept = page.script(KEPT)
    assert "eyJ" not in source and "?" not in address and kept == 0
    assert not page.driver.get_cookies()
    assert page.violations() == [] and page.complaints() == []


def test_a_user_signs_in_and_nothing_is_kept(page, console, provider):
    to_provider(page)
    page.says("You have no classes yet")
    begun, ended = provider.asked["/authorize"], provider.asked["/token"]
    assert begun["response_type"] == "code" and begun["code_challenge_method"] == "S256"
    assert begun["client_id"] == ended["client_id"] == "mastery-console"
    assert begun["redirect_uri"] == ended["redirect_uri"] == console
    assert "client_secret" not in ended
    assert_nothing_is_kept(page)


def test_signing_out_ends_the_session_at_the_provider_too(page, console, provider):
    to_provider(page)
    page.click(".who button")
    page.one("#token")
    assert provider.asked["/logout"] == {"client_id": "mastery-console", "post_logout_redirect_uri": console}
    assert_nothing_is_kept(page)


def test_a_provider_that_has_no_sign_out_leaves_it_to_the_user(page, provider):
    endpoint = provider.metadata.pop("end_session_endpoint")
    try:
        to_provider(page)
        page.click(".who button")
        page.says("sign out there too", css=".problem")
    finally:
        provider.metadata["end_session_endpoint"] = endpoint


def test_a_pasted_token_signs_out_here_alone(page, provider):
    provider.asked.pop("/logout", None)
    page.paste("#token", provider.keys[0].token("someone", "teacher", iss=provider.issuer))
    page.click(".sign-in form button")
    page.click(".who button")
    page.says("You are signed out.", css=".problem")
    assert "/logout" not in provider.asked


def test_what_the_provider_refuses_is_shown(page, provider):
    provider.answer = {"error": "access_denied", "error_description": "Outside of <b>school</b> hours"}
    to_provider(page)
    page.says("access_denied: Outside of <b>school</b> hours", css=".problem")
    assert_nothing_is_kept(page)


@pytest.mark.parametrize("wrong", [{"state": "another"}, {"iss": "https://login.example"}])
def test_a_response_to_another_sign_in_is_refused(page, provider, wrong):
    provider.answer = {"error": "access_denied", "error_description": "call 555", **wrong}
    to_provider(page)
    page.says("did not succeed", css=".problem")
    assert "555" not in page.text(), "whoever made this link chose the text"
    provider.answer = {"code": "a-code", **wrong}
    to_provider(page)
    page.says("did not succeed", css=".problem")
    assert_nothing_is_kept(page)


def test_a_link_with_a_code_is_refused(page, console):
    page.open(f"{console}?code=a-code&state=any")
    page.says("did not succeed", css=".problem")
    assert_nothing_is_kept(page)


def test_a_document_of_another_issuer_is_refused(page, provider):
    provider.metadata["issuer"] = "https://login.example"
    try:
        to_provider(page)
        page.says("did not succeed", css=".problem")
    finally:
        del provider.metadata["issuer"]


def test_a_provider_that_is_away_is_named(page, provider):
    provider.stop()
    try:
        to_provider(page)
        page.says("did not succeed", css=".problem")
        assert page.complaints(), "the browser says that the connection was refused"
    finally:
        provider.start()


def test_a_role_that_nobody_knows_is_named(page, provider):
    provider.role = "janitor"
    try:
        to_provider(page)
        page.says("names no role", css=".problem")
    finally:
        provider.role = "teacher"


def test_the_policy_names_the_provider_for_requests_alone(page, console, provider):
    policy = page.script("return fetch(location.href).then((page) => page.headers.get('Content-Security-Policy'))")
    parts = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    origin = provider.issuer.removesuffix("/realms/school")
    assert parts.pop("connect-src") == f"'self' {origin}"
    assert origin not in json.dumps(parts)
