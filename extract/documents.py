"""Documents to one stream of sentences, and the stream back to documents.

Sentences of many short documents are read together, and those of a long one are cut as they are needed, so
the documents at hand are few and none is in pieces that are not read yet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from extract.encoder.sentences import in_context, iter_sentences
from extract.errors import InputError
from extract.structures import Sentence

_CONTEXT = 150  # words of each neighbour kept for models that read context

Result = TypeVar("Result")


@dataclass(slots=True, eq=False)
class OpenedDocument:
    """A document being read: how many sentences were found yet, and whether these are `read` all."""

    name: str
    text: str
    n_sentences: int = 0
    read: bool = False


class Part(NamedTuple, Generic[Result]):
    """A sentence of a document with what was found for it, and whether it is the document's last."""

    document: OpenedDocument
    sentence: Sentence
    found: Result
    last: bool


class DocumentStream:
    """Cuts texts into sentences, and knows which document each sentence that comes back is of.

    Args:
        texts: texts, or (id, text) pairs; ids default to "doc-1", "doc-2", ... Read as sentences are taken.
        context: whether sentences keep words of their neighbours.
        removed: `Sentence.removed` of the sentence without words that stands for a document without any.
    """

    def __init__(
        self,
        texts: Iterable[str | tuple[str, str]],
        *,
        context: bool,
        removed: tuple[()] | None = None,
    ) -> None:
        self._texts = texts
        self._context = context
        self._removed = removed
        # Those whose results are not all there, the oldest first.
        self._opened: deque[OpenedDocument] = deque()

    def sentences(self) -> Iterator[Sentence]:
        """All sentences, in order. Raises `InputError` for a text that is not a string."""
        for number, item in enumerate(self._texts, start=1):
            name, text = _named(item, number)
            document = OpenedDocument(name, text)
            self._opened.append(document)
            found = sentences_of(text, name, context=self._context)
            # A document without words still has to come out, in its place.
            nothing = Sentence((), doc_id=name, removed=self._removed)
            sentence: Sentence | None = next(found, nothing)
            while sentence is not None:
                document.n_sentences += 1
                following = next(found, None)
                document.read = following is None  # known before its last result can be there
                yield sentence
                sentence = following

    def parts(self, results: Iterable[tuple[Sentence, Result]]) -> Iterator[Part[Result]]:
        """The sentences that come back with their results, in the order in which they were given."""
        n_done = 0
        for sentence, found in results:
            document = self._opened[0]
            n_done += 1
            last = document.read and n_done == document.n_sentences
            if last:
                self._opened.popleft()
                n_done = 0
            yield Part(document, sentence, found, last)


def up_to_last(first: Part[Result], parts: Iterator[Part[Result]]) -> Iterator[Part[Result]]:
    """A document's first part and those after it; what follows its last one is not waited for."""
    part: Part[Result] | None = first
    while part is not None:
        yield part
        part = None if part.last else next(parts, None)


def sentences_of(text: str, name: str, *, context: bool) -> Iterator[Sentence]:
    """The sentences of a document as they are taken, with the words around them if so asked."""
    words = iter_sentences(text)
    around = in_context(words, _CONTEXT) if context else ((sentence, (), ()) for sentence in words)
    for number, (sentence, left, right) in enumerate(around):
        yield Sentence(
            tuple(sentence),
            id=f"{name}#{number}",
            doc_id=name,
            left_context=left,
            right_context=right,
        )


def _named(item: object, number: int) -> tuple[str, str]:
    match item:
        case str():
            return f"doc-{number}", item
        case (str(name), str(text)):
            return name, text
    kinds = ", ".join(type(i).__name__ for i in item) if isinstance(item, tuple) else ""
    raise InputError(
        f"Expected text {number} to be a string or an (id, text) pair of strings, "
        f"got {type(item).__name__}{f' of {kinds}' if kinds else ''}."
    )
