"""Names that are written almost the same, found without comparing each with each.

Names are compared if they share a key that few names have (`_keys`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations

import regex

from extract.errors import InputError
from extract.kg.entities import BaseEntities, BaseEntity
from extract.kg.structures import Merge
from extract.kg.surface import without_accents
from extract.kg.votes import merge_of

_MAX_BLOCK = (
    100  # names that share a key; keys of more say too little, and pairs grow with the square
)
_GAP = regex.compile(r"(?<!\p{N}) | (?!\p{N})")  # version 1.10 is not version 11.0
_PIECE = 3  # letters
_MIN_LETTERS = 5  # shorter words differ in too little to be told from others


def similar_texts(bases: BaseEntities, threshold: float) -> Iterator[Merge]:
    """Pairs of names at least as similar as the threshold, by `name_similarity`, whose types are alike.

    Persons, and names of one word, must also be mentioned in one document, or differ in nothing but accents,
    gaps and the order of words.
    """
    surfaces = {id: without_accents(base.surface) for id, base in bases.items()}
    found: dict[tuple[str, str], Merge] = {}
    for left, right in _candidate_pairs(surfaces):
        if (left, right) in found or not bases.alike(bases[left], bases[right]):
            continue
        score = name_similarity(surfaces[left], surfaces[right])
        one, other = bases[left], bases[right]
        if score >= threshold and _may_meet(bases, one, other, score):
            because = f"{one.surface!r} and {other.surface!r} are {score:.0%} alike"
            found[left, right] = merge_of(one, other, "similar text", because, round(score, 6))
    yield from (found[pair] for pair in sorted(found))


def name_similarity(one: str, other: str) -> float:
    """How alike two normalised names are, in [0, 1], word by word: the least alike words decide.

    The order of words does not count, nor do the gaps between them but where both sides are digits. A word
    is like another only if both are long, without digits, begin alike, and neither begins the other, since
    such are mostly derived names ("Russian" is not "Russia", nor "Indiana" "Indian").
    """
    if _GAP.sub("", one) == _GAP.sub("", other):
        return 1.0
    left, right = sorted(one.split()), sorted(other.split())
    if len(left) != len(right):
        return 0.0
    return min(_word_similarity(a, b) for a, b in zip(left, right, strict=True))


def _word_similarity(one: str, other: str) -> float:
    from rapidfuzz.distance import Indel

    if one == other:
        return 1.0
    short, long = sorted((one, other), key=len)
    if len(short) < _MIN_LETTERS or short[0] != long[0] or long.startswith(short):
        return 0.0
    if any(c.isnumeric() for c in one + other):
        return 0.0
    return float(Indel.normalized_similarity(one, other))


def _candidate_pairs(surfaces: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Identifiers of names worth comparing, in order within a pair; a pair may come several times."""
    blocks: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for id, surface in sorted(surfaces.items()):
        for key in _keys(surface):
            blocks[key].append(id)
    for block in blocks.values():
        if len(block) <= _MAX_BLOCK:
            yield from combinations(block, 2)


def _keys(surface: str) -> set[tuple[str, ...]]:
    """What is compared shares one: all words' beginnings, or ends, or one word and all first letters."""
    words = sorted(surface.split())
    initials = "".join(word[0] for word in words)
    keys = {(word, initials) for word in words} if len(words) > 1 else set()
    return keys | {
        ("whole", surface.replace(" ", "")),
        ("beginnings", *(word[:_PIECE] for word in words)),
        ("ends", initials, *(word[-_PIECE:] for word in words)),
    }


def _may_meet(bases: BaseEntities, one: BaseEntity, other: BaseEntity, score: float) -> bool:
    if not set(one.documents).isdisjoint(other.documents):
        return True
    if one.document is not None or other.document is not None:
        return False
    # Kingston is not Kingstown, nor Anna Smith Anne Smith.
    person = bases.types.is_person(one.type) or bases.types.is_person(other.type)
    return score == 1.0 or not (person or " " not in one.surface)


def check_installed() -> None:
    """Raises `InputError` if rapidfuzz is missing."""
    try:
        import rapidfuzz  # noqa: F401
    except ImportError:
        raise InputError(
            "The rule 'similar text' needs rapidfuzz, which is not installed: pip install 'tripack[graph]'."
        ) from None
