"""Relations as plain values on a spaCy `Doc`: building, reading, restoring and scoring them.

The shape is written in `extract.interfaces.spacy`. Character offsets are the truth; token offsets
follow from them, since another component may merge or split tokens later.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from itertools import accumulate
from typing import Any

from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import filter_spans

from extract.errors import InputError
from extract.evaluation.metrics import Score, macro_f1
from extract.json_files import parse_json
from extract.structures import Entity, Triple

logger = logging.getLogger(__name__)

Relation = dict[str, Any]


def read_value(doc: Doc, attr: str) -> Any:
    """What `doc._.ATTR` holds, None if nothing; reading it there would store an empty list."""
    user_data: dict[Any, Any] = doc.user_data
    return user_data.get(("._.", attr, None, None))


def register_extensions(attr: str) -> None:
    """Make `doc._.ATTR`, `span._.ATTR` and `doc._.triples` available where the names are free.

    Registrations of others are left as they are: `doc._.ATTR` may then still be written, unless
    it is computed, which raises `InputError`; the two views are logged as missing.
    """
    if not Doc.has_extension(attr):
        Doc.set_extension(attr, default=[])
    _, method, getter, _ = Doc.get_extension(attr)
    if method is not None or getter is not None:
        raise InputError(
            f"doc._.{attr} is registered elsewhere as a {'method' if method else 'getter'}. "
            "Expected a free name or one that stores a value: choose another name with attr=."
        )
    if not Span.has_extension(attr):
        Span.set_extension(attr, getter=partial(relations_of_span, attr=attr))
    elif getattr(_getter(Span, attr), "func", None) is not relations_of_span:
        logger.warning("span._.%s is registered elsewhere and left as it is.", attr)
    if not Doc.has_extension("triples"):
        Doc.set_extension("triples", getter=partial(triples_of_doc, attrs=[attr]))
    elif getattr(_getter(Doc, "triples"), "func", None) is not triples_of_doc:
        logger.warning("doc._.triples is registered elsewhere and left as it is.")
    elif attr not in (attrs := _getter(Doc, "triples").keywords["attrs"]):
        attrs.append(attr)


def _getter(kind: type[Doc] | type[Span], name: str) -> Any:
    """The getter of an extension; a `functools.partial` if it is ours."""
    return kind.get_extension(name)[2]


def stored_relations(doc: Doc, attr: str) -> list[Relation] | None:
    """The relations of `doc._.ATTR`; None where nothing was ever written.

    Raises `InputError` for a value in another shape.
    """
    value = read_value(doc, attr)
    if value is None:
        return None
    if (reason := misfit(value)) is not None:
        raise InputError(f"doc._.{attr} does not hold relations of tripack: {reason}.")
    return [{**r, "qualifiers": list(r.get("qualifiers", ()))} for r in value]


def misfit(value: Any) -> str | None:
    """Why `value` is not a list of relations; None if it is one.

    Tuples pass for lists: `DocBin` turns every list of `doc.user_data` into a tuple.
    """
    if not isinstance(value, (list, tuple)):
        return f"expected a list, got {type(value).__name__}"
    for number, relation in enumerate(value):
        if not isinstance(relation, dict) or not isinstance(relation.get("label"), str):
            return f"item {number} is not a dict with a text 'label'"
        parts = {key: relation.get(key) for key in ("head", "tail")}
        qualifiers = relation.get("qualifiers", [])
        if not isinstance(qualifiers, (list, tuple)) or not all(
            isinstance(q, dict) for q in qualifiers
        ):
            return f"'qualifiers' of item {number} is not a list of dicts"
        parts |= {f"qualifiers[{i}]['value']": q.get("value") for i, q in enumerate(qualifiers)}
        if relation.get("evidence"):
            parts["evidence"] = relation["evidence"]
        for key, part in parts.items():
            offsets = [part.get(name) for name in _CHARS] if isinstance(part, dict) else []
            if not (offsets and all(isinstance(o, int) for o in offsets)):
                return f"{key} of item {number} is not a dict with integers {' and '.join(_CHARS)}"
    return None


_CHARS = ("start_char", "end_char")


def triples_of_doc(doc: Doc, attrs: Iterable[str]) -> list[tuple[str, str, str]]:
    """`doc._.triples`: (subject text, relation, object text) of each relation, in order."""
    text = doc.text
    return [
        (_text(text, relation["head"]), relation["label"], _text(text, relation["tail"]))
        for attr in attrs
        for relation in _own_relations(doc, attr)
    ]


def relations_of_span(span: Span, attr: str) -> list[Relation]:
    """`span._.ATTR`: the relations whose head or tail covers exactly the span's tokens."""
    ends = (span.start, span.end)
    return [
        relation
        for relation in _own_relations(span.doc, attr)
        if ends in [_tokens(span.doc, *_chars(relation[end])) for end in ("head", "tail")]
    ]


def _own_relations(doc: Doc, attr: str) -> list[Relation]:
    """What the views show: a value in a foreign shape, set by another component, is passed over."""
    value = read_value(doc, attr)
    return list(value) if value and misfit(value) is None else []


def relation_from_triple(doc: Doc, triple: Triple) -> Relation:
    """A triple as plain values, aligned to the tokens of `doc`, whose text it was read from."""
    return {
        "id": triple.relation_id or "",
        "label": triple.relation,
        "score": round(float(triple.score), 4),
        "head": _mention(doc, triple.subject),
        "tail": _mention(doc, triple.object),
        "qualifiers": [
            {
                "id": qualifier.label_id or "",
                "label": qualifier.label,
                "score": round(float(qualifier.score), 4),
                "value": _mention(doc, qualifier.value),
            }
            for qualifier in triple.qualifiers
        ],
        "evidence": _range(doc, *triple.sentence) if triple.sentence is not None else {},
    }


def _mention(doc: Doc, entity: Entity) -> dict[str, Any]:
    offsets = _range(doc, entity.start_char, entity.end_char)
    return {**offsets, "label": entity.label, "text": entity.text}


def _range(doc: Doc, start_char: int, end_char: int) -> dict[str, int]:
    start, end = _tokens(doc, start_char, end_char)
    return {"start": start, "end": end, "start_char": start_char, "end_char": end_char}


def _tokens(doc: Doc, start_char: int, end_char: int) -> tuple[int, int]:
    """The fewest tokens that hold the characters. Raises `InputError` outside the text."""
    last = doc[-1] if len(doc) else None
    n_chars = 0 if last is None else last.idx + len(last.text_with_ws)
    inside = 0 <= start_char < end_char <= n_chars
    span = doc.char_span(start_char, end_char, alignment_mode="expand") if inside else None
    if span is None:
        raise InputError(
            f"Expected characters within 0-{n_chars}, got {start_char}-{end_char}. "
            "These offsets belong to another text."
        )
    return span.start, span.end


def _chars(part: dict[str, Any]) -> tuple[int, int]:
    return part["start_char"], part["end_char"]


def _text(text: str, part: dict[str, Any]) -> str:
    return text[part["start_char"] : part["end_char"]]


def entity_spans(doc: Doc, entities: Iterable[Entity]) -> tuple[list[Span], list[float]]:
    """Spans of the entities in text order, outer before inner, and their scores.

    Entities of one label that fall on the same tokens become one span with the higher score.
    """
    best: dict[tuple[int, int, str], float] = {}
    for entity in entities:
        start, end = _tokens(doc, entity.start_char, entity.end_char)
        key = (start, -end, entity.label)
        best[key] = max(best.get(key, 0.0), round(float(entity.score), 4))
    spans = [Span(doc, start, -end, label=label) for start, end, label in sorted(best)]
    return spans, [best[key] for key in sorted(best)]


def set_ents(doc: Doc, spans: Iterable[Span], *, keep_blocked: bool) -> None:
    """Replace `doc.ents` by the longest of the spans that share no token.

    `keep_blocked` leaves tokens alone that were blocked by `Doc.set_ents(blocked=...)`.
    """
    blocked = [t.i for t in doc if keep_blocked and t.ent_iob_ == "B" and not t.ent_type]
    free = [span for span in spans if not any(span.start <= i < span.end for i in blocked)]
    doc.set_ents(filter_spans(free), blocked=[doc[i : i + 1] for i in blocked])


def relations_from_json(
    doc: Doc,
    data: str | Iterable[Relation],
    *,
    attr: str = "relations",
    char_offset: int = 0,
    skip_outside: bool = False,
) -> Doc:
    """Add relations to `doc._.ATTR`, such as were lost by `DocBin`, `Doc.from_docs`, `Span.as_doc`.

    `data` is what `doc._.ATTR` held, or that as JSON. Character offsets are shifted by
    `char_offset`, and tokens are found anew. Relations that are there already are not added again.

    Raises `InputError` if the data has another shape, or if the doc does not have the texts of the
    mentions at their places. With `skip_outside`, relations that reach beyond the doc are left out
    instead, and their number is logged.
    """
    try:
        value = parse_json(data) if isinstance(data, str) else list(data)
    except ValueError as error:
        raise InputError(f"Expected relations as JSON, got a text that is not: {error}.") from error
    if (reason := misfit(value)) is not None:
        raise InputError(f"Expected relations in the shape of doc._.{attr}: {reason}.")
    register_extensions(attr)
    relations = list(stored_relations(doc, attr) or [])
    n_skipped = 0
    for relation in value:
        moved = _moved(doc, relation, char_offset, skip_outside)
        if moved is None:
            n_skipped += 1
        elif moved not in relations:
            relations.append(moved)
    if n_skipped:
        logger.warning("Left out %d of %d relations outside the doc.", n_skipped, len(value))
    doc._.set(attr, relations)
    return doc


def _moved(doc: Doc, relation: Relation, shift: int, skip_outside: bool) -> Relation | None:
    """The relation with shifted characters and the tokens of `doc`; None if it is skipped."""
    qualifiers = relation.get("qualifiers", [])
    parts = [relation["head"], relation["tail"], *(q["value"] for q in qualifiers)]
    n_chars = len(doc.text)
    if skip_outside and not all(
        p["start_char"] + shift >= 0 and p["end_char"] + shift <= n_chars for p in parts
    ):
        return None
    head, tail, *values = (_moved_part(doc, part, shift) for part in parts)
    evidence = relation.get("evidence") or {}
    return {
        **relation,
        "head": head,
        "tail": tail,
        "qualifiers": [{**q, "value": v} for q, v in zip(qualifiers, values, strict=True)],
        "evidence": _moved_evidence(doc, evidence, shift) if evidence else {},
    }


def _moved_part(doc: Doc, part: dict[str, Any], shift: int) -> dict[str, Any]:
    moved = {**part, **_range(doc, part["start_char"] + shift, part["end_char"] + shift)}
    got = _text(doc.text, moved)
    if part.get("text", got) != got:
        raise InputError(
            f"Expected {part['text']!r} at characters {moved['start_char']}-{moved['end_char']}, "
            f"the doc has {got!r}. Pass the doc the relations came from, or set char_offset."
        )
    return moved


def _moved_evidence(doc: Doc, evidence: dict[str, int], shift: int) -> dict[str, int]:
    """The sentence's range, cut to the doc: `Span.as_doc` may keep a part of a sentence."""
    start, end = max(0, evidence["start_char"] + shift), evidence["end_char"] + shift
    return _range(doc, start, min(end, len(doc.text)))


def score_relations(examples: Iterable[Example], attr: str) -> dict[str, Any]:
    """Scores of `doc._.ATTR`, predicted against reference, as fractions in [0, 1].

    - `rel_micro_p/r/f`: both spans and the relation are right (boundary).
    - `rel_macro_f`: the mean of the same F1 over the relations that occur in gold.
    - `rel_strict_p/r/f`: micro, also both entity types are right.
    - `rel_per_type`: boundary p, r and f of each relation in gold or predictions.

    Examples whose reference was never given relations are passed over; None where all are. Spans
    are compared by their characters, white space not counted, so the two tokenisations may differ.
    """
    boundary, strict = Score(), Score()
    per_type: dict[str, Score] = {}
    n_scored = 0
    for example in examples:
        if stored_relations(example.reference, attr) is None:
            continue
        n_scored += 1
        gold, pred = (_facts(doc, attr) for doc in (example.reference, example.predicted))
        strict += Score.of(gold, pred)
        gold, pred = ({fact[:3] for fact in facts} for facts in (gold, pred))
        boundary += Score.of(gold, pred)
        for label in {fact[0] for fact in gold | pred}:
            sides = ({fact for fact in facts if fact[0] == label} for facts in (gold, pred))
            per_type[label] = per_type.get(label, Score()) + Score.of(*sides)
    values: dict[str, Any] = {
        **{f"rel_micro_{name}": value for name, value in _prf(boundary).items()},
        "rel_macro_f": macro_f1(per_type),
        **{f"rel_strict_{name}": value for name, value in _prf(strict).items()},
        "rel_per_type": {label: _prf(score) for label, score in sorted(per_type.items())},
    }
    return values if n_scored else dict.fromkeys(values)


def _prf(score: Score) -> dict[str, float]:
    return {"p": score.precision, "r": score.recall, "f": score.f1}


def _facts(doc: Doc, attr: str) -> set[tuple[Any, ...]]:
    """(relation, head, tail, head type, tail type), ends counted in characters but white space."""
    place = list(accumulate((not char.isspace() for char in doc.text), initial=0))
    facts = set()
    for relation in stored_relations(doc, attr) or []:
        ends = [relation["head"], relation["tail"]]
        for end in ends:
            if not 0 <= end["start_char"] < end["end_char"] < len(place):
                raise InputError(
                    f"Expected characters within 0-{len(place) - 1} in doc._.{attr}, got "
                    f"{end['start_char']}-{end['end_char']}. These offsets belong to another text."
                )
        spans = [(place[end["start_char"]], place[end["end_char"]]) for end in ends]
        facts.add((relation["label"], *spans, *(end.get("label", "") for end in ends)))
    return facts
