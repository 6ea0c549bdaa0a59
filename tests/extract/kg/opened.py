"""Pages opened in a browser, watched for errors and for requests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page


class Opener:
    """Opens pages from files of a folder; `close` checks that none did what it should not."""

    def __init__(self, context: BrowserContext, folder: Path) -> None:
        self._context = context
        self._folder = folder
        self._pages: list[Page] = []
        self.said: list[str] = []
        self.requested: list[str] = []

    def open(self, html: str, **media: Any) -> Page:
        """The page, loaded and shown; `media` is what it is told of its reader, as `color_scheme`."""
        path = self._folder / f"page-{len(self._pages)}.html"
        path.write_text(html, encoding="utf-8")
        page = self._context.new_page()
        self._pages.append(page)
        page.emulate_media(**({"color_scheme": "light"} | media))
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: (self.said.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: self.requested.append(request.url))
        page.goto(path.as_uri())
        page.locator(".view").wait_for()
        assert self.requested.pop() == path.as_uri()
        return page

    def close(self) -> None:
        """Close all pages. Fails if one wrote to the console, raised, opened a dialog or asked for more."""
        for page in self._pages:
            page.close()
        assert (self.said, self.requested) == ([], [])


def drawn_edges(page: Page) -> int:
    """How many edges of a page's graph are seen once it stands still."""
    page.locator(".graph:not([aria-busy])").wait_for()
    return int(page.evaluate("window.tripackView.page.graph().edges(':visible').length"))
