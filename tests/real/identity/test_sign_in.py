# SPDX-License-Identifier: GPL-3.0-or-later
"""The console's sign-in at a real Keycloak: the code flow with PKCE in a real Chromium, and how it fails."""
import base64
import hashlib
import ssl
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from harness.browser import Browser
from harness.client import Client
from harness.engine import Engine

PASSWORD = "a password of a user"
KEPT = "return [document.documentElement.outerHTML, location.href, localStorage.length + sessionStorage.length]"


@pytest.fixture(scope="module")
def console(keycloak):
    """An engine with a class of the teacher's, whose console is a client of the realm."""
    settings = {
        "JWT_SECRET": None, "JWT_ALGORITHM": "RS256", "JWT_ROLE_CLAIM": "/realm_access/roles",
        "JWT_AUDIENCE": "account", "OIDC_ISSUER": keycloak.issuer, "CONSOLE_CLIENT_ID": "mastery-console",
        "JWT_CA_FILE": str(keycloak.authority.path),
    }  # fmt: skip
    with Engine(**settings) as engine:
        keycloak.make_console(engine.base_url)
        teacher = jwt.decode(keycloak.token("teacher-1"), options={"verify_signature": False})["sub"]
        cohort = {"name": "Class 7b", "teacher_ids": [teacher], "student_ids": ["s-101"]}
        admin = Client(engine.base_url, keycloak.token("admin-1"))
        assert admin.put("/api/v1/cohorts/7b", cohort).status == 201
        yield engine


def pin(keycloak):
    """Of the server's key: what Chromium accepts though no authority of the system has signed it."""
    pem = ssl.get_server_certificate(("localhost", keycloak.port))
    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


@pytest.fixture
def page(keycloak, console):
    keycloak.change_console(**{"access.token.lifespan": ""})
    with Browser(f"--ignore-certificate-errors-spki-list={pin(keycloak)}") as browser:
        browser.console = f"{console.base_url}/console/"
        browser.open(browser.console)
        yield browser
    keycloak.end_sessions()


def to_provider(page):
    page.click(".sign-in p .primary")


def sign_in(page, user="teacher-1"):
    to_provider(page)
    page.paste("#username", user)
    page.paste("#password", PASSWORD)
    page.click("#kc-login")


def test_a_teacher_signs_in_and_the_token_is_in_memory_only(page, console):
    sign_in(page)
    page.says("Class 7b")
    source, address, kept = page.script(KEPT)
    assert address == f"{page.console}#/" or address == page.console
    assert "eyJ" not in source and kept == 0 and not page.driver.get_cookies()
    assert page.violations() == [] and page.complaints() == []
    page.driver.refresh()
    page.one("#token")
    assert "code=" not in (console.state_dir / "log/access.log").read_text()


def test_the_page_that_one_came_for_is_shown_afterwards(page):
    page.open("about:blank")
    page.open(f"{page.console}#/class/7b")
    sign_in(page)
    page.says("Class 7b", css="h1")


def test_signing_out_ends_the_session_at_the_provider_too(page):
    sign_in(page)
    page.says("Class 7b")
    page.click(".who button")
    page.click("#kc-logout")
    page.one("#token")
    to_provider(page)
    assert page.one("#username"), "the next person is not signed in as the first"


def test_an_expired_token_leads_to_signing_in_again(page, keycloak):
    keycloak.change_console(**{"access.token.lifespan": "60"})
    sign_in(page)
    page.says("Class 7b")
    page.says("Your session has ended")
    to_provider(page)
    page.says("Class 7b")  # without a password: the session at the provider goes on


def test_another_state_is_refused(page):
    to_provider(page)
    page.one("#username")
    page.open(f"{page.console}?code=abc&state=wrong")
    page.says("did not succeed", css=".problem")
    source, address, kept = page.script(KEPT)
    assert "code=" not in address and kept == 0


def test_a_code_of_another_sign_in_is_refused(page):
    """Without the verifier of the page that began it: what an attacker's link would have."""
    to_provider(page)
    page.one("#username")
    begun = parse_qs(urlsplit(page.driver.current_url).query)
    page.open(page.console)
    page.script("sessionStorage.clear()")
    page.open(f"{page.console}?{urlencode({'code': 'abc', 'state': begun['state'][0]})}")
    page.says("did not succeed", css=".problem")


def test_an_error_of_the_provider_is_shown(page):
    page.script("history.replaceState(null, '', '#/')")
    to_provider(page)
    page.one("#username")
    address = page.driver.current_url.replace("code_challenge_method=S256", "code_challenge_method=plain")
    page.open(address)
    page.says("invalid_request", css=".problem")
    assert page.script(KEPT)[2] == 0


def test_a_user_without_a_role_is_told(page):
    sign_in(page, "guest-1")
    page.says("names no role", css=".problem")


def test_signing_in_without_the_provider_says_so(page, keycloak):
    keycloak.stop()
    try:
        to_provider(page)
        page.says("did not succeed", css=".problem")
    finally:
        keycloak.start()
