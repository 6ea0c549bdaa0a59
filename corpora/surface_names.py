"""Names in folded words that a sentence shortens, lengthens or bends: U.S., Americans, raisins."""

from __future__ import annotations

from collections.abc import Sequence

from corpora.build import Ends, find_words

_SHORT = {
    "united states": ("u.s.", "u.s.a.", "u.s", "u.s.a", "us", "usa", "america"),
    "united kingdom": ("u.k.", "u.k", "uk", "britain"),
    "soviet union": ("u.s.s.r.", "ussr"),
}
_LONG = {"united states of america": "united states", "people's republic of china": "china"}
_PEOPLE = {
    "american": "united states",
    "argentine": "argentina",
    "australian": "australia",
    "austrian": "austria",
    "belgian": "belgium",
    "brazilian": "brazil",
    "british": "united kingdom",
    "bulgarian": "bulgaria",
    "canadian": "canada",
    "chilean": "chile",
    "chinese": "china",
    "colombian": "colombia",
    "croatian": "croatia",
    "cuban": "cuba",
    "czech": "czech republic",
    "danish": "denmark",
    "dutch": "netherlands",
    "egyptian": "egypt",
    "english": "england",
    "estonian": "estonia",
    "finnish": "finland",
    "french": "france",
    "german": "germany",
    "greek": "greece",
    "hungarian": "hungary",
    "icelandic": "iceland",
    "indian": "india",
    "indonesian": "indonesia",
    "iranian": "iran",
    "iraqi": "iraq",
    "irish": "ireland",
    "israeli": "israel",
    "italian": "italy",
    "jamaican": "jamaica",
    "japanese": "japan",
    "kenyan": "kenya",
    "malaysian": "malaysia",
    "mexican": "mexico",
    "nigerian": "nigeria",
    "norwegian": "norway",
    "pakistani": "pakistan",
    "peruvian": "peru",
    "philippine": "philippines",
    "polish": "poland",
    "portuguese": "portugal",
    "romanian": "romania",
    "russian": "russia",
    "scottish": "scotland",
    "serbian": "serbia",
    "south korean": "south korea",
    "soviet": "soviet union",
    "spanish": "spain",
    "swedish": "sweden",
    "swiss": "switzerland",
    "thai": "thailand",
    "turkish": "turkey",
    "ukrainian": "ukraine",
    "welsh": "wales",
}
_ADJECTIVES: dict[str, list[str]] = {}
for _adjective, _country in _PEOPLE.items():
    _ADJECTIVES.setdefault(_country, []).append(_adjective)
_LINKS = {"and", "or", "of", "the", "in", "by", "for", "to", "with", "a", "an", "'s", ",", "(", ")"}
_EXTRA = 2  # middle names at most


def find_country(words: Sequence[str], form: str) -> Ends | None:
    """A country by what it is called for short, or else by the adjective of its people.

    Any other name without its article.
    """
    name = form.lower().removeprefix("the ")
    name = _LONG.get(name, name)
    adjectives = _ADJECTIVES.get(name, [])
    tried = [name, *_SHORT.get(name, ()), *adjectives, *(f"{a}s" for a in adjectives)]
    found = (find_words(words, one.split()) for one in tried)
    return next((ends for ends in found if ends is not None), None)


def find_number_of(words: Sequence[str], form: str) -> Ends | None:
    """A name whose last word is in the singular where the form has the plural, or the other way round."""
    *first, last = form.lower().split() or [""]
    if len(last) < 4 or not last.isalpha():
        return None
    others = [f"{last}s", f"{last}es"]
    others += [last.removesuffix("s")] if last.endswith("s") and not last.endswith("ss") else []
    others += [last.removesuffix("es")] if last.endswith("es") else []
    found = (find_words(words, [*first, other]) for other in others)
    return next((ends for ends in found if ends is not None), None)


def find_longer(words: Sequence[str], form: str) -> Ends | None:
    """A name of two or three words with middle names between its first and last: Olga Nikolaevna Bondareva.

    A middle name that the form has and the sentence leaves out, or shortens, counts too.
    """
    parts = form.lower().split()
    if not 2 <= len(parts) <= 3 or not all(part.strip(".").isalpha() for part in parts):
        return None
    first, last = parts[0], parts[-1]
    if first in _LINKS or len(first.strip(".")) < 2 or len(last) < 3:
        return None
    for start, word in enumerate(words):
        if word != first:
            continue
        for end in range(start + 1, min(len(words), start + _EXTRA + 2)):
            if words[end] == last:
                return start, end + 1
            if words[end] in _LINKS or not words[end].strip(".").isalpha():
                break
    return None
