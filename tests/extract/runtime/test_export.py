"""Exports to ONNX: they say what PyTorch says, whatever the batches; the gate; what is refused."""

from __future__ import annotations

import builtins
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import corpora
from extract import load
from extract.errors import ModelError, OutputError
from extract.runtime import parity
from extract.runtime.export import export_onnx
from extract.runtime.onnx_folder import Closeness, DevScore, F1Pair
from extract.runtime.sample import sample_sentences
from extract.structures import Sentence
from tests.extract.cases import key
from tests.extract.interfaces.command import assert_one_line_error, run_here, tripack


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> dict[str, Path]:
    """The tiny model's exports by precision."""
    folder = tmp_path_factory.mktemp("exports")
    for precision in ("fp32", "int8"):
        export_onnx(tiny_model, folder / precision, precision)  # type: ignore[arg-type]
    return {name: folder / name for name in ("fp32", "int8")}


@pytest.fixture(scope="module")
def texts(facts_file: Path) -> list[str]:
    facts = [example.text for example in corpora.read("hyperred", facts_file)["file"]]
    return [*facts, " and ".join(fact.rstrip(". ") for fact in facts * 3), "", "Oslo", "x" * 500]


@pytest.mark.parametrize(("precision", "share"), [("fp32", 1.0), ("int8", 0.8)])
def test_export_extracts_what_torch_does(
    exports: dict[str, Path], tiny_model: Path, texts: list[str], precision: str, share: float
) -> None:
    """Sentences with the same entities and triples; the tiny model is less sure than a real one."""
    torch_ = list(load(tiny_model, device="cpu").extract(texts))
    onnx_ = list(load(exports[precision], runtime="onnx").extract(texts))
    assert any(document.triples for document in torch_)
    same = [
        key(one) == key(other)
        for ours, theirs in zip(torch_, onnx_, strict=True)
        for one, other in zip(ours.sentences, theirs.sentences, strict=True)
    ]
    assert sum(same) >= share * len(same), f"{sum(same)} of {len(same)}"


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_scores_do_not_depend_on_batches(
    exports: dict[str, Path], texts: list[str], precision: str
) -> None:
    predictor = load(exports[precision], runtime="onnx")._predictor
    sentences = sample_sentences()[:12]
    together = predictor.candidates(sentences, batch_size=32)
    alone = [predictor.candidates([sentence])[0] for sentence in sentences]
    assert sum(len(found.triples) for found in together)
    for one, other in zip(together, alone, strict=True):
        assert np.array_equal(np.sort(one.spans, axis=0), np.sort(other.spans, axis=0))
        np.testing.assert_allclose(
            np.sort(one.triple_scores), np.sort(other.triple_scores), atol=1e-4
        )


def test_encoder_is_not_loaded_beside_the_graph(
    exports: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the encoder's weights were read")

    for reader in ("_network", "read_bert"):
        monkeypatch.setattr(f"extract.encoder.pretrained.{reader}", refuse)
    with pytest.raises(AssertionError, match="weights were read"):
        load(exports["fp32"], runtime="torch")
    extractor = load(exports["fp32"], runtime="onnx")
    assert not [n for n in extractor._predictor.model.state_dict() if n.startswith("encoder.")]  # type: ignore[attr-defined]
    assert list(extractor.extract(["Oslo"]))


def test_int8_file_multiplies_bytes_and_keeps_small_tables(exports: dict[str, Path]) -> None:
    graph = onnx.load(exports["int8"] / "model.onnx").graph
    kinds = {tensor.data_type for tensor in graph.initializer if len(tensor.dims) == 2}
    assert onnx.TensorProto.INT8 in kinds and onnx.TensorProto.FLOAT in kinds
    sizes = [(exports[name] / "model.onnx").stat().st_size for name in ("int8", "fp32")]
    assert sizes[0] < sizes[1]


def test_weights_cannot_overflow_where_bytes_are_summed_up_in_16_bits(
    tmp_path: Path,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for module in ("export", "load"):  # a processor without products of bytes
        monkeypatch.setattr(f"extract.runtime.{module}.multiplies_bytes", lambda: False)
    export_onnx(tiny_model, tmp_path / "out", "int8")
    graph = onnx.load(tmp_path / "out" / "model.onnx").graph
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    products = [node for node in graph.node if node.op_type == "MatMulIntegerToFloat"]
    largest = [np.abs(constants[node.input[1]].astype(int)).max() for node in products]
    assert products and max(largest) == 64
    caplog.clear()
    load(tmp_path / "out", runtime="onnx")
    assert not caplog.records
    file = tmp_path / "out" / "onnx.json"
    settings = json.loads(file.read_text("utf-8"))
    assert settings.pop("largest_weight") == 64  # and of exports that do not say it, 127
    file.write_text(json.dumps(settings), encoding="utf-8")
    load(tmp_path / "out", runtime="onnx")
    (record,) = caplog.records
    assert record.getMessage().startswith("This processor sums up")


def test_export_states_what_it_is_and_how_close(exports: dict[str, Path]) -> None:
    settings = json.loads((exports["fp32"] / "onnx.json").read_text("utf-8"))
    assert settings["precision"] == "fp32"
    assert settings["closeness"]["n"] > 20 and settings["closeness"]["largest"] < 1e-3
    assert settings["dev"] is settings["largest_weight"] is None


def test_export_too_far_off_is_refused_and_leaves_nothing(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(parity.BOUNDS, "fp32", (0.0, 0.0))
    with pytest.raises(ModelError, match="differs from PyTorch: probabilities by up to"):
        export_onnx(tiny_model, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_check_refuses_lost_f1_beyond_the_bound() -> None:
    close = Closeness(n=10, largest=0.0, mean=0.0)
    kept = F1Pair(torch=80.0, onnx=79.71)

    def check(**f1: F1Pair) -> None:
        parity.check("int8", close, DevScore(corpus="facts", n_sentences=9, f1=f1))

    check(boundary=kept, quintuplet=kept)
    for metric in ("boundary", "quintuplet"):  # either alone is reason enough
        f1 = {"boundary": kept, "quintuplet": kept, metric: F1Pair(torch=80.0, onnx=79.6)}
        refusal = rf"loses 0\.40 points of {metric} F1 \(80\.00 to 79\.60\) on 9 sentences of facts"
        with pytest.raises(ModelError, match=refusal):
            check(**f1)


def test_closeness_counts_candidates_that_one_side_lacks(tiny_model: Path) -> None:
    whole, pruned = load(tiny_model, device="cpu"), load(tiny_model, device="cpu")
    sentences = sample_sentences()[:10]
    assert parity.closeness(whole, pruned, sentences).largest < 1e-6
    calibration = pruned._decoder.calibration
    pruned._decoder = replace(pruned._decoder, calibration=calibration)
    model: Any = pruned._predictor
    model.model.head.config = model.model.head.config.model_copy(update={"span_floor": 100.0})
    missing = parity.closeness(whole, pruned, sentences)
    assert missing.n > 0 and missing.largest > 0.01


def test_dev_score_is_of_triples_and_where_gold_has_qualifiers_of_these(
    tiny_model: Path, facts_file: Path
) -> None:
    extractor = load(tiny_model, device="cpu")
    examples = corpora.read("hyperred", facts_file)["file"]
    score = parity.dev_score(extractor, extractor, "facts", examples)
    assert list(score.f1) == ["boundary", "quintuplet"]
    assert all(pair.torch == pair.onnx > 50 for pair in score.f1.values())
    bare = [
        replace(e, sentence=replace(
            e.sentence, triples=tuple(replace(t, qualifiers=()) for t in e.sentence.triples)
        ))
        for e in examples
    ]  # fmt: skip
    assert list(parity.dev_score(extractor, extractor, "facts", bare).f1) == ["boundary"]


def test_dev_score_is_strict_where_the_model_knows_the_types(
    tiny_model: Path, facts_file: Path
) -> None:
    extractor = load(tiny_model, device="cpu")
    example = corpora.read("hyperred", facts_file)["file"][0]
    first, *others = example.sentence.entities
    retyped = (replace(first, label="Place"), *others)
    typed = replace(example, sentence=Sentence(example.sentence.tokens, entities=retyped))
    assert list(parity.dev_score(extractor, extractor, "facts", [typed]).f1) == ["strict"]


@pytest.mark.parametrize("part", ["model.onnx", "model.safetensors", "onnx.json"])
def test_changed_file_is_refused(exports: dict[str, Path], tmp_path: Path, part: str) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(exports["fp32"], folder)
    content = bytearray((folder / part).read_bytes())
    content[len(content) // 2] ^= 1
    if part == "onnx.json":
        del content[len(content) // 2 :]
    (folder / part).write_bytes(bytes(content))
    with pytest.raises(ModelError, match=part):
        load(folder, runtime="onnx")


def test_missing_graph_is_refused(exports: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(exports["fp32"], tmp_path / "copy")
    (tmp_path / "copy" / "model.onnx").unlink()
    with pytest.raises(ModelError, match=r"Cannot read .*model\.onnx"):
        load(tmp_path / "copy", runtime="onnx")


def test_settings_that_onnx_has_not_are_refused(exports: dict[str, Path], tiny_model: Path) -> None:
    with pytest.raises(ModelError, match="has no ONNX export"):
        load(tiny_model, runtime="onnx")
    with pytest.raises(ModelError, match="dtype 'bfloat16' with the onnx runtime"):
        load(exports["fp32"], runtime="onnx", dtype="bfloat16")
    with pytest.raises(ModelError, match="the onnx runtime runs on cpu"):
        load(exports["fp32"], runtime="onnx", device="cuda")
    with pytest.raises(ModelError, match="Unknown runtime 'tensorrt'"):
        load(exports["fp32"], runtime="tensorrt")


def test_what_cannot_be_exported_is_refused(
    tmp_path: Path, tiny_model: Path, tiny_stack: Path, tiny_verifier: Path
) -> None:
    with pytest.raises(ModelError, match="is a stack of models"):
        export_onnx(tiny_stack, tmp_path / "out")
    with pytest.raises(ModelError, match="'packed_markers' reads more of the text"):
        export_onnx(tiny_verifier / "model", tmp_path / "out")
    with pytest.raises(OutputError, match="exists"):
        export_onnx(tiny_model, tmp_path)
    with pytest.raises(ModelError, match="a model alone with the onnx runtime"):
        load(tiny_stack, runtime="onnx")


@pytest.mark.parametrize("missing", ["onnxruntime", "onnxscript"])
def test_without_the_extra_one_line_says_what_to_install(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **named: Any) -> Any:
        if name.partition(".")[0] == missing:
            raise ImportError(name, name=name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ModelError, match=rf"{missing}.*pip install 'tripack\[onnx\]'"):
        export_onnx(tiny_model, tmp_path / "out")


def test_commands_export_and_extract(
    tmp_path: Path, tiny_model: Path, facts_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "exported"
    done = tripack(
        "models", "export", tiny_model, "--runtime", "onnx", "--precision", "fp32",
        "--out", out, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["precision"] == "fp32"
    assert run_here("models", "info", out, "--json") == 0
    assert json.loads(capsys.readouterr().out)["onnx"] == "fp32"
    text = "Leonard Parker received his PhD from Harvard University in 1967."
    line = run_here("extract", text, "--model", out, "--runtime", "onnx", "--threads", 1, "-q")
    assert line == 0
    assert json.loads(capsys.readouterr().out)["triples"]
    again = tripack("models", "export", tiny_model, "--out", out)
    assert again.returncode != 0
    assert_one_line_error(again.stderr)
