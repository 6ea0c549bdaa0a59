"""What becomes of each true triple of Text2KGBench, and what false predictions are instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from benchmarks.text2kgbench_truth import Ontology, perfect
from benchmarks.written_forms import Names
from extract.evaluation.text2kgbench import Strings
from extract.schemas.names import CanonicalNames
from extract.structures import Document, Triple


def lost(ontology: Ontology, documents: Mapping[str, Document], known: set[str]) -> Counter[str]:
    """True triples by what became of them.

    Args:
        documents: by sentence, extracted with `explain`.
        known: the ontology's relations that the model can give.
    """
    counts: Counter[str] = Counter()
    canonical = CanonicalNames(ontology.schema.relations)
    for id, (text, truth) in ontology.sentences.items():
        names = Names(text)
        for triple in truth:
            ends = names.find(triple[0]), names.find(triple[2])
            if ends[0] is None or ends[1] is None:
                counts["subject not named" if ends[0] is None else "object not named"] += 1
                continue
            said = ends[0], triple[1], ends[1]
            if triple[1] not in known:
                counts["relation not known"] += 1
            else:
                counts[_fate(said, triple, documents[id], canonical)] += 1
    return counts


def false(ontology: Ontology, documents: Mapping[str, Document]) -> Counter[str]:
    """Predictions whose relation some true triple of the sentence has, by what is wrong with their ends."""
    counts: Counter[str] = Counter()
    said = perfect(ontology)
    canonical = CanonicalNames(ontology.schema.relations)
    for id, (_, truth) in ontology.sentences.items():
        for triple in documents[id].triples:
            pred = _strings(triple, canonical)
            if pred[1] not in {relation for _, relation, _ in truth}:
                counts["not judged"] += 1
            else:
                counts[_fault(pred, [t for t in said[id] if t[1] == pred[1]])] += 1
    return counts


def _fate(said: Strings, truth: Strings, document: Document, canonical: CanonicalNames) -> str:
    found = {_strings(triple, canonical) for triple in document.triples}
    cut = {
        _strings(one.what, canonical)
        for one in document.removed or ()
        if isinstance(one.what, Triple)
    }
    subject, relation, object_ = said
    if said in found:
        same = all(_plain(said[end]) == _plain(truth[end]) for end in (0, 2))
        return "right" if same else "found, but the truth is spelt otherwise"
    if said in cut:
        return "cut by the decoder"
    if (object_, relation, subject) in found:
        return "in the wrong direction"
    if any(s == subject and o == object_ for s, _, o in found):
        return "pair found with another relation"
    entities = {entity.text for entity in document.entities}
    return "relation not found" if {subject, object_} <= entities else "an end not found"


def _fault(pred: Strings, said: list[Strings]) -> str:
    subject, relation, object_ = pred
    if pred in said:
        return "said, as the reader finds it"
    if not said:
        return "the true ends are not named"
    if (object_, relation, subject) in said:
        return "in the wrong direction"
    if any(_meet(subject, s) and _meet(object_, o) for s, _, o in said):
        return "an end too long or too short"
    if any(s == subject for s, _, _ in said):
        return "another object"
    return "another subject" if any(o == object_ for _, _, o in said) else "both ends others"


def _strings(triple: Triple, canonical: CanonicalNames) -> Strings:
    relation = canonical.find(triple.relation, triple.relation_id) or triple.relation
    return triple.subject.text, relation, triple.object.text


def _plain(text: str) -> str:
    return "".join(text.replace("_", " ").split()).lower()


def _meet(one: str, other: str) -> bool:
    return one in other or other in one
