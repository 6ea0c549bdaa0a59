"""The page at `/`: a text is typed, what is found in it is shown by the view of `extract.kg.view`."""

from __future__ import annotations

import hashlib
from functools import cache
from html import escape
from importlib import resources

from extract.interfaces.server.settings import ServerSettings
from extract.kg import view


@cache
def script() -> str:
    """The view's scripts and the page's own."""
    return view.script() + _asset("page.js")


@cache
def style() -> str:
    """The view's style and the page's own."""
    return view.style() + _asset("page.css")


def html(model: str, settings: ServerSettings) -> str:
    """The page. It loads its script and style from the server, and nothing else from anywhere."""
    needs_key = "true" if settings.api_key is not None else "false"
    # Cytoscape.js adds no style of its own where an element has this id.
    return _asset("page.html").format(
        model=escape(model),
        needs_key=needs_key,
        max_chars=settings.max_chars,
        script=f"/assets/tripack.js?{_version(script())}",
        style=style_address(),
    )


def style_address() -> str:
    """Where the server has the style; another style has another address."""
    return f"/assets/tripack.css?{_version(style())}"


def _version(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]


@cache
def _asset(name: str) -> str:
    files = resources.files("extract.interfaces.server")
    return files.joinpath("assets", name).read_text(encoding="utf-8")
