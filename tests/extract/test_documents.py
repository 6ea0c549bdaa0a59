"""Documents to sentences and back: each result finds its document, and none waits for the next text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.documents import DocumentStream, up_to_last
from extract.errors import InputError

TEXTS = st.lists(st.lists(st.sampled_from(["He ran.", "It fell!", "So?"]), max_size=4), max_size=6)


def grouped(stream: DocumentStream) -> Iterator[tuple[str, list[str]]]:
    parts = stream.parts((sentence, sentence.id) for sentence in stream.sentences())
    for first in parts:
        own = list(up_to_last(first, parts))
        assert {part.document for part in own} == {first.document}
        assert [part.last for part in own] == [False] * (len(own) - 1) + [True]
        yield first.document.name, [part.found for part in own if part.sentence.tokens]


@given(TEXTS)
def test_each_result_comes_back_to_its_document(texts: list[list[str]]) -> None:
    found = list(grouped(DocumentStream((" ".join(text) for text in texts), context=False)))
    assert found == [
        (f"doc-{n}", [f"doc-{n}#{at}" for at in range(len(text))])
        for n, text in enumerate(texts, 1)
    ]


def test_documents_of_equal_name_and_text_stay_apart() -> None:
    assert len(list(grouped(DocumentStream([("a", "He ran.")] * 3, context=False)))) == 3


def test_document_is_complete_before_the_next_text_is_read() -> None:
    def texts() -> Iterator[str]:
        yield "He ran. It fell."
        pytest.fail("the next text was asked for")

    name, found = next(grouped(DocumentStream(texts(), context=False)))
    assert (name, found) == ("doc-1", ["doc-1#0", "doc-1#1"])


def test_text_that_is_none_names_its_place() -> None:
    with pytest.raises(InputError, match="Expected text 2 to be a string"):
        list(grouped(DocumentStream(["He ran.", 5], context=False)))  # type: ignore[list-item]
