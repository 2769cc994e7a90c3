# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's Chromium without a window, which can reach this machine and nothing else."""
import shutil
import tempfile
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from harness.wait import LIMIT_S, SLOWNESS, wait_for

ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",  # the tests may run as root, for whom there is none
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
    "--window-size=1280,1600",
]
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation",
    (event) => window.violations.push(event.violatedDirective + " " + event.blockedURI));
"""


class Browser:
    def __init__(self, *more):
        """more: further arguments of Chromium."""
        self.profile = Path(tempfile.mkdtemp(prefix="mc-"))
        options = webdriver.ChromeOptions()
        for argument in [*ARGUMENTS, *more, f"--user-data-dir={self.profile}"]:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        try:
            self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        except BaseException:
            shutil.rmtree(self.profile, ignore_errors=True)
            raise
        self.driver.set_script_timeout(5 * LIMIT_S * SLOWNESS)
        self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)

    def open(self, url):
        self.driver.get(url)

    def find(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def one(self, css):
        """The first element that is shown, as soon as there is one."""

        def shown():
            return next((element for element in self.find(css) if element.is_displayed()), None)

        return self._repeat(shown, f"{css} shown")

    def click(self, css):
        def clicked():
            element = self.one(css)
            self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
            element.click()
            return True

        self._repeat(clicked, f"{css} clicked")

    def paste(self, css, text):
        """Replaces the text of a field at once: the page redraws itself after each input."""

        def pasted():
            script = "arguments[0].focus(); arguments[0].select()"
            self.driver.execute_script(script, self.one(css))
            self.driver.execute_cdp_cmd("Input.insertText", {"text": text})
            return True

        self._repeat(pasted, f"{css} filled")

    def text(self, css="main"):
        return self.one(css).text

    def says(self, *words, css="main"):
        """Waits until all of the words are shown."""
        self._repeat(lambda: all(word in self.text(css) for word in words), f"{words} shown")

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def _repeat(self, step, what):
        """Until it succeeds: a page that redraws itself removes elements between two steps."""

        def tried():
            try:
                return step()
            except WebDriverException:
                return None

        return wait_for(tried, what, timeout=5 * LIMIT_S)

    def violations(self):
        """Of the page's Content-Security-Policy."""
        return self.driver.execute_script("return window.violations")

    def complaints(self):
        """What the console has said since it was asked last."""
        return [entry["message"] for entry in self.driver.get_log("browser")]
