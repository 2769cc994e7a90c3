# SPDX-License-Identifier: GPL-3.0-or-later
"""Chromium's own tracing, by the DevTools protocol: chromedriver has no command that returns trace events."""
import json
import urllib.request

import trio
from trio_websocket import open_websocket_url

LONGEST_MESSAGE = 1 << 30
CATEGORIES = "disabled-by-default-devtools.timeline,disabled-by-default-devtools.timeline.frame,devtools.timeline"


def traced(browser, action):
    """Runs the action; the trace events of Chromium from its begin to its end."""
    address = browser.driver.capabilities["goog:chromeOptions"]["debuggerAddress"]
    with urllib.request.urlopen(f"http://{address}/json/version") as response:
        url = json.load(response)["webSocketDebuggerUrl"]
    return trio.run(_traced, url, action)


async def _traced(url, action):
    events = []
    async with open_websocket_url(url, max_message_size=LONGEST_MESSAGE) as socket:

        async def send_and_wait(method, until, **parameters):
            await socket.send_message(json.dumps({"id": 1, "method": method, "params": parameters}))
            while not until(message := json.loads(await socket.get_message())):
                if message.get("method") == "Tracing.dataCollected":
                    events.extend(message["params"]["value"])

        config = {"includedCategories": CATEGORIES.split(",")}
        await send_and_wait("Tracing.start", lambda message: message.get("id") == 1, traceConfig=config)
        action()
        await send_and_wait("Tracing.end", lambda message: message.get("method") == "Tracing.tracingComplete")
    return events
