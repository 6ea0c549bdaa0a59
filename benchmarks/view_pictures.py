"""The pictures of docs/view.md: a page of what the bundled model extracts, in headless Chromium.

    python -m benchmarks.view_pictures docs/images

Writes view.png (text, light), view-graph.png (graph, dark) and view-phone.png (a narrow window). Needs
Chromium and the `test` extra; the fonts are those of the system.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.chromium import browser, chromium
from extract.kg.view import documents_page
from extract.pipeline import load

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

# Written for this picture; the facts are common knowledge.
TEXTS = [
    (
        "curie",
        "Marie Curie was born in Warsaw on 7 November 1867. She studied physics at the University of "
        "Paris from 1891 to 1894. In 1911, Marie Curie received the Nobel Prize in Chemistry. Her daughter "
        "Irène Joliot-Curie received the Nobel Prize in Chemistry in 1935 together with her husband Frédéric "
        "Joliot-Curie. Marie Curie died in Passy, France, on 4 July 1934.",
    ),
    (
        "einstein",
        "Albert Einstein was born in Ulm in 1879. Albert Einstein received the Nobel Prize in Physics "
        "in 1921 for his work on the photoelectric effect. From 1909 to 1911 he taught at the University "
        "of Zurich. He became a citizen of the United States in 1940 and died in "
        "Princeton, New Jersey, in 1955.",
    ),
]
LARGE, SMALL = {"width": 1440, "height": 860}, {"width": 390, "height": 844}


def take(context: BrowserContext, address: str, folder: Path) -> None:
    """All three pictures of a page."""
    page = context.new_page()
    _open(page, address, LARGE, "light")
    page.screenshot(path=folder / "view.png")
    _open(page, address, LARGE, "dark")
    page.click("#tab-graph")
    page.locator(".graph:not([aria-busy])").wait_for()
    page.get_by_role("button", name="Show all").click()
    page.wait_for_timeout(500)
    page.screenshot(path=folder / "view-graph.png")
    _open(page, address, SMALL, "light")
    page.screenshot(path=folder / "view-phone.png")


def _open(page: Page, address: str, size: dict[str, int], scheme: str) -> None:
    """Show the page's text with a statement that has qualifiers chosen."""
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size(size)  # type: ignore[arg-type]
    page.goto(address)
    if size is SMALL:
        page.click("#tab-statements")
    page.locator(".statement", has=page.locator(".qualifiers")).first.click()
    page.click("#tab-text")
    page.wait_for_timeout(500)


def main() -> None:
    """Extract, write the page, take the pictures."""
    parser = argparse.ArgumentParser(description="Take the pictures of docs/view.md.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    program = chromium()
    if program is None:
        parser.error("Chromium is not installed, or name it in TRIPACK_CHROMIUM.")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, browser(program) as context:
        path = Path(scratch, "page.html")
        path.write_text(documents_page(load().extract(TEXTS)), encoding="utf-8")
        take(context, path.as_uri(), folder)


if __name__ == "__main__":
    main()
