from __future__ import annotations

import json
import string
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.errors import InputError
from extract.kg.abbreviations import _Longs, _reason, abbreviates, initials
from extract.kg.alias_file import read_aliases
from extract.kg.entities import BaseEntities, EntityTypes
from extract.kg.resolve import RULES, ResolutionConfig, resolve
from extract.kg.rules_of_names import _Persons
from extract.kg.similarity import name_similarity
from extract.kg.structures import Mention
from extract.kg.surface import may_name
from tests.extract.kg.texts import groups, resolved


def _together(*texts: str) -> frozenset[str]:
    return frozenset(texts)


def test_same_surface_is_one_entity_across_documents() -> None:
    found = resolved(
        a="[The United States|LOC]", b="[united states|LOC] and [Apple Inc.|ORG], [Apple|ORG]"
    )
    assert groups(found) == {
        _together("The United States", "united states"),
        _together("Apple Inc.", "Apple"),
    }
    assert found.merges == ()


def test_same_surface_of_conflicting_types_stays_apart() -> None:
    assert len(groups(resolved(a="[Amazon|ORG] [Amazon|LOC]"))) == 1  # one set of texts...
    assert len(set(resolved(a="[Amazon|ORG] [Amazon|LOC]").canonical.values())) == 2


def test_same_surface_without_type_joins_the_only_type() -> None:
    found = resolved(a="[Oslo|LOC]", b="[Oslo]")
    assert len(set(found.canonical.values())) == 1
    assert [(m.rule, m.because) for m in found.merges] == [
        ("same surface", "both are 'oslo' when normalised")
    ]


def test_same_surface_without_type_joins_none_of_two_types() -> None:
    assert len(set(resolved(a="[Amazon|ORG] [Amazon|LOC]", b="[Amazon]").canonical.values())) == 3


def test_same_surface_of_compatible_types_is_one_entity() -> None:
    types = EntityTypes(compatible=(("City", "LOC"),))
    found = resolved(ResolutionConfig(types=types), a="[Oslo|LOC]", b="[Oslo|CITY]")
    assert len(set(found.canonical.values())) == 1


def test_abbreviation_in_brackets_is_its_long_form_everywhere() -> None:
    found = resolved(
        a="The [World Health Organization|ORG] ([WHO|ORG]) met.", b="[WHO|ORG] met again."
    )
    assert groups(found) == {_together("World Health Organization", "WHO")}
    (merge,) = found.merges
    assert (merge.rule, merge.score) == ("abbreviation", 1.0)
    assert merge.because == "'World Health Organization' and 'WHO' stand beside each other in 'a'"


def test_abbreviation_by_initials_in_one_document() -> None:
    found = resolved(a="[EU|ORG] is the [European Union|ORG], [U.N.|ORG] the [United Nations|ORG].")
    assert groups(found) == {_together("EU", "European Union"), _together("U.N.", "United Nations")}


def test_abbreviation_of_another_document_is_not_looked_for() -> None:
    assert len(groups(resolved(a="[EU|ORG]", b="[European Union|ORG]"))) == 2


def test_abbreviation_that_documents_read_differently_stays_apart() -> None:
    found = resolved(
        a="[Modern Language Association|ORG] ([MLA|ORG])",
        b="[Medical Library Association|ORG] ([MLA|ORG])",
    )
    assert len(groups(found)) == 3


def test_abbreviation_with_two_long_forms_in_its_document_stays_apart() -> None:
    text = "[Modern Language Association|ORG], [Medical Library Association|ORG], and the [MLA|ORG]"
    assert len(groups(resolved(a=text))) == 3


def test_abbreviation_of_another_type_stays_apart() -> None:
    assert len(groups(resolved(a="[World Health Organization|ORG] ([WHO|MISC])"))) == 2


def test_initials_leave_small_words_out_or_not() -> None:
    assert initials("University of California at Los Angeles") == {"uocala", "ucla"}
    assert initials("Unesco") == set()
    assert abbreviates("nato", "north atlantic treaty organization")
    assert not abbreviates("nato", "atlantic north treaty organization")


def test_personal_name_joins_the_fuller_name_of_its_document() -> None:
    found = resolved(a="[John Smith|PER] met [Jane Doe|PER]. [Smith|PER] and [J. Smith|PER] won.")
    assert _together("John Smith", "Smith@a", "J. Smith@a") in groups(found)


def test_personal_name_shared_by_documents_joins_nobody() -> None:
    found = resolved(
        a="[John Smith|PER], [Smith|PER]", b="[Jane Smith|PER], [Smith|PER]", c="[Smith|PER]"
    )
    assert groups(found) == {
        _together("John Smith", "Smith@a"), _together("Jane Smith", "Smith@b"), _together("Smith@c"),
    }  # fmt: skip


def test_personal_name_of_two_people_in_the_document_joins_nobody() -> None:
    assert len(groups(resolved(a="[John Smith|PER], [Jane Smith|PER] and [Smith|PER]"))) == 3


def test_personal_name_forms_of_one_name_count_as_one() -> None:
    found = resolved(a="[John Paul Smith|PER], or [John Smith|PER], is [Smith|PER].")
    assert groups(found) == {_together("John Paul Smith", "John Smith", "Smith@a")}


def test_personal_name_that_documents_complete_differently_stays_apart() -> None:
    found = resolved(
        a="[John Paul Smith|PER], [John Smith|PER]", b="[John Adam Smith|PER], [John Smith|PER]"
    )
    assert len(groups(found)) == 3


def test_similar_text_joins_spellings() -> None:
    found = resolved(a="[Vranjanska Pljeskavica|MISC]", b="[Vranjanska Pljeskavića|MISC]")
    assert len(groups(found)) == 1
    (merge,) = found.merges
    assert (merge.rule, merge.score) == ("similar text", 1.0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("russia", "russian"), ("iberia", "siberia"), ("indian", "indiana"), ("north korea", "south korea"),
        ("apollo 11", "apollo 12"), ("world war one", "world war two"), ("hudson", "hudson river"),
        ("type 12345", "type 12346"), ("iran", "iraq"),
        ("version 1 10", "version 11 0"), ("boeing 737 800", "boeing 73 7800"), ("3 14 inc", "314 inc"),
    ],
)  # fmt: skip
def test_similar_text_other_names_are_not_alike(one: str, other: str) -> None:
    assert name_similarity(one, other) < 0.9
    assert name_similarity(one, other) == name_similarity(other, one)


def test_similar_text_persons_and_single_words_meet_in_a_document_only() -> None:
    one = "[Alexandrina Johnson|PER], [Kingstowne|LOC]"
    other = "[Alexandrena Johnson|PER], [Kingstawne|LOC]"
    assert len(groups(resolved(a=one, b=other))) == 4
    assert len(groups(resolved(a=f"{one}, {other}"))) == 2


_WORD = st.text(string.ascii_lowercase, min_size=8, max_size=12)


@settings(deadline=None)
@given(st.lists(_WORD, min_size=1, max_size=4), st.data())
def test_similar_text_one_wrong_letter_is_found_in_any_word(
    words: list[str], data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(words) - 1))
    at = data.draw(st.integers(1, len(words[number]) - 1))
    letter = data.draw(st.sampled_from(string.ascii_lowercase))
    wrong = words[number][:at] + letter + words[number][at + 1 :]
    changed = [*words[:number], wrong, *words[number + 1 :]]
    texts = " ".join(words), " ".join(changed)
    if sorted(words)[0][0] == sorted(changed)[0][0] and name_similarity(*texts) >= 0.85:
        mentions = [Mention("d", i * 99, i * 99 + len(t), t, "MISC") for i, t in enumerate(texts)]
        config = ResolutionConfig(rules=("similar text",), similarity=0.85)
        assert len(set(resolve(mentions, config).canonical.values())) == 1


def test_alias_file_joins_names_across_documents(tmp_path: Path) -> None:
    path = tmp_path / "aliases.json"
    path.write_text(
        json.dumps({"Muhammad Ali": ["Cassius Clay"], "Aristotle": []}), encoding="utf-8"
    )
    config = ResolutionConfig(aliases=read_aliases(path))
    found = resolved(
        config, a="[Cassius Clay|PER], [Aristotle|PER]", b="[Muhammad Ali|PER], [Aristotle|PER]"
    )
    assert groups(found) == {
        _together("Cassius Clay", "Muhammad Ali"),
        _together("Aristotle@a", "Aristotle@b"),
    }
    assert {m.because for m in found.merges} == {
        "both are names of 'Muhammad Ali'",
        "both are names of 'Aristotle'",
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "expected JSON in UTF-8, but Expecting value: line 1 column 2"),
        ("[]", 'expected an object like {"Muhammad Ali": ["Cassius Clay"]}, got []'),
        ('{"a": "b"}', "got 'b' for 'a'"),
        ('{"a": [1]}', "got [1] for 'a'"),
        (None, "No such file"),
    ],
)
def test_alias_file_malformed_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "aliases.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_aliases(path)
    assert message in str(caught.value)


def test_embedding_joins_what_its_encoder_puts_close(tiny_encoder: Path) -> None:
    config = ResolutionConfig(
        rules=("embedding",), encoder=str(tiny_encoder), embedding_similarity=0.999
    )
    text = "[Oslo|LOC], [Bergen|LOC], [Oslo|ORG]"
    assert len(set(resolved(config, a=text).canonical.values())) == 3
    near = resolved(replace(config, embedding_similarity=0.01), a=text, b="[Paris|LOC]")
    assert len(set(near.canonical.values())) == 3  # types stay apart, and so do documents
    (merge,) = near.merges
    assert merge.rule == "embedding"
    assert "'bergen' and 'oslo'" in merge.because or "'oslo' and 'bergen'" in merge.because


def test_resolution_config_unknown_rule_lists_the_known() -> None:
    with pytest.raises(InputError, match=r"Unknown resolution rule 'fuzzy'.*similar text"):
        ResolutionConfig(rules=("fuzzy",))
    with pytest.raises(InputError, match=r"similarity in \(0, 1\], got 90"):
        ResolutionConfig(similarity=90)


_TEXTS = st.sampled_from(
    ["John Smith", "Smith", "J. Smith", "Jane Smith", "World Bank", "WB", "World Banc", "The World Bank",
     "W.B.", "Wold Bank", "Smyth", "Worldbank"]
)  # fmt: skip
_MENTIONS = st.lists(
    st.builds(
        lambda document, start, text, type: Mention(document, start, start + len(text), text, type),
        st.sampled_from("abc"), st.integers(0, 40), _TEXTS, st.sampled_from(["PER", "ORG", None]),
    ),
    max_size=14,
)  # fmt: skip


@settings(deadline=None)
@given(_MENTIONS, st.randoms())
def test_resolve_order_and_repetition_change_nothing(
    mentions: list[Mention], random: object
) -> None:
    found = resolve(mentions)
    shuffled = [*mentions, *mentions[:3]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    again = resolve(shuffled)
    assert (again.canonical, again.merges) == (found.canonical, found.merges)


@settings(deadline=None)
@given(_MENTIONS)
def test_resolve_types_of_a_cluster_never_conflict(mentions: list[Mention]) -> None:
    found = resolve(mentions)
    types: dict[str, set[str]] = {}
    for mention in mentions:
        types.setdefault(found.of(mention), set()).update({mention.type} - {None})
    assert all(len(own) <= 1 for own in types.values())


@settings(deadline=None)
@given(_MENTIONS)
def test_resolve_merges_explain_the_clusters(mentions: list[Mention]) -> None:
    found = resolve(mentions)
    left = {id: id for id in found.bases}

    def root(id: str) -> str:
        return id if left[id] == id else root(left[id])

    for merge in found.merges:
        assert merge.left < merge.right
        assert merge.rule in RULES
        assert root(merge.left) != root(merge.right)  # none is superfluous
        left[root(merge.left)] = root(merge.right)
    clusters = {
        (root(a), root(b)) for a in left for b in left if found.canonical[a] == found.canonical[b]
    }
    assert all(a == b for a, b in clusters)
    assert len({root(id) for id in left}) == len(set(found.canonical.values()))


NAMES = st.lists(
    st.lists(
        st.sampled_from(["a", "b", "ann", "ada", "bo", "bell", "bo-bell"]), min_size=1, max_size=4
    ),
    min_size=2,
    max_size=12,
)


@given(NAMES)
def test_fuller_names_are_among_those_that_share_the_rarest_word(names: list[list[str]]) -> None:
    text = ", ".join(" ".join(words).title() for words in names)
    mentions, at = [], 0
    for words in names:
        name = " ".join(words).title()
        mentions.append(Mention("d", at, at + len(name), name, "PER"))
        at += len(name) + 2
    assert all(text[m.start : m.end] == m.text for m in mentions)
    persons = list(BaseEntities(mentions, EntityTypes()).values())
    index = _Persons(persons)
    for short in persons:
        fuller = [p for p in persons if may_name(short.surface, p.surface)]
        assert [p for p in index.sharing(short.surface) if p in fuller] == fuller


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["AB", "AdB", "Ab of Bc", "Add Bcd", "B A", "X-Y"]), st.integers(1, 4)
        )
    )
)
def test_long_forms_are_found_by_initials_and_by_place(parts: list[tuple[str, int]]) -> None:
    mentions, at = [], 0
    for name, gap in parts:
        mentions.append(Mention("d", at, at + len(name), name, "ORG"))
        at += len(name) + gap
    bases = list(BaseEntities(mentions, EntityTypes()).values())
    longs = [base for base in bases if " " in base.surface]
    index = _Longs(longs, "d")
    for short in bases:
        letters = short.texts[0].casefold()
        reasoned = {x.id for x in longs if _reason(short, x, letters, "d") is not None}
        assert reasoned <= {x.id for x in index.near(short, letters)}
