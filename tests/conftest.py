"""Fixtures shared by the whole suite. Everything here is offline and seeded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests" / "fixtures"

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
if n_workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    # Side by side, each with all cores' threads, networks wait for each other at every step.
    share = max(1, (os.cpu_count() or 1) // int(n_workers))
    os.environ.setdefault("OMP_NUM_THREADS", str(share))


@pytest.fixture(scope="session")
def corpora_dir() -> Path:
    """The folder of real corpora: $TRIPACK_CORPORA, else `shared/corpora` beside the checkout.

    Tests that use it need data that is not distributed with tripack. Without the data they are
    skipped, but never in CI.
    """
    default = ROOT.parent / "shared" / "corpora"
    path = Path(os.environ.get("TRIPACK_CORPORA", default))
    if not path.is_dir():
        message = (
            f"This test needs the corpora: set TRIPACK_CORPORA to their folder (tried {path})."
        )
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    os.environ["TRIPACK_CORPORA"] = str(path)
    return path


@pytest.fixture(scope="session")
def facts_file() -> Path:
    """A small corpus in HyperRED's format, written for these tests: triples with qualifiers."""
    return FIXTURES / "facts.jsonl"


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory, facts_file: Path) -> Path:
    """A BERT of three narrow layers with random weights, and a WordPiece vocabulary, as a folder."""
    from tests.tiny import write_tiny_encoder

    return write_tiny_encoder(tmp_path_factory.mktemp("encoder") / "tiny", facts_file)


@pytest.fixture(scope="session")
def tiny_mpnet(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    """An MPNet of two narrow layers with random weights and the vocabulary of `tiny_encoder`."""
    from transformers import MPNetConfig

    from tests.tiny import write_other_encoder

    config = MPNetConfig(
        hidden_size=40,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=80,
        max_position_embeddings=194,
    )
    return write_other_encoder(tmp_path_factory.mktemp("encoder") / "mpnet", tiny_encoder, config)


@pytest.fixture(scope="session")
def tiny_run(
    tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, facts_file: Path
) -> Path:
    """A run folder of the tiny encoder trained until it knows `facts_file` by heart."""
    from extract.training.run import train
    from tests.tiny import tiny_recipe

    run = tmp_path_factory.mktemp("run") / "tiny"
    train(tiny_recipe(tiny_encoder, facts_file), run)
    return run


@pytest.fixture(scope="session")
def tiny_model(tiny_run: Path) -> Path:
    """The finished model folder of `tiny_run`; it extracts the facts of `facts_file` from text."""
    return tiny_run / "model"


@pytest.fixture(scope="session")
def tiny_exits(
    tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, facts_file: Path
) -> Path:
    """A run folder of the tiny encoder trained to end after its second layer as well as after its third."""
    from extract.training.run import train
    from tests.tiny import recipe_with, tiny_recipe

    recipe = recipe_with(
        tiny_recipe(tiny_encoder, facts_file), early_exit={}, epochs=40, eval_from=39
    )
    run = tmp_path_factory.mktemp("run") / "exits"
    train(recipe, run, progress=False)
    return run


@pytest.fixture(scope="session")
def tiny_twins(
    tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, facts_file: Path
) -> list[Path]:
    """Two run folders of one recipe and one init_seed, with seeds 13 and 14, trained briefly."""
    from extract.training.run import train
    from tests.extract.training.runs import short_recipe

    recipe = short_recipe(tiny_encoder, facts_file, epochs=14, eval_from=14)
    folder = tmp_path_factory.mktemp("twins")
    for seed in (13, 14):
        own = recipe.model_copy(update={"seed": seed, "init_seed": 7})
        train(own, folder / f"run-{seed}", progress=False)
    return [folder / "run-13", folder / "run-14"]


@pytest.fixture(scope="session")
def tiny_unsure(
    tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, facts_file: Path
) -> Path:
    """A run folder of another table, trained too briefly to know `facts_file`."""
    from extract.training.recipe import Recipe
    from extract.training.run import train
    from tests.tiny import tiny_recipe

    recipe = tiny_recipe(tiny_encoder, facts_file, name="unsure", seed=5).model_dump()
    recipe["training"] |= {"epochs": 14, "eval_from": 13}
    run = tmp_path_factory.mktemp("run") / "unsure"
    train(Recipe.model_validate(recipe), run)
    return run


@pytest.fixture(scope="session")
def tiny_verifier(
    tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, facts_file: Path
) -> Path:
    """A run folder of a marker head, which can be given spans; trained briefly."""
    from extract.training.recipe import Recipe
    from extract.training.run import train
    from tests.tiny import tiny_recipe

    recipe = tiny_recipe(tiny_encoder, facts_file, name="verifier").model_dump()
    recipe["model"]["head"] = {"name": "packed_markers", "width": 48, "hidden": 64, "dropout": 0.0}
    recipe["training"] |= {"epochs": 30, "eval_from": 29}
    run = tmp_path_factory.mktemp("run") / "verifier"
    train(Recipe.model_validate(recipe), run)
    return run


@pytest.fixture(scope="session")
def tiny_stack(
    tmp_path_factory: pytest.TempPathFactory, tiny_run: Path, tiny_unsure: Path, tiny_verifier: Path
) -> Path:
    """A stack: the unsure table proposes, the marker head verifies, best adds the table that knows all."""
    from extract.training.stack import make_stack
    from extract.training.stack_data import DataChoice
    from extract.training.stack_plan import StackPlan

    folder = tmp_path_factory.mktemp("stack") / "tiny-stack"
    models, verifiers = (str(tiny_unsure), str(tiny_run)), (str(tiny_verifier),)
    make_stack(StackPlan("tiny-stack", models, verifiers), folder, DataChoice())
    return folder
