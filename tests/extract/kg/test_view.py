"""The page as text: what it may load and run, and that data stays data."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.kg.view import document_block, documents_page, graph_page, head, script
from extract.structures import Document
from tests.extract.kg.pages import documents, graph


class _Read(HTMLParser):
    """Elements with their attributes and text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[list[str]] = []
        self.within = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.texts.append([])
        self.within = True

    def handle_endtag(self, tag: str) -> None:
        self.within = False

    def handle_data(self, data: str) -> None:
        if self.within:
            self.texts[-1].append(data)

    def of(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        found = zip(self.elements, self.texts, strict=True)
        return [(attrs, "".join(text)) for (name, attrs), text in found if name == tag]


def test_policy_admits_the_pages_own_script_and_style_alone() -> None:
    page = _Read(documents_page(documents()))
    (policy,) = [
        attrs["content"]
        for attrs, _ in page.of("meta")
        if attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    run = [text for attrs, text in page.of("script") if "type" not in attrs]
    (styled,) = [text for _, text in page.of("style")]
    assert policy == (
        f"default-src 'none'; script-src {_hash(run[0])}; style-src {_hash(styled)}; "
        "base-uri 'none'; form-action 'none'"
    )
    assert len(run) == 1


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@pytest.mark.parametrize("page", [documents_page(documents()), graph_page(graph())])
def test_no_element_refers_to_anything_outside(page: str) -> None:
    for tag, attrs in _Read(page).elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert not {"src", "href", "action", "style"} & attrs.keys(), (tag, attrs)
        assert not [name for name in attrs if name.startswith("on")], (tag, attrs)


def test_vendored_libraries_keep_their_licences() -> None:
    text = script()
    assert "The Cytoscape Consortium" in text and "Mike Bostock" in text
    assert text.count("Permission") >= 2
    assert "</script" not in text and "<!--" not in text


def test_pages_written_document_by_document_are_the_whole_page() -> None:
    found = documents()
    assert head("tripack") + "".join(map(document_block, found)) == documents_page(found)


@given(st.text(), st.text())
def test_any_text_comes_back_from_its_block(text: str, id: str) -> None:
    block = document_block(Document(text, (), id))
    block.encode("utf-8")  # lone surrogates among others
    (found,) = _Read(block).of("script")
    assert json.loads(found[1]) == Document(text, (), id).to_dict()
    assert len(_Read(block).elements) == 1 and block.count("<") == 2


def test_title_is_text() -> None:
    (title,) = _Read(head("</title><script>alert(1)</script>")).of("title")
    assert title[1] == "</title><script>alert(1)</script>"


def test_graph_gives_sentences_once_and_the_best_statements() -> None:
    (found,) = [text for attrs, text in _Read(graph_page(graph())).of("script") if "type" in attrs]
    data = json.loads(found)
    assert [statement["score"] for statement in data["statements"]] == [0.9, 0.6]
    assert len(data["passages"]) == 3 and data["left_out"] == 0
    for statement in data["statements"]:
        for evidence in statement["evidence"]:
            text = data["passages"][evidence["passage"]]["text"]
            start, end = evidence["subject"]
            assert text[start:end] in ("Ada Lind", "A. Lind", "Bo Berg")
    labels = [node["label"] for node in data["nodes"]]
    assert labels == ["Ada Lind", "Oslo", "Bo Berg", "1 May 1980"]

    (best,) = [
        text for attrs, text in _Read(graph_page(graph(), most=1)).of("script") if "type" in attrs
    ]
    data = json.loads(best)
    assert [statement["relation"] for statement in data["statements"]] == ["residence"]
    assert data["left_out"] == 1 and [node["label"] for node in data["nodes"]] == labels[:2]


def test_own_scripts_take_no_other_way_to_make_elements() -> None:
    own = script()[script().index("Elements made from data") :]
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|fetch\("
    )
    assert re.findall(forbidden, own) == []
