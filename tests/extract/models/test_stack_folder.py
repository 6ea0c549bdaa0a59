"""The folder of a stack: what it holds, that it is read back, and one clear line for each kind of damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import corpora
from extract import load
from extract.decode.stacking import StackWeights
from extract.errors import ModelError, TripackError
from extract.models.folder import ModelFolder, read_model
from extract.models.registry import is_stack, read_info, resolve
from extract.models.stack_folder import (
    FORMAT,
    Profile,
    StackFolder,
    StackSettings,
    describe_stack,
    difference,
    read_stack,
    write_stack,
)
from extract.schema import EntityType, Relation, Schema
from tests.extract.cases import key

LEONARD = "Leonard Parker received his PhD from Harvard University in 1967."


@pytest.fixture
def folder(tiny_stack: Path, tmp_path: Path) -> StackFolder:
    """A copy of the tiny stack that a test may damage."""
    return StackFolder(Path(shutil.copytree(tiny_stack, tmp_path / "stack")))


def edit(folder: StackFolder, change: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads(folder.settings.read_text(encoding="utf-8"))
    change(data)
    folder.settings.write_text(json.dumps(data), encoding="utf-8")


# What is written


def test_folder_holds_its_members_whole(tiny_stack: Path, tiny_run: Path) -> None:
    assert {p.name for p in tiny_stack.iterdir()} == {
        "stack.json", "schema.json", "metrics.json", "members",
    }  # fmt: skip
    members = sorted(p.name for p in (tiny_stack / "members").iterdir())
    assert members == ["1-unsure", "2-tiny", "3-verifier"]
    for name in ("config.json", "model.safetensors", "recipe.toml", "schema.json"):
        copied = (tiny_stack / "members" / "2-tiny" / name).read_bytes()
        assert copied == (tiny_run / "model" / name).read_bytes()
    assert not list(tiny_stack.parent.glob(".writing-*"))


def test_round_trip_gives_equal_settings(tiny_stack: Path, tmp_path: Path) -> None:
    stack = StackFolder(tiny_stack)
    settings = read_stack(stack)
    copy = StackFolder(tmp_path / "deep" / "copy")
    schema = Schema.read(stack.schema)
    write_stack(copy, settings, schema, [stack.member(m) for m in settings.members], {"a": 1})
    assert read_stack(copy) == settings
    assert json.loads(copy.metrics.read_text()) == {"a": 1}
    write_stack(copy, settings, schema, [copy.member(m) for m in settings.members], {"a": 2})
    assert json.loads(copy.metrics.read_text()) == {"a": 2}  # replaced, from its own members


def test_moved_folder_predicts_the_same(tiny_stack: Path, folder: StackFolder) -> None:
    before, after = (
        load(path, accuracy="best", device="cpu").extract(LEONARD)
        for path in (tiny_stack, folder.path)
    )
    assert before == after and [t.score for t in before.triples] == [t.score for t in after.triples]
    assert [t.relation for t in before.triples] == ["educated at"]


def test_stack_is_found_and_described(tiny_stack: Path) -> None:
    assert resolve(tiny_stack) == tiny_stack and is_stack(tiny_stack)
    info = read_info(tiny_stack)
    assert (info.name, info.version) == ("tiny-stack", "1.0.0")
    found = describe_stack(StackFolder(tiny_stack))
    assert found["members"] == [
        "unsure 1.0.0 (table)", "tiny 1.0.0 (table)", "verifier 1.0.0 (packed_markers, verifier)",
    ]  # fmt: skip
    assert found["profiles"] == [
        "fast: unsure", "balanced: unsure + verifier", "best: unsure + tiny + verifier",
    ]  # fmt: skip
    assert found["default"] == "balanced" and "educated at" in found["relations"]
    files = [p for p in tiny_stack.rglob("*") if p.is_file()]
    assert found["bytes"] == sum(p.stat().st_size for p in files)


# Accuracy


def test_fast_is_the_first_model_as_it_is(
    tiny_stack: Path, tiny_unsure: Path, facts_file: Path
) -> None:
    gold = [example.sentence for example in corpora.read("hyperred", facts_file)["file"]]
    fast, own = load(tiny_stack, accuracy="fast", device="cpu"), load(tiny_unsure, device="cpu")
    for one, other in zip(fast.predict(gold), own.predict(gold), strict=True):
        assert key(one) == key(other)
        assert [t.score for t in one.triples] == [t.score for t in other.triples]


def test_each_accuracy_runs_its_members_with_numbers_of_its_own(tiny_stack: Path) -> None:
    settings = read_stack(StackFolder(tiny_stack))
    heads = {"fast": ["table"], "balanced": ["table", "packed_markers"]}
    heads["best"] = ["table", "table", "packed_markers"]
    for name, profile in settings.profiles.items():
        extractor = load(tiny_stack, accuracy=name, device="cpu")
        assert extractor.accuracy == name and extractor.full_name == f"tiny-stack 1.0.0 {name}"
        source: Any = extractor._predictor
        run = [m.predictor for m in source.members] if name != "fast" else [source]
        assert [one.model.settings.head.name for one in run] == heads[name]
        assert extractor._decoder.calibration == profile.calibration
        assert extractor._decoder.thresholds == profile.thresholds
        if name != "fast":
            assert source.weights == profile.weights
            assert [m.verifies for m in source.members][-1]
    assert load(tiny_stack, device="cpu").accuracy == settings.default == "balanced"


def test_default_of_the_stack_is_used(folder: StackFolder) -> None:
    edit(folder, lambda data: data.update(default="fast"))
    assert load(folder.path, device="cpu").accuracy == "fast"


def test_floor_is_that_of_stacked_models_alone(folder: StackFolder) -> None:
    edit(folder, lambda data: data.update(floor=-7.5))
    source: Any = load(folder.path, accuracy="best", device="cpu")._predictor
    floors = {
        (m.predictor.model.head.config.span_floor, m.predictor.model.head.config.triple_floor)
        for m in source.members
    }
    assert floors == {(-7.5, -7.5)}
    assert source.members[1].predictor.model.head.cube.floor == -7.5
    alone: Any = load(folder.path, accuracy="fast", device="cpu")._predictor
    assert alone.model.head.config.span_floor == -4.0
    network, _, settings = read_model(ModelFolder(folder.path / "members" / "2-tiny"), floor=-9.0)
    assert network.settings.head.triple_floor == -9.0
    assert settings.model.head.triple_floor == -4.0  # what is stored stays


def test_accuracy_of_one_model_is_one_line(tiny_model: Path) -> None:
    match = r"^Model 'tiny' has one head; --accuracy needs a stack: make one by `tripack stack`"
    for accuracy in ("fast", "best", "anything"):
        with pytest.raises(ModelError, match=match):
            load(tiny_model, accuracy=accuracy)


def test_unknown_accuracy_lists_the_known(tiny_stack: Path) -> None:
    with pytest.raises(ModelError, match=r"Unknown accuracy 'finest'. Expected one of: balanced, "):
        load(tiny_stack, accuracy="finest")


# What is refused


def refused(folder: StackFolder, match: str) -> None:
    with pytest.raises(TripackError, match=match) as caught:
        load(folder.path, device="cpu")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{}", b"[]", b"null", b"{}"])
def test_damaged_settings_are_named(folder: StackFolder, content: bytes) -> None:
    folder.settings.write_bytes(content)
    refused(folder, "stack.json is damaged")


def test_newer_format_asks_for_an_upgrade(folder: StackFolder) -> None:
    edit(folder, lambda data: data.update(format=FORMAT + 1, profiles=1))
    refused(folder, rf"has format {FORMAT + 1}, this version reads up to {FORMAT}. Upgrade tripack")


def test_missing_member_is_named(folder: StackFolder) -> None:
    shutil.rmtree(folder.path / "members" / "3-verifier")
    refused(folder, r"lacks its member members/3-verifier. Make the stack again")


def test_missing_file_of_a_member_is_named(folder: StackFolder) -> None:
    (folder.path / "members" / "1-unsure" / "model.safetensors").unlink()
    refused(folder, "1-unsure is no model folder: it has no model.safetensors")


def test_another_model_in_a_members_place_is_refused(folder: StackFolder, tiny_model: Path) -> None:
    place = folder.path / "members" / "1-unsure"
    shutil.rmtree(place)
    shutil.copytree(tiny_model, place)
    refused(folder, r"1-unsure is tiny 1.0.0, but the stack's weights are of unsure 1.0.0")


def test_member_of_another_schema_is_refused(folder: StackFolder) -> None:
    own = folder.path / "members" / "2-tiny" / "schema.json"
    schema = Schema.read(own)
    Schema(schema.entity_types, (*schema.relations, Relation("more")), schema.qualifiers).write(own)
    refused(
        folder, "and its member members/2-tiny differ: of the relations, the first lacks 'more'"
    )


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda d: d["members"][0].update(folder="/etc"), "expected members below the stack"),
        (lambda d: d["members"][0].update(folder="../x"), "expected members below the stack"),
        (lambda d: d["profiles"]["best"].update(members=[0, 1, 5]), "name some of 3 models"),
        (lambda d: d["profiles"]["best"].update(members=[1, 0, 2]), "got 2, 1, 3"),
        (lambda d: d["profiles"]["best"].update(members=[0, 1]), "weights of 2 models, got 3"),
        (lambda d: d["profiles"]["fast"].update(members=[0, 1]), "weights of 2 models, got 1"),
        (lambda d: d["profiles"]["fast"].update(members=[2]), "begins with model 3, a verifier"),
        (lambda d: d["profiles"].pop("balanced"), "default profile 'balanced' is not there"),
        (lambda d: d.update(default="finest"), "default"),
        (
            lambda d: d["profiles"]["best"]["calibration"].update(relations=[0.0]),
            r"profile 'best' calibrates 1 relations, but schema.json has \d+",
        ),
        (
            lambda d: d["profiles"]["best"]["weights"].update(
                relations=[d["profiles"]["best"]["weights"]["triple"]]
            ),
            r"profile 'best' weighs 1 relations",
        ),
    ],
)
def test_contradictory_settings_are_refused(
    folder: StackFolder, change: Callable[[dict[str, Any]], object], match: str
) -> None:
    edit(folder, change)
    refused(folder, match)


def test_setting_of_a_later_version_is_passed_over(folder: StackFolder) -> None:
    edit(folder, lambda data: data.update(colour="red"))
    assert read_stack(folder).name == "tiny-stack"


def test_stack_is_no_model_to_start_from(tiny_stack: Path) -> None:
    with pytest.raises(ModelError, match=r"is a stack of models, .* in its members/"):
        read_model(ModelFolder(tiny_stack))


def test_profile_of_one_model_needs_no_weights() -> None:
    assert Profile(members=(0,)).weights is None
    assert Profile(members=(0,), weights=StackWeights.identity()).weights is not None


def test_settings_need_members() -> None:
    with pytest.raises(ValueError, match="at least 1 item"):
        StackSettings(
            name="x", version="1", members=(), profiles={"balanced": Profile(members=(0,))}
        )


# How schemas differ


ONE = Schema((EntityType("A"), EntityType("B")), (Relation("r"), Relation("s")))


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (ONE.with_name("another name"), None),
        (Schema(ONE.entity_types[:1], ONE.relations), "of the entity types, the second lacks 'B'"),
        (
            Schema(ONE.entity_types, (*ONE.relations, Relation("t"), Relation("u"))),
            "of the relations, the first lacks 't' and 1 more",
        ),
        (
            Schema(ONE.entity_types, ONE.relations[::-1]),
            "their relations stand in another order",
        ),
        (
            Schema(ONE.entity_types, (Relation("r"), Relation("s", domain=("A",)))),
            "of the relations, 's' has other constraints or another id",
        ),
    ],
)
def test_difference_is_told_in_words(other: Schema, expected: str | None) -> None:
    assert difference(ONE, other) == expected
