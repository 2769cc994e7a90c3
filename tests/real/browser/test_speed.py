# SPDX-License-Identifier: GPL-3.0-or-later
"""How much Chromium loads before the console can be used. The time depends on the machine's other load: it is
printed, and the size is judged."""

MOST_BYTES = 120 * 1024
RESOURCES = """
return [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .filter(({name}) => name.includes("/console/"))
    .map(({transferSize}) => transferSize);
"""


def test_the_first_load_is_small(page, capsys):
    page.open(f"{page.engine.base_url}/console/")
    page.one("#token")
    loaded = page.script(RESOURCES)
    interactive_ms = page.script("return performance.getEntriesByType('navigation')[0].domInteractive")
    with capsys.disabled():
        print(f"\nfirst load: {len(loaded)} files, {sum(loaded)} bytes, interactive after {interactive_ms:.0f} ms")
    assert len(loaded) > 20 and all(loaded)
    assert sum(loaded) <= MOST_BYTES
    page.clean()
