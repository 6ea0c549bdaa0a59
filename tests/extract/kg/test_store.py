"""A stored graph: idempotent, independent of order and of interruptions, one writer at a time."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyoxigraph import RdfFormat

from extract.errors import OutputError, StoreError
from extract.kg.fact_base import Upsert
from extract.kg.facts import facts_of
from extract.kg.graph_settings import GraphSettings
from extract.kg.resolve import ResolutionConfig
from extract.kg.store import Change, GraphStore
from extract.kg.structures import DocumentFacts, Merge
from tests.extract.interfaces.command import ROOT, environment
from tests.extract.kg.graphs import documents, graph, records


def build(folder: Path, facts: Iterable[DocumentFacts]) -> bytes:
    """A store of the facts, derived; its N-Quads."""
    with GraphStore(folder, write=True) as store:
        for one in facts:
            store.add(one)
        store.derive()
        return store.nquads()


def test_same_documents_again_change_nothing(tmp_path: Path) -> None:
    before = build(tmp_path / "g", documents())
    with GraphStore(tmp_path / "g", write=True) as store:
        assert [store.add(one) for one in documents()] == [Upsert.UNCHANGED] * 3
        assert store.derive() == Change()
        assert store.nquads() == before != b""


def test_graph_in_memory_is_that_of_the_documents(tmp_path: Path) -> None:
    build(tmp_path / "g", documents())
    with GraphStore(tmp_path / "g") as store:
        assert store.graph() == graph()
        assert list(store.documents()) == sorted(documents(), key=lambda one: one.document)


@settings(max_examples=8, deadline=None)
@given(st.permutations(range(3)), st.sets(st.integers(0, 2)))
def test_order_and_derivations_between_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], stops: set[int]
) -> None:
    folder, facts = tmp_path_factory.mktemp("order"), documents()
    expected = build(folder / "at-once", facts)
    with GraphStore(folder / "g", write=True) as store:
        for at, number in enumerate(order):
            store.add(facts[number])
            if at in stops:
                store.derive()
        store.derive()
        assert store.nquads() == expected


def test_changed_document_replaces_its_old_facts(tmp_path: Path) -> None:
    build(tmp_path / "g", documents())
    shorter = records()[0] | {"triples": records()[0]["triples"][:1]}
    with GraphStore(tmp_path / "g", write=True) as store:
        assert store.add(facts_of(shorter)) is Upsert.REPLACED
        change = store.derive()
        assert (change.statements_added, change.statements_removed) == (0, 1)
        again = store.nquads()
    assert again == build(tmp_path / "new", [facts_of(shorter), *documents()[1:]])


def test_derive_touches_only_what_changed(tmp_path: Path) -> None:
    build(tmp_path / "g", documents()[:2])
    with GraphStore(tmp_path / "g", write=True) as store:
        store.add(documents()[2])
        before, change = len(store.rdf), store.derive()
        assert change.quads_removed == 0 and change.statements_added == 2
        assert len(store.rdf) == before + change.quads_added


@pytest.mark.parametrize("style", ["rdf12", "wikidata", "reification"])
def test_settings_are_kept_and_a_change_rewrites_the_rdf(tmp_path: Path, style: str) -> None:
    build(tmp_path / "g", documents())
    resolution = ResolutionConfig(rules=("abbreviation",), aliases=(("Yale", "Harvard"),))
    chosen = GraphSettings(style, "https://example.org/kg/", resolution)
    with GraphStore(tmp_path / "g", write=True) as store:
        store.configure(chosen)
        assert not store.is_current
        store.derive()
        again = store.nquads()
    with GraphStore(tmp_path / "g") as store:
        assert store.settings == chosen and store.is_current
    with GraphStore(tmp_path / "new", write=True) as store:
        store.configure(chosen)
        store.add_all((one, None) for one in documents())
        store.derive()
        assert store.nquads() == again


@settings(max_examples=8, deadline=None)
@given(st.randoms(use_true_random=False), st.floats(0, 1))
def test_rdf_cut_off_anywhere_is_completed(
    tmp_path_factory: pytest.TempPathFactory, chance: random.Random, share: float
) -> None:
    folder = tmp_path_factory.mktemp("cut") / "g"
    expected = build(folder, documents()[:2])
    stale = build(folder.with_name("other"), documents()[1:])
    with GraphStore(folder, write=True) as store:
        other = [q for q in stale.decode().splitlines() if chance.random() < share]
        for quad in list(store.rdf):
            if chance.random() < share:
                store.rdf.remove(quad)
        store.rdf.load("\n".join(other).encode(), format=RdfFormat.N_QUADS)
        store._base.write_notes(derived=None)
        store.derive()
        assert store.nquads() == expected


def test_run_killed_while_it_wrote_what_is_then_taken_back_is_repaired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = build(tmp_path / "g", documents())
    without_triples = facts_of(records()[0] | {"triples": []})

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with GraphStore(tmp_path / "g", write=True) as store:
        store.add(without_triples)
        monkeypatch.setattr(
            "extract.kg.store._statements", stop
        )  # met when all but the note is written
        with pytest.raises(KeyboardInterrupt):
            store.derive()
        monkeypatch.undo()
        assert store.nquads() != expected
        store.add(documents()[0])
        assert not store.is_current
        store.derive()
        assert store.nquads() == expected


# Merging by hand.


def test_merge_then_unmerge_gives_the_graph_of_before(tmp_path: Path) -> None:
    before = build(tmp_path / "g", documents())
    nodes = {node.label: node for node in graph().nodes.values()}
    one, other = nodes["Harvard"].id, nodes["Yale"].id
    with GraphStore(tmp_path / "g", write=True) as store:
        merged = store.decide(Merge(one, other, "same", "user", "a joke", 1.0))
        change = store.derive(merged)
        assert change.statements_removed and store.nquads() != before
        assert merged == store.graph() and len(merged.nodes) == len(nodes) - 1
    with GraphStore(tmp_path / "g", write=True) as store:
        store.derive(store.decide(Merge(other, one, "different", "user", "no joke", 1.0)))
        assert [v.verdict for v in store.verdicts()] == ["different"]
        assert store.nquads() == before


def test_verdict_holds_for_documents_that_come_later(tmp_path: Path) -> None:
    short, full = _parkers()
    with GraphStore(tmp_path / "g", write=True) as store:
        store.add(documents()[0])
        store.decide(Merge(short, full, "different", "user", "father and son", 1.0))
        store.add(documents()[1])
        store.derive()
        assert {short, full} <= store.graph().nodes.keys()


def test_verdict_on_unknown_entity_is_refused_and_not_kept(tmp_path: Path) -> None:
    build(tmp_path / "g", documents())
    with GraphStore(tmp_path / "g", write=True) as store:
        with pytest.raises(StoreError, match="no entity 'nobody'"):
            store.decide(Merge("nobody", _parkers()[0], "same", "user", "", 1.0))
        assert store.verdicts() == () and store.is_current


def _parkers() -> tuple[str, str]:
    """The identifiers of "Parker" in doc/1 and of "Leonard Parker", which a rule merges."""
    merge = next(m for m in graph().merges if m.rule == "personal name")
    return merge.left, merge.right


# One writer, many readers, no half-made folders.


def test_second_writer_and_reader_beside_writer_are_refused(tmp_path: Path) -> None:
    build(tmp_path / "g", documents())
    with GraphStore(tmp_path / "g", write=True):
        for write in (True, False):
            with pytest.raises(StoreError, match="by another process"):
                GraphStore(tmp_path / "g", write=write).__enter__()
    with GraphStore(tmp_path / "g") as one, GraphStore(tmp_path / "g") as other:
        assert one.nquads() == other.nquads()
        with pytest.raises(StoreError, match="is being read or written"):
            GraphStore(tmp_path / "g", write=True).__enter__()
    with GraphStore(tmp_path / "g", write=True) as store:
        assert store.is_current


def test_writer_in_another_process_is_refused_until_it_is_killed(tmp_path: Path) -> None:
    code = "import sys; from extract.kg.store import GraphStore\n"
    code += "with GraphStore(sys.argv[1], write=True): print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(tmp_path / "g")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment(), cwd=ROOT) as other:
        assert other.stdout is not None and other.stdout.readline() == b"open\n"
        with pytest.raises(StoreError, match="by another process"):
            GraphStore(tmp_path / "g", write=True).__enter__()
        other.kill()
    build(tmp_path / "g", documents())


def test_reading_what_is_no_graph_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no graph"):
        GraphStore(tmp_path / "none").__enter__()
    with pytest.raises(StoreError, match="holds no graph"):
        GraphStore(tmp_path / "none", write=True, create=False).__enter__()
    assert not (tmp_path / "none").exists()


def test_folder_with_other_files_and_file_are_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for place in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(StoreError, match="Expected a new or empty folder"):
            GraphStore(place, write=True).__enter__()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_damaged_facts_are_told_in_one_line_and_the_lock_is_free_again(tmp_path: Path) -> None:
    build(tmp_path / "g", documents())
    (tmp_path / "g" / "facts.sqlite").write_bytes(b"no database at all, but long enough" * 99)
    for _ in range(2):
        with pytest.raises(StoreError, match=r"facts\.sqlite is damaged"):
            GraphStore(tmp_path / "g", write=True).__enter__()


def test_damage_met_while_reading_is_told_in_one_line(tmp_path: Path) -> None:
    build(tmp_path / "g", documents())
    base = sqlite3.connect(tmp_path / "g" / "facts.sqlite")
    base.execute("DROP TABLE documents")
    base.close()
    with (
        pytest.raises(StoreError, match="is damaged: no such table"),
        GraphStore(tmp_path / "g") as g,
    ):
        list(g.documents())


def test_full_disk_is_an_output_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with GraphStore(tmp_path / "g", write=True) as store:
        full = sqlite3.OperationalError("database or disk is full")
        monkeypatch.setattr(store._base, "upsert", lambda found: (_ for _ in ()).throw(full))
        with pytest.raises(OutputError, match="disk is full"):
            store.add(documents()[0])


def test_graph_of_a_run_that_ended_early_says_so_and_can_be_read(tmp_path: Path) -> None:
    with GraphStore(tmp_path / "g", write=True) as store:
        store.add(documents()[0])
    with GraphStore(tmp_path / "g") as store:
        assert not store.is_current
        assert len(store.rdf) == 0 and store.counts().documents == 0


def test_origin_is_that_of_the_last_extraction(tmp_path: Path) -> None:
    with GraphStore(tmp_path / "g", write=True) as store:
        store.add(documents()[0], "model 1")
        assert store.origin("doc/1") == "model 1" and store.origin("doc 2") is None
        store.add(documents()[0], "model 2")  # which found the same
        assert store.origin("doc/1") == "model 2"
        store.add(replace(documents()[0], digest="other"))
        assert store.origin("doc/1") is None


# Killed.

KILLED_RUN = """
import json, sys
from extract.kg.facts import facts_of
from extract.kg.store import GraphStore
with GraphStore(sys.argv[1], write=True) as store:
    print("open", flush=True)
    for line in open(sys.argv[2], encoding="utf-8"):
        store.add(facts_of(json.loads(line)))
    store.derive()
"""


def test_run_killed_many_times_ends_with_the_graph_of_one_run(tmp_path: Path) -> None:
    many = [
        record | {"id": f"{record['id']} {number}"} for number in range(80) for record in records()
    ]
    source = tmp_path / "many.jsonl"
    source.write_text("".join(json.dumps(one) + "\n" for one in many))
    started = time.monotonic()
    expected = build(tmp_path / "at-once", map(facts_of, many))
    seconds = time.monotonic() - started
    command = [sys.executable, "-c", KILLED_RUN, str(tmp_path / "g"), str(source)]
    n_killed = 0
    for number in range(6):
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(), cwd=ROOT) as run:
            assert run.stdout is not None and run.stdout.readline() == b"open\n"
            time.sleep(seconds * (number + 0.5) / 6)
            run.kill()
            n_killed += run.wait() == -9
    assert n_killed >= 3
    with GraphStore(tmp_path / "g", write=True) as store:
        store.add_all((facts_of(one), None) for one in many)
        store.derive()
        assert store.nquads() == expected
