"""The picture of docs/server.md: the page of `tripack serve` with the bundled model, in headless Chromium.

    python -m benchmarks.server_picture docs/images

Writes server.png. Needs Chromium and the `test` extra; the fonts are those of the system.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.chromium import browser, chromium
from benchmarks.server import server, wait_until_ready


def main() -> None:
    """Start the server, press Example, take the picture."""
    parser = argparse.ArgumentParser(description="Take the picture of docs/server.md.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    program = chromium()
    if program is None:
        parser.error("Chromium is not installed, or name it in TRIPACK_CHROMIUM.")
    folder.mkdir(parents=True, exist_ok=True)
    with server() as (_, address), browser(program) as context:
        wait_until_ready(address)
        page = context.new_page()
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(address)
        page.click("#example")
        page.locator(".statement", has=page.locator(".qualifiers")).first.click()
        page.wait_for_timeout(500)
        page.screenshot(path=folder / "server.png")


if __name__ == "__main__":
    main()
