"""A text whose annotation is given by characters, cut into sentences here."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from corpora.base import Example
from corpora.build import Draft, Ends, contexts
from corpora.files import Place
from extract.encoder.sentences import split_sentences


class SentenceDrafts:
    """A text cut into sentences, with a draft for each: none for a text without a word."""

    def __init__(self, text: str, place: Place) -> None:
        self.text, self.place = text, place
        self.sentences = split_sentences(text)
        self.drafts = [Draft(text, tokens, place) for tokens in self.sentences]
        self.starts = [tokens[0].start_char for tokens in self.sentences]

    def sentence_of(self, ends: Ends | None) -> int | None:
        """The sentence that holds all words of these characters; None if there is none."""
        if ends is None:
            return None
        number = max(0, bisect_right(self.starts, ends[0]) - 1)
        if ends[0] >= self.sentences[number][-1].end_char:  # in the gap after the sentence
            number += 1
        following = self.starts[number + 1 : number + 2]
        if number == len(self.starts) or (following and following[0] < ends[1]):
            return None
        return number

    def examples(self, doc_id: str) -> Iterator[Example]:
        """The finished examples, each with the sentences around it as context."""
        around = contexts([[token.text for token in tokens] for tokens in self.sentences])
        for number, draft in enumerate(self.drafts):
            yield draft.finish(f"{doc_id}-{number}", doc_id, *around[number])
