"""The page in a real browser: a text is typed, and what is found in it is seen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from extract.interfaces.server.settings import ServerSettings
from extract.pipeline import Extractor
from tests.extract.interfaces.server.served import (
    FACT,
    Asking,
    Gated,
    Served,
    hold,
    serving,
    until,
    waiting,
)

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytest.importorskip("playwright", reason="the test extra brings it")

ATTACK = '</script><script>alert(1)</script><img src=x onerror="alert(2)">'
Open = Callable[..., "Page"]


@pytest.fixture
def open_page(chromium_context: BrowserContext) -> Iterator[Open]:
    """Opens a server's page. Fails if it says or asks for what it should not."""
    said: list[str] = []
    pages: list[Page] = []

    def open_one(served: Served, **media: Any) -> Page:
        page = chromium_context.new_page()
        pages.append(page)
        own = f"http://127.0.0.1:{served.port}/"
        page.emulate_media(**({"color_scheme": "light"} | media))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda one: None if one.url.startswith(own) else said.append(one.url))
        page.goto(own)
        return page

    yield open_one
    for page in pages:
        page.close()
    # A status of 4xx that the page asked for and shows is told by the browser too.
    assert [line for line in said if "the server responded with a status of 4" not in line] == []


def extracted(page: Page, text: str) -> None:
    """Type a text, press Extract, and wait for what is found."""
    page.fill("#text", text)
    page.get_by_role("button", name="Extract").click()
    page.locator("#said").filter(has_text="statement").wait_for()


def test_typed_text_shows_highlights_arcs_and_graph(served: Served, open_page: Open) -> None:
    page = open_page(served)
    assert page.locator(".view").count() == 0
    extracted(page, FACT)
    assert page.locator("#said").text_content().startswith("1 statement in ")  # type: ignore[union-attr]
    marks = page.locator(".words .entity").all_text_contents()
    found = served.extract({"text": FACT}).json
    (triple,) = found["triples"]
    assert marks == [entity["text"] for entity in found["entities"]]
    assert {"Leonard Parker", "Harvard University", "1967"} <= set(marks)
    labels = {re.sub(r" \d\.\d\d$", "", t) for t in page.locator(".arc text").all_text_contents()}
    assert labels == {triple["relation"], *(q["label"] for q in triple["qualifiers"])}
    assert {"educated at", "end time"} <= labels
    assert all(arc.is_visible() for arc in page.locator(".arc .line").all())
    page.click("#tab-graph")
    page.locator(".graph:not([aria-busy])").wait_for()
    assert page.locator(".graph .notice").text_content() == "2 nodes, 1 edge"
    edges = "window.tripackView.page.graph().edges().map((edge) => edge.data('label'))"
    assert page.evaluate("window.tripackView.page.graph().nodes().length") == 2
    assert len(page.evaluate(edges)) == 1
    canvas = page.locator(".canvas").bounding_box()
    assert canvas is not None and canvas["height"] > 200


def test_another_text_takes_the_place_of_the_first(served: Served, open_page: Open) -> None:
    page = open_page(served)
    extracted(page, FACT)
    page.fill("#text", "Nothing happened.")
    page.get_by_role("button", name="Extract").click()
    page.locator("#said").filter(has_text="0 statements").wait_for()
    assert page.locator(".words").all_text_contents() == ["Nothing happened."]
    assert page.locator(".view").count() == 1


def test_least_score_is_sent(served: Served, open_page: Open) -> None:
    page = open_page(served)
    page.fill("#threshold", "0.75")
    with page.expect_request("**/extract") as sent:
        extracted(page, FACT)
    assert sent.value.post_data_json == {"text": FACT, "threshold": 0.75}


def test_keyboard_alone_will_do(served: Served, open_page: Open) -> None:
    page = open_page(served)
    for _ in range(5):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "text":
            break
    page.keyboard.type(FACT)
    page.keyboard.press("Control+Enter")
    page.locator(".view").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "extract"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.locator("#said").filter(has_text="statement").wait_for()
    with page.expect_response("**/extract"):
        page.keyboard.press("Enter")


def test_markup_is_shown_as_text(served: Served, open_page: Open) -> None:
    page = open_page(served)
    extracted(page, f"{ATTACK} {FACT}")
    assert "".join(page.locator(".words").all_text_contents()) == f"{ATTACK} {FACT}"
    assert page.locator("#found img, #found script, [onerror]").count() == 0


def test_faults_are_told(tiny_extractor: Extractor, open_page: Open) -> None:
    with serving(
        tiny_extractor, ServerSettings(max_chars=100, max_words=5, batch_words=5)
    ) as served:
        page = open_page(served)
        said = page.locator("#said.fault")
        for text, told in [
            (" ", "The text is empty."),
            ("😀" * 101, "The text has 101 characters, at most 100 are read."),
            ("one two three four five six", "Got 6 words, expected at most 5 in a request."),
        ]:
            page.fill("#text", text)
            page.get_by_role("button", name="Extract").click()
            said.filter(has_text=told).wait_for()


def test_busy_server_is_told_with_the_time_to_wait(gated: Gated, open_page: Open) -> None:
    limits = ServerSettings(max_words=10, waiting_words=10, batch_words=10)
    with serving(gated, limits) as served:
        asking = Asking(served)
        hold(served, gated, asking)
        asking.ask({"text": "word " * 10})
        until(lambda: waiting(served) == 1)
        page = open_page(served)
        page.fill("#text", FACT[:20])
        page.get_by_role("button", name="Extract").click()
        page.locator("#said.fault").filter(has_text="Try again in ").wait_for()
        gated.gate.set()
        asking.answers()
        extracted(page, FACT[:20])


def test_key_is_asked_for_where_one_is_needed(
    tiny_extractor: Extractor, served: Served, open_page: Open
) -> None:
    assert not open_page(served).locator("#key").is_visible()
    with serving(tiny_extractor, ServerSettings(api_key="some-long-key")) as closed:
        page = open_page(closed)
        page.fill("#text", FACT)
        page.get_by_role("button", name="Extract").click()
        page.locator("#said.fault").filter(has_text="API key").wait_for()
        page.fill("#key", "some-long-key")
        extracted(page, FACT)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(served: Served, open_page: Open, scheme: str) -> None:
    from tests.extract.kg.test_view_browser import _CONTRAST

    page = open_page(served, color_scheme=scheme)
    assert page.evaluate(_CONTRAST)[0][0] >= 4.5
    extracted(page, FACT)
    rows = page.evaluate(_CONTRAST)
    assert rows[0][0] >= 4.5, rows[:3]
    page.goto(f"http://127.0.0.1:{served.port}/docs")
    rows = page.evaluate(_CONTRAST)
    assert rows[0][0] >= 4.5, rows[:3]


def test_narrow_window_needs_no_sideways_scrolling(served: Served, open_page: Open) -> None:
    page = open_page(served)
    page.set_viewport_size({"width": 390, "height": 800})
    extracted(page, FACT)
    for path in ("", "docs"):
        if path:
            page.goto(f"http://127.0.0.1:{served.port}/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") == 390
