"""`tripack models export`: a model folder with the network as an ONNX file, checked against PyTorch."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extract.errors import ModelError, OutputError
from extract.files import whole_folder
from extract.models.folder import ModelFolder, read_model
from extract.models.registry import is_stack, resolve
from extract.runtime.graph import write_graph
from extract.runtime.onnx_folder import OnnxFiles, OnnxSettings, Precision
from extract.runtime.parity import check, closeness, dev_score
from extract.runtime.processor import multiplies_bytes
from extract.runtime.rounding import LARGEST, LARGEST_IN_16_BITS
from extract.runtime.sample import sample_sentences
from extract.runtime.session import file_hash, runtime_module
from extract.runtime.word_states import INPUTS, graph_inputs, skips_padding
from extract.structures import Sentence

if TYPE_CHECKING:
    from corpora import Example
    from extract.encoder.windows import Windower
    from extract.model import ExtractionModel
    from extract.predict import Predictor
    from extract.runtime.int8 import Feed

_BATCH = 8  # windows at once when scales are found: little padding, which would count as text


def export_onnx(
    model: str | Path,
    out: Path,
    precision: Precision = "fp32",
    *,
    corpus: str | None = None,
    dev: Sequence[Example] = (),
    typical: Sequence[Sentence] = (),
    say: Callable[[str], None] = lambda line: None,
) -> OnnxSettings:
    """Write a copy of a model folder with an ONNX file that `load(out, runtime="onnx")` runs.

    The folder appears only if the file's probabilities on the sample sentences, and with a corpus its dev F1,
    are within the bounds of `parity`.

    Args:
        model: a bundled model's name or a folder; no stack.
        out: a folder that does not exist.
        precision: "fp32", or "int8" for products with weights on 8-bit numbers.
        corpus, dev: name and gold sentences that F1 is compared on.
        typical: further sentences that int8 takes its scales from; none of `dev`.
        say: is told what is done.

    Raises `ModelError` if the extra is not installed, the model cannot be exported or the export is not close
    enough, and `OutputError` if `out` exists or cannot be written.
    """
    from extract.pipeline import load

    runtime = _needed()
    path = resolve(model)
    if is_stack(path):
        raise ModelError(
            f"{path} is a stack of models, expected a model alone. Export the folders in its members/."
        )
    if out.exists():
        raise OutputError(f"{out} exists. Name a new folder, or remove it first.")
    ours = load(path, device="cpu", dtype="float32")
    predictor = _one(ours._predictor)
    if predictor.model.head.reads_text:
        raise ModelError(
            f"Head {predictor.model.settings.head.name!r} reads more of the text than the word states "
            "that an export gives. Run it with the torch runtime."
        )
    sentences = sample_sentences()
    try:
        with whole_folder(out) as temporary:
            folder = ModelFolder(temporary)
            without = shutil.ignore_patterns("onnx.json", "*.onnx")
            shutil.copytree(path, folder.path, ignore=without, dirs_exist_ok=True)
            files = OnnxFiles(folder)
            say(f"writing the {precision} graph")
            network = predictor.model
            if not skips_padding(network):
                # Transformers' encoder, whose attention can be told to be plain steps: faster in a graph.
                network, _, _ = read_model(ModelFolder(path))
            largest = None
            if precision == "int8":
                largest = LARGEST if multiplies_bytes() else LARGEST_IN_16_BITS
            _write(network, predictor.windower, files.graph, [*sentences, *typical], largest)
            settings = OnnxSettings(
                precision=precision,
                sha256=file_hash(files.graph),
                weights_sha256=file_hash(folder.weights),
                onnxruntime=runtime.__version__,
                largest_weight=largest,
            )
            _save(files, settings)
            say("comparing it with PyTorch")
            theirs = load(folder.path, device="cpu", runtime="onnx")
            close = closeness(ours, theirs, sentences)
            score = dev_score(ours, theirs, str(corpus), dev) if dev else None
            check(precision, close, score)
            settings = settings.model_copy(update={"closeness": close, "dev": score})
            _save(files, settings)
    except OSError as error:
        raise OutputError(f"Cannot write {out}: {error.strerror or error}.") from error
    return settings


def _needed() -> Any:
    """ONNX Runtime, with the packages that write graphs. Raises `ModelError` if one is missing."""
    runtime = runtime_module()
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ModelError(
            f"Exporting needs the package {error.name}: pip install 'tripack[onnx]'."
        ) from error
    return runtime


def _one(source: object) -> Predictor:
    from extract.predict import Predictor

    if not isinstance(source, Predictor):
        raise ModelError(f"Expected a model alone, got {type(source).__name__}.")
    return source


def _save(files: OnnxFiles, settings: OnnxSettings) -> None:
    files.settings.write_text(settings.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _write(
    network: ExtractionModel,
    windower: Windower,
    file: Path,
    sentences: Sequence[Sentence],
    largest_weight: int | None,
) -> None:
    """The graph in float32, or on 8-bit numbers up to `largest_weight`."""
    trace = windower.batch(windower.windows(sentences)[:3])
    if largest_weight is None:
        write_graph(network, trace, file)
        return
    from extract.runtime.int8 import quantise

    whole = file.with_name("float32.onnx")
    write_graph(network, trace, whole)
    quantise(whole, file, _feeds(windower, sentences), largest_weight)
    whole.unlink()


def _feeds(windower: Windower, sentences: Sequence[Sentence]) -> Iterator[Feed]:
    """The graph's inputs for sentences, in small batches of like length."""
    from extract.predict import batches

    for chosen in batches(windower.windows(sentences), _BATCH):
        tensors = graph_inputs(windower.batch(chosen))
        yield {name: t.numpy() for name, t in zip(INPUTS, tensors, strict=True)}
