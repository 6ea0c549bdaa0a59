"""Texts into a store: in groups that follow from the input alone, so that interruptions change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from extract.interfaces.cli.graph import intake
from extract.interfaces.cli.graph.extraction import Extraction
from extract.interfaces.cli.graph.intake import Intake
from extract.interfaces.extraction import ModelOptions
from extract.kg.store import GraphStore
from extract.kg.structures import DocumentFacts
from tests.extract.interfaces.test_cli_graph import FACTS

TEXTS = [(f"t{n}", f"{FACTS[n % 2]} {FACTS[0] if n % 3 else ''}".strip()) for n in range(7)]


class Watched(Extraction):
    """Notes what is extracted together; is interrupted in the group that `stop` says."""

    def __init__(self, model: Path, stop: int | None = None) -> None:
        super().__init__(ModelOptions(str(model), threads=1, device="cpu"))
        self.groups: list[list[str]] = []
        self._stop = stop

    def facts(self, items: list[tuple[str, str]]) -> list[DocumentFacts]:  # type: ignore[override]
        if len(self.groups) == self._stop:
            raise KeyboardInterrupt
        self.groups.append([id for id, _ in items])
        return super().facts(items)


@pytest.fixture(autouse=True)
def groups_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "GROUP", 3)


def take(folder: Path, extraction: Extraction) -> bytes:
    with GraphStore(folder, write=True) as store:
        for _ in Intake(store, extraction).take(iter(TEXTS)):
            pass
        store.derive()
        return store.nquads()


@pytest.mark.parametrize("stop", [0, 1, 2])
def test_interrupted_extraction_goes_on_with_the_groups_it_would_have_made(
    tmp_path: Path, tiny_model: Path, stop: int
) -> None:
    at_once = Watched(tiny_model)
    expected = take(tmp_path / "at-once", at_once)
    assert at_once.groups == [["t0", "t1", "t2"], ["t3", "t4", "t5"], ["t6"]]
    with pytest.raises(KeyboardInterrupt):
        take(tmp_path / "g", Watched(tiny_model, stop))
    resumed = Watched(tiny_model)
    assert take(tmp_path / "g", resumed) == expected
    assert resumed.groups == at_once.groups[stop:]


def test_other_model_or_threshold_is_another_origin(tiny_model: Path, tiny_run: Path) -> None:
    def origin(model: object, threshold: float | None = None, decoder: str = "greedy") -> str:
        options = ModelOptions(str(model), decoder=decoder, threshold=threshold, device="cpu")
        return Extraction(options).origin("x")

    assert origin(tiny_model) == origin(tiny_run)  # a run folder stands for its model
    others = [origin(tiny_model, 0.5), origin(tiny_model, None, "exact"), origin("wikidata-small")]
    assert len({origin(tiny_model), *others}) == 4
