"""The page in a real browser: what it shows and how it answers to mouse and keyboard."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.view import make_graph
from extract.kg.view import documents_page, graph_page
from extract.structures import Document
from tests.extract.kg.opened import Opener, drawn_edges
from tests.extract.kg.pages import ATTACK, IMAGE, documents, graph

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytest.importorskip("playwright", reason="the test extra brings it")

# Texts of all marks of the text view, by document and place.
_MARKED = """() => {
  const found = {};
  for (const passage of document.querySelectorAll(".passage")) {
    const pieces = new Map();
    for (const mark of passage.querySelectorAll(".entity")) {
      const key = `${mark.dataset.span} ${mark.dataset.type}`;
      pieces.set(key, (pieces.get(key) ?? "") + mark.textContent);
    }
    const id = passage.parentElement.getAttribute("aria-label").slice("Document ".length);
    for (const [key, text] of pieces) (found[id] ??= []).push([text, key.slice(key.indexOf(" ") + 1)]);
  }
  return found;
}"""


def scroll_through(page: Page) -> None:
    """Bring every sentence into view once, as reading does."""
    for passage in page.locator(".passage").all():
        passage.scroll_into_view_if_needed()
        page.wait_for_timeout(20)


def statement(page: Page, number: int) -> Locator:
    return page.locator(f'.list [data-statement="{number}"]')


def marked(page: Page) -> list[tuple[str, str]]:
    """Texts and roles of the marks in the details."""
    marks = page.locator(".inspector blockquote mark").all()
    return [(mark.text_content() or "", mark.get_attribute("data-role") or "") for mark in marks]


def test_every_entity_is_marked_where_it_stands(opener: Opener) -> None:
    page = opener.open(documents_page(documents()))
    scroll_through(page)
    found = page.evaluate(_MARKED)
    for document in documents():
        expected = sorted([entity.text, entity.label] for entity in document.entities)
        assert sorted(found[document.id]) == expected
    shown = page.locator(".document").nth(1).locator(".words").all_text_contents()
    assert shown == documents()[1].text.splitlines()


# Letters of one to four bytes, joined emoji, right-to-left, combining marks, line ends and markup.
_ALPHABET = st.sampled_from(
    [*"ab <&\n\r\t", "é", "e\u0301", "א", "ب", "😀", "👩\u200d🔬", "𝒳", "\u202e"]
)


@st.composite
def marked_documents(draw: st.DrawFn) -> dict[str, Any]:
    """A document in the form of JSON Lines with entities at any places, nested and crossing."""
    text = "".join(draw(st.lists(_ALPHABET, min_size=1, max_size=30)))
    at = st.integers(0, len(text))
    spans = draw(st.lists(st.tuples(at, at).filter(lambda s: s[0] != s[1]).map(sorted), max_size=6))
    entities = [
        {"text": text[start:end], "start": start, "end": end, "label": f"T{number}"}
        for number, (start, end) in enumerate(spans)
        if text[start:end].strip() == text[start:end]
    ]
    return {"id": "d", "text": text, "entities": entities, "triples": [], "model": ""}


def test_marks_hold_their_texts_wherever_they_are(opener: Opener) -> None:
    page = opener.open(documents_page([]))
    show = f"""(found) => {{
      const {{ showModel, modelOfDocuments }} = window.tripackView;
      showModel(document.getElementById("tripack-view"), modelOfDocuments([found]));
      const marked = {_MARKED};
      const look = async (frames) => {{ // sentences are marked once they have been seen
        await new Promise(requestAnimationFrame);
        return frames > 0 && found.entities.length && !marked().d ? look(frames - 1) : marked();
      }};
      return look(100);
    }}"""

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(marked_documents())
    def check(found: dict[str, Any]) -> None:
        expected = sorted([entity["text"], entity["label"]] for entity in found["entities"])
        assert sorted(page.evaluate(show, found).get("d", [])) == expected
        words = "".join(page.locator(".words").all_text_contents())
        assert "".join(words.split()) == "".join(found["text"].split())

    check()


@pytest.mark.parametrize("number", range(8))
def test_chosen_statement_shows_its_sentence_and_marks(opener: Opener, number: int) -> None:
    page = opener.open(documents_page(documents()))
    triple = [triple for document in documents() for triple in document.triples][number]
    statement(page, number).click()
    quote = page.locator(".inspector blockquote").text_content()
    (sentence,) = [s for d in documents() for s in d.sentences if triple in s.triples]
    text = next(d.text for d in documents() if sentence in d.sentences)
    assert triple.sentence is not None
    assert quote == text[slice(*triple.sentence)]
    expected = {(triple.subject.text, "subject"), (triple.object.text, "object")}
    expected |= {(qualifier.value.text, qualifier.label) for qualifier in triple.qualifiers}
    assert set(marked(page)) == expected
    assert page.locator(".inspector dd").first.text_content() == f"{triple.score:.2f}"
    in_text = page.locator(".passage.chosen .entity.subject")
    assert in_text.text_content() == triple.subject.text
    assert in_text.is_visible()


def test_arcs_run_from_subject_to_object_above_the_words(opener: Opener) -> None:
    page = opener.open(documents_page(documents()))
    page.set_viewport_size({"width": 1900, "height": 900})
    page.wait_for_timeout(500)
    passage = page.locator(".passage").first
    arcs = passage.locator(".arc")
    labels = ["educated at 0.90", "end time", "located in 0.60"]
    assert sorted(arcs.locator("text").all_text_contents()) == labels
    for relation, subject, object in [
        ("educated at", "Ada Lind", "Northern University of Oslo"),
        ("end time", "Northern University of Oslo", "2004"),
    ]:
        line = (
            arcs.filter(has_text=relation)
            .locator(".line")
            .evaluate(
                """(path) => {
              const box = path.ownerSVGElement.getBoundingClientRect();
              const at = (length) => path.getPointAtLength(length);
              const [start, end] = [at(0), at(path.getTotalLength())];
              const middle = at(path.getTotalLength() / 2);
              return [start.x + box.x, end.x + box.x, middle.y + box.y];
            }"""
            )
        )
        boxes = [
            passage.locator(".entity").filter(has_text=text).first.bounding_box()
            for text in (subject, object)
        ]
        for x, box in zip(line[:2], boxes, strict=True):
            assert box is not None
            assert box["x"] <= x <= box["x"] + box["width"]
            assert line[2] < box["y"]


def test_wrapped_arcs_leave_to_the_margin_and_come_back(opener: Opener) -> None:
    page = opener.open(documents_page(documents()))
    page.set_viewport_size({"width": 390, "height": 800})
    page.wait_for_timeout(500)
    arcs = page.locator(".passage").first.locator(".arc").filter(has_text="end time")
    assert arcs.count() == 2
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_filters_change_list_arcs_and_graph(opener: Opener) -> None:
    page = opener.open(documents_page(documents()))
    count = page.locator(".list .count")
    assert count.text_content() == "8 statements"
    page.locator("#score").fill("0.65")
    page.locator(".list li").nth(2).wait_for()
    page.wait_for_timeout(150)
    assert count.text_content() == "3 of 8 statements"
    relations = page.locator(".list .relation").all_text_contents()
    assert relations == ["educated at", "met", "place of birth"]
    arcs = page.locator(".passage").first.locator(".arc text").all_text_contents()
    assert set(arcs) == {"end time", "educated at 0.90"}
    page.click("#tab-graph")
    notice = page.locator(".graph .notice")
    assert notice.text_content() == "6 nodes, 3 edges"

    page.click("summary")
    page.locator("fieldset label").filter(has_text="met").locator("input").uncheck()
    assert page.locator("summary").text_content() == "Relations: 7 of 8"
    assert count.text_content() == "2 of 8 statements"
    assert notice.text_content() == "4 nodes, 2 edges"
    page.locator("#search").fill("OSLO 2004")
    page.wait_for_timeout(250)
    assert page.locator(".list .relation").all_text_contents() == ["educated at"]
    page.get_by_role("button", name="Reset").click()
    assert count.text_content() == "8 statements"
    page.click("#tab-graph")
    assert drawn_edges(page) == 8
    seen = "window.tripackView.page.graph().elements(':visible').length"
    whole = page.evaluate(seen)
    page.locator("#search").fill("oslo 2004")  # what is drawn already is hidden, and shown again
    page.wait_for_function(f"() => {seen} === 3")  # an edge and its ends
    page.click("header .theme")  # other colours change nothing of that
    assert drawn_edges(page) == 1 and page.evaluate(seen) == 3
    page.get_by_role("button", name="Reset").click()
    page.wait_for_function(f"() => {seen} === {whole}")


def test_keyboard_reaches_and_leaves_statements(opener: Opener) -> None:
    page = opener.open(documents_page(documents()))
    focused = "document.activeElement.dataset.statement"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate(focused) is not None:
            break
    assert page.evaluate(focused) == "0"
    assert outline(page) == "solid"
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "1"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate(focused) == "3"
    page.keyboard.press("Enter")
    assert statement(page, 3).get_attribute("aria-current") == "true"
    assert ("Zoë 🧪", "subject") in marked(page)
    page.keyboard.press("Escape")
    assert page.locator("[aria-current]").count() == 0 and marked(page) == []
    assert page.evaluate(focused) == "3"
    page.keyboard.press("End")
    assert page.evaluate(focused) == "7"
    page.keyboard.press("Home")
    assert page.evaluate(focused) == "0"


def outline(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.activeElement).outlineStyle"))


def test_keyboard_moves_between_tabs_and_in_the_graph(opener: Opener) -> None:
    page = opener.open(documents_page(documents()))
    page.locator("#tab-text").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".graph").is_visible() and not page.locator(".text").is_visible()
    assert page.evaluate("document.activeElement.id") == "tab-graph"
    page.locator(".graph:not([aria-busy])").wait_for()
    page.locator(".canvas").focus()
    assert outline(page) == "solid"
    look = (
        "(() => { const cy = window.tripackView.page.graph(); return [cy.pan().x, cy.zoom()]; })()"
    )
    before = page.evaluate(look)
    page.keyboard.press("ArrowRight")
    assert page.evaluate(look)[0] == before[0] - 60
    page.keyboard.press("+")
    assert page.evaluate(look)[1] == pytest.approx(1.3 * before[1])
    page.keyboard.press("0")
    assert page.evaluate(look) == pytest.approx(before)


# Least contrast of text with its ground over all elements that show text, by WCAG 2.2's formula.
_CONTRAST = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = numbers(getComputedStyle(at).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
  };
  const rows = [];
  const check = (element, colour, behind) => {
    const [a, b] = [luminance(numbers(colour)), luminance(behind)].sort((x, y) => y - x);
    rows.push([(a + 0.05) / (b + 0.05), element.outerHTML.slice(0, 90)]);
  };
  for (const element of document.querySelectorAll("body *")) {
    if (!element.checkVisibility() || element.closest("script, noscript")) continue;
    const style = getComputedStyle(element);
    if (element instanceof SVGElement) {
      if (element.tagName !== "text" && element.tagName !== "tspan") continue;
      const plate = element.closest("g").querySelector("rect");
      check(element, style.fill, numbers(getComputedStyle(plate).fill));
    } else if ([...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) {
      check(element, style.color, ground(element));
      const after = getComputedStyle(element, "::after");
      if (after.content !== "none") check(element, after.color, ground(element));
    }
  }
  return rows.sort((a, b) => a[0] - b[0]);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(opener: Opener, scheme: str) -> None:
    page = opener.open(documents_page(documents()), color_scheme=scheme)
    statement(page, 0).click()
    page.click("summary")
    rows = page.evaluate(_CONTRAST)
    assert len(rows) > 60
    assert rows[0][0] >= 4.5, rows[:5]
    colours = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (colours == "rgb(17, 20, 25)") == (scheme == "dark")


def test_all_type_colours_stand_out(opener: Opener) -> None:
    from tests.extract.kg.pages import document

    names = [f"Name{number}" for number in range(12)]
    parts = [(name, f"TYPE{number}") for number, name in enumerate(names)]
    made = document("types", (" ".join(names), parts, []))
    for scheme in ("light", "dark"):
        page = opener.open(documents_page([made]), color_scheme=scheme)
        assert page.locator(".legend li").count() == 11
        rows = page.evaluate(_CONTRAST)
        assert rows[0][0] >= 4.5, rows[:5]


def test_theme_button_overrules_the_system(opener: Opener) -> None:
    page = opener.open(documents_page(documents()), color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.get_by_role("button", name="Light").click()
    assert page.evaluate(ground) != dark
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate(ground) == dark


def test_hostile_text_is_shown_and_does_nothing(opener: Opener) -> None:
    page = opener.open(documents_page(documents()))
    scroll_through(page)
    statement(page, 6).click()
    heading = page.locator(".inspector h2").text_content()
    assert heading == f"{ATTACK} owns <script>alert(4)</script> {IMAGE}"
    for tab in ("graph", "text"):
        page.click(f"#tab-{tab}")
        page.wait_for_timeout(100)
    page.locator(".passage.chosen .entity.subject").click()
    assert page.locator(".inspector h2").text_content() == ATTACK
    assert page.locator("body img, body b, body i, [onerror], [onclick]").count() == 0
    kinds = page.locator("script").evaluate_all("(all) => all.map((one) => one.type)")
    assert kinds == ["", *["application/json"] * 3]
    # and the policy would stop what got in all the same
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {text: 'alert(9)'}))"
    )
    assert "Content Security Policy" in opener.said.pop()


def test_enormous_names_are_cut_and_kept(opener: Opener) -> None:
    from tests.extract.kg.pages import document

    long = "x" * 100_000
    made = document("long", (f"{long} is y.", [(long, "PER"), ("y", "LOC")], [(0, "is", 1, 0.9)]))
    page = opener.open(documents_page([made]))
    statement(page, 0).click()
    assert len(page.locator(".list .fact").text_content() or "") < 200
    assert marked(page)[0] == (long, "subject")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1400


def test_graph_page_shows_all_sentences_of_a_statement(opener: Opener) -> None:
    page = opener.open(graph_page(graph()))
    assert page.locator(".list .relation").all_text_contents() == ["residence", "born"]
    statement(page, 0).click()
    assert page.locator(".inspector blockquote").all_text_contents() == [
        "😀 Ada Lind lives in Oslo since 2004.",
        "In Oslo, A. Lind is at home.",
    ]
    assert marked(page) == [
        *(("Ada Lind", "subject"), ("Oslo", "object"), ("2004", "start time")),
        *(("Oslo", "object"), ("A. Lind", "subject")),
    ]
    page.get_by_role("button", name="Show in text").click()
    assert page.locator(".passage.chosen .words").text_content() == "In Oslo, A. Lind is at home."
    page.locator(".passage.chosen .entity.subject").click()
    details = page.locator(".inspector dd").all_text_contents()
    assert details == ["PER", "A. Lind"]


def test_graph_is_chosen_from_by_mouse(opener: Opener) -> None:
    page = opener.open(graph_page(graph()))
    page.click("#tab-graph")
    assert drawn_edges(page) == 2
    for selector in ("n0", "e0"):
        where = page.evaluate(
            """(id) => {
              const one = window.tripackView.page.graph().getElementById(id);
              const box = document.querySelector(".canvas").getBoundingClientRect();
              const at = one.isNode() ? one.renderedPosition() : one.renderedMidpoint();
              return [box.x + at.x, box.y + at.y];
            }""",
            selector,
        )
        page.mouse.click(*where)
        page.locator(".inspector h2").filter(has_text="Ada Lind").wait_for()
    assert statement(page, 0).get_attribute("aria-current") == "true"


def test_five_thousand_nodes_are_shown_without_freezing(opener: Opener) -> None:
    # Bounds are many times what benchmarks/results/view.json has, for slow and busy machines.
    page = opener.open(graph_page(make_graph(5000)))
    statement(page, 0).click()
    page.locator(".inspector blockquote").wait_for()
    page.evaluate(
        """() => {
          window.blocks = [];
          new PerformanceObserver((list) => window.blocks.push(...list.getEntries().map((e) => e.duration)))
            .observe({ type: "longtask" });
        }"""
    )
    page.click("#tab-graph")
    assert page.locator(".graph .notice").text_content() == "5,000 nodes, 7,500 edges"
    page.locator(".graph[aria-busy]").wait_for()
    statement(page, 1).click()  # while nodes still move
    page.locator('.list [data-statement="1"][aria-current]').wait_for()
    page.wait_for_timeout(2000)
    assert max(page.evaluate("window.blocks"), default=0) < 5000
    page.get_by_label("Nodes shown at most").select_option("250")
    notice = page.locator(".graph .notice.partial")
    assert "of lower score not drawn" in (notice.text_content() or "")
    page.locator(".graph:not([aria-busy])").wait_for(timeout=60_000)
    shown = page.evaluate("window.tripackView.page.graph().nodes(':visible').length")
    assert 200 < shown <= 250
    page.locator(".list button.plain").click()
    assert page.locator(".list li").count() == 400


def test_long_documents_are_marked_as_they_come_into_view(opener: Opener) -> None:
    from tests.extract.kg.pages import document

    sentences = [
        (
            f"Name{n} met Other{n}.",
            [(f"Name{n}", "PER"), (f"Other{n}", "PER")],
            [(0, "met", 1, 0.9)],
        )
        for n in range(2000)
    ]
    page = opener.open(documents_page([document("long", *sentences)]))
    assert page.locator(".passage").count() == 2000
    assert 0 < page.locator(".entity").count() < 400
    page.get_by_label("Order of statements").select_option("score")
    page.locator("#search").fill("Name1900")
    page.locator(".list .fact").filter(has_text="Name1900").click()
    assert page.locator(".passage.chosen .arc").count() == 1
    assert page.locator(".passage.chosen").evaluate(
        "(one) => { const r = one.getBoundingClientRect(); return r.top >= 0 && r.bottom <= innerHeight; }"
    )


def test_documents_can_be_shown_by_another_page(opener: Opener) -> None:
    page = opener.open(documents_page([Document("Nothing.", (), "empty")]))
    assert page.locator(".inspector .hint").text_content() == "No statements were found."
    data: list[dict[str, Any]] = [documents()[0].to_dict()]
    page.evaluate(
        """(documents) => {
          const { showModel, modelOfDocuments } = window.tripackView;
          showModel(document.getElementById("tripack-view"), modelOfDocuments(documents));
        }""",
        json.loads(json.dumps(data)),
    )
    assert page.locator(".list li").count() == 3


def test_views_shown_one_after_another_leave_nothing_behind(opener: Opener) -> None:
    page = opener.open(documents_page([]))
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    show = """async (found) => {
      const { showModel, modelOfDocuments } = window.tripackView;
      const view = showModel(document.getElementById("tripack-view"), modelOfDocuments([found]));
      view.open("graph");
      while (!view.graph()) await new Promise(requestAnimationFrame);
    }"""

    def held(times: int) -> dict[str, float]:
        """Listeners and nodes that the page holds on to after so many views."""
        for _ in range(times):
            page.evaluate(show, documents()[0].to_dict())
        page.wait_for_timeout(300)  # what was settling has come to rest
        session.send("HeapProfiler.collectGarbage")
        found = session.send("Performance.getMetrics")["metrics"]
        return {m["name"]: m["value"] for m in found if m["name"] in ("JSEventListeners", "Nodes")}

    held(3)
    few, many = held(1), held(10)
    assert few["JSEventListeners"] > 0
    # A view has dozens of listeners and hundreds of nodes, of which the last one's may be in use.
    assert many["JSEventListeners"] < 1.5 * few["JSEventListeners"]
    assert many["Nodes"] < 1.5 * few["Nodes"]
