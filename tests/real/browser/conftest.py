# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Chromium on the console and /docs of an engine with its demo classes, through the real nginx with its
rate limits; accessibility is judged by axe-core."""
from pathlib import Path

import pytest
from harness.browser import Browser
from harness.engine import Engine
from harness.real import built
from harness.wait import wait_for

RUN_AXE = """
const done = arguments[0];
axe.run(document, {resultTypes: ["violations"]}).then(({violations}) => done(violations.map(
    ({id, nodes}) => `${id}: ${nodes.slice(0, 3).map(({target}) => target.join(" ")).join("; ")} (${nodes.length})`)));
"""
PHONE, DESK = 320, 1280


@pytest.fixture(scope="session")
def axe():
    return Path(built(Path(__file__).parent)).read_text()


@pytest.fixture(scope="module")
def demo():
    """An engine for each file: what the reference page executes changes the demo class, too."""
    with Engine(NO_SEED="", RATE_LIMITS="on", ENVIRONMENT="development") as engine:
        yield engine


class Page(Browser):
    """A browser that knows the console."""

    axe = None
    engine = None

    def show(self, width=DESK, dark=False):
        size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def sign_in(self, user, role):
        self.show()
        self.open("about:blank")
        self.open(f"{self.engine.base_url}/console/")
        self.paste("#token", self.engine.token(user, role))
        self.click(".sign-in form button")
        self.settled()

    def go(self, fragment):
        self.driver.execute_script("location.hash = arguments[0]", fragment)
        self.settled()

    def settled(self):
        """Nothing is loading any more."""
        wait_for(lambda: self.find("main h1") and not self.find(".loading"), "page loaded", timeout=60)

    def judged(self):
        """axe-core's violations in both colour schemes, on a desk and on a phone, where nothing may be wider
        than the window."""
        self.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": self.axe})
        found = []
        for width in (DESK, PHONE):
            for dark in (False, True):
                self.show(width, dark)
                found += [f"{width} dark={dark} {text}" for text in self.driver.execute_async_script(RUN_AXE)]
            if self.script("return document.documentElement.scrollWidth") > width:
                found.append(f"wider than {width}")
        self.show()
        return found

    def clean(self, allowed=""):
        """No violation of the policy, and no complaint in the console but of the statuses allowed."""
        assert self.violations() == []
        assert [line for line in self.complaints() if not (allowed and allowed in line)] == []


@pytest.fixture
def page(axe, demo):
    with Page() as browser:
        browser.axe, browser.engine = axe, demo
        yield browser
