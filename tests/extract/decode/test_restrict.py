"""A model's schema held to another one, and what the decoder then gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from extract.decode.candidates import Candidates
from extract.decode.constraints import Constraints
from extract.decode.decoder import Decoder
from extract.decode.limits import UNKNOWN
from extract.decode.restrict import Restriction, restrict
from extract.errors import SchemaError
from extract.schema import EntityType, QualifierType, Relation, Schema
from extract.structures import Entity, Sentence, Triple
from tests.extract.cases import tokens_of

OWN = Schema(
    (EntityType("PER"), EntityType("LOC"), EntityType("ORG")),
    (
        Relation("born in", "P19", domain=("PER",), range=("LOC", "ORG")),
        Relation("member of", "P463", range=("ORG",)),
        Relation("near", "P47"),
    ),
    (QualifierType("when", "P585"), QualifierType("where", "P276", relations=("near",))),
    "own",
)
# Ann (PER), Lund (LOC, less so ORG), Acme (ORG): all triples likely, with a qualifier each.
CANDIDATES = Candidates(
    np.array([[0, 1], [1, 2], [2, 3]], np.int64),
    np.array([[5, -5, -5], [-5, 4, 1], [-5, -5, 5]], np.float32),
    np.array([[0, 0, 1], [0, 1, 2], [1, 2, 2], [0, 0, 2]], np.int64),
    np.array([3, 3, 3, 1], np.float32),
    np.array([[0, 0, 2], [2, 1, 0]], np.int64),
    np.array([2, 2], np.float32),
)


def decoded(restriction: Restriction) -> Sentence:
    decoder = Decoder(restriction.schema, limits=restriction.limits)
    return decoder.decode("Ann Lund Acme", Sentence(tokens_of(["Ann", "Lund", "Acme"])), CANDIDATES)


def said(sentence: Sentence) -> set[str]:
    return {f"{t.subject.text} {t.relation} {t.object.text}" for t in sentence.triples}


def test_without_limits_everything_is_given() -> None:
    found = decoded(restrict(OWN, OWN))
    assert said(found) == {
        "Ann born in Lund",
        "Ann born in Acme",
        "Ann member of Acme",
        "Lund near Acme",
    }
    assert len([q for t in found.triples for q in t.qualifiers]) == 2
    assert restrict(OWN, OWN).report() is None


def test_relations_that_the_schema_lacks_are_dropped() -> None:
    wanted = Schema((), (Relation("birthplace", "P19"), Relation("x", aliases=("near",))), name="w")
    restriction = restrict(OWN, wanted)
    assert restriction.limits.relations.tolist() == [True, False, True]
    assert said(decoded(restriction)) == {"Ann born in Lund", "Ann born in Acme", "Lund near Acme"}
    assert len(decoded(restriction).entities) == 3  # the schema names no type that the model has


def test_domain_range_and_functional_of_the_schema_are_enforced() -> None:
    types = (EntityType("Place", aliases=("LOC",)), EntityType("City", parents=("Place",)))
    people = (EntityType("PER"), EntityType("ORG"))
    wanted = Schema((*types, *people), (Relation("born in", range=("Place",)),))
    assert said(decoded(restrict(OWN, wanted))) == {"Ann born in Lund"}
    functional = Schema((), (Relation("born in", functional=True),))
    assert said(decoded(restrict(OWN, functional))) == {"Ann born in Lund"}
    held = restrict(OWN, wanted).schema.relation("born in")
    assert (held.domain, held.range) == (("PER",), ("LOC",))


def test_entity_types_that_the_schema_lacks_are_not_given() -> None:
    wanted = Schema((EntityType("PER"), EntityType("LOC")), OWN.relations[2:])
    found = decoded(restrict(OWN, wanted))
    assert {(e.text, e.label) for e in found.entities} == {("Ann", "PER"), ("Lund", "LOC")}
    assert said(found) == set()  # Acme is of no type that is wanted


def test_what_the_schema_lacks_is_explained_as_such() -> None:
    wanted = Schema((EntityType("PER"), EntityType("LOC")), OWN.relations[2:])
    restriction = restrict(OWN, wanted)
    decoder = Decoder(restriction.schema, limits=restriction.limits)
    sentence = Sentence(tokens_of(["Ann", "Lund", "Acme"]))
    removed = decoder.decode("Ann Lund Acme", sentence, CANDIDATES, explain=True).removed
    assert removed is not None
    reasons = {
        (r.what.text, r.what.label): r.constraint for r in removed if isinstance(r.what, Entity)
    }
    assert reasons == {("Acme", "ORG"): UNKNOWN, ("Lund", "ORG"): UNKNOWN}
    triples = [r for r in removed if isinstance(r.what, Triple) and not r.what.qualifiers]
    assert {r.what.relation: r.constraint == UNKNOWN for r in triples} == {  # type: ignore[union-attr]
        "born in": True, "member of": True, "near": False,
    }  # fmt: skip
    plain = Decoder(OWN).decode("Ann Lund Acme", sentence, CANDIDATES, explain=True).removed
    assert plain is not None and UNKNOWN not in {r.constraint for r in plain}


def test_types_below_a_wanted_type_stay() -> None:
    own = replace(OWN, entity_types=(*OWN.entity_types[:2], EntityType("ORG", parents=("LOC",))))
    wanted = Schema((EntityType("LOC"), EntityType("PER")), (Relation("near", range=("LOC",)),))
    restriction = restrict(own, wanted)
    assert restriction.limits.entity_types.all()
    assert restriction.schema.relation("near").range == ("LOC", "ORG")
    assert said(decoded(restriction)) == {"Lund near Acme"}


def test_a_schema_without_relations_leaves_entities_alone() -> None:
    found = decoded(restrict(OWN, Schema((EntityType("ORG"),))))
    assert [(e.text, e.label) for e in found.entities][-1] == ("Acme", "ORG")
    assert {e.label for e in found.entities} == {"ORG"} and not found.triples


def test_contradicting_ends_drop_the_relation() -> None:
    wanted = Schema((EntityType("LOC"),), (Relation("member of", range=("LOC",)), Relation("near")))
    assert restrict(OWN, wanted).limits.relations.tolist() == [False, False, True]


def test_ends_whose_types_the_model_lacks_stay_as_they_are() -> None:
    wanted = Schema((EntityType("Town"),), (Relation("born in", range=("Town",)),))
    restriction = restrict(OWN, wanted)
    assert restriction.schema.relation("born in").range == ("LOC", "ORG")
    assert restriction.report() == "entity types Town"


def test_qualifiers_are_held_to_those_of_the_schema() -> None:
    wanted = replace(OWN, qualifiers=(QualifierType("date", "P585", range=("LOC",)),))
    restriction = restrict(OWN, wanted)
    assert restriction.limits.qualifiers.tolist() == [True, False]
    assert restriction.schema.qualifiers[0].range == ("LOC",)
    assert not [q for t in decoded(restriction).triples for q in t.qualifiers]
    elsewhere = replace(OWN, qualifiers=(QualifierType("where", relations=("born in",)),))
    assert restrict(OWN, elsewhere).limits.qualifiers.tolist() == [False, False]
    # Of a relation that the model does not know: no relation of the model's may take it.
    unknown = replace(
        OWN,
        relations=(*OWN.relations, Relation("divorced from")),
        qualifiers=(QualifierType("when", relations=("divorced from",)),),
    )
    assert restrict(OWN, unknown).limits.qualifiers.tolist() == [False, False]
    none = restrict(OWN, replace(OWN, qualifiers=()))
    assert none.limits.qualifiers.all()


def test_unknown_labels_are_reported_in_one_short_line() -> None:
    more = tuple(Relation(f"r{i}") for i in range(10))
    wanted = Schema((EntityType("X"),), (Relation("born in"), *more))
    assert restrict(OWN, wanted).report() == (
        "entity types X; relations r0, r1, r2, r3, r4, r5, r6, r7 and 2 more"
    )


def test_a_schema_of_other_relations_alone_is_refused() -> None:
    with pytest.raises(SchemaError) as caught:
        restrict(OWN, Schema((), (Relation("likes"),), name="w"), "own 1.0")
    assert str(caught.value) == (
        "Schema 'w' has no relation that own 1.0 knows by name or id: expected some of born in, "
        "member of, near, got likes."
    )


def test_symmetric_and_inverse_are_taken_over_by_the_model_names() -> None:
    wanted = Schema(
        (),
        (
            Relation("a", "P19", inverse="b"),
            Relation("b", "P47", symmetric=True, inverse="c"),
            Relation("c"),
        ),
    )
    schema = restrict(OWN, wanted).schema
    assert schema.relation("born in").inverse == "near"
    assert schema.relation("near").symmetric and schema.relation("near").inverse is None


def test_what_admits_a_type_or_relation_admits_those_below_it() -> None:
    schema = Schema(
        (EntityType("City", parents=("Place",)), EntityType("Place"), EntityType("Person")),
        (Relation("near", domain=("Place",)), Relation("next to", parents=("near",))),
        (QualifierType("q", relations=("near",), range=("Place",)),),
    )
    tables = Constraints.from_schema(schema, nested=False)
    assert tables.domain.tolist() == [[True, True, False], [True, True, True]]
    assert tables.range.all()
    assert tables.takes.tolist() == [[True, True]]
    assert tables.value_range.tolist() == [[True, True, False]]
