"""A tiny encoder and a recipe that train in seconds, for tests that need a whole model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

from extract.training.recipe import Recipe


def write_tiny_encoder(folder: Path, corpus: Path) -> Path:
    """Write config, weights and tokenizer of a small random BERT whose vocabulary covers `corpus`."""
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import WordPiece
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = {
        word.lower()
        for line in corpus.read_text(encoding="utf-8").splitlines()
        for word in json.loads(line)["sentences"][0]
    }
    letters = [chr(c) for c in range(33, 127)]
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        *letters,
        *(f"##{c}" for c in letters),
        *sorted(words),
    ]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    )
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=40,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=80,
        max_position_embeddings=192,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def write_other_encoder(folder: Path, tiny_encoder: Path, config: PreTrainedConfig) -> Path:
    """Write an encoder of another type with the words of `tiny_encoder` and large random weights."""
    from transformers import AutoModel

    shutil.copytree(tiny_encoder, folder)
    (folder / "model.safetensors").unlink()
    torch.manual_seed(0)
    config.vocab_size = json.loads((tiny_encoder / "config.json").read_text("utf-8"))["vocab_size"]
    model = AutoModel.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.copy_(torch.randn(parameter.shape) * 0.2)
    model.save_pretrained(folder)
    return folder


def tiny_recipe(encoder: Path, corpus: Path, **changes: object) -> Recipe:
    """A recipe that overfits `corpus` (HyperRED's format) with the tiny encoder in seconds."""
    data = {
        "name": "tiny",
        "description": "A test model that knows a handful of facts.",
        "corpora": [
            {
                "name": "hyperred",
                "path": str(corpus),
                "train": "file",
                "dev": "file",
                "metric": "quintuplet",
            }
        ],
        "model": {
            "encoder": {"name": str(encoder), "freeze_embeddings": False},
            "head": {"width": 48, "cube_width": 48, "dropout": 0.0},
        },
        "decode": {"nested": True},
        "training": {
            "epochs": 60,
            "batch_size": 4,
            "learning_rate": 2e-3,
            "head_learning_rate": 4e-3,
            "ema_decay": 0.8,
            "patience": 60,
            "eval_from": 59,
            "bf16": "no",
        },
    }
    return Recipe.model_validate({**data, **changes})


def recipe_with(recipe: Recipe, **changes: Any) -> Recipe:
    """A recipe with other settings of training, and those of `model` merged into its own."""
    data = recipe.model_dump()
    data["model"] |= changes.pop("model", {})
    data["training"] |= changes
    return Recipe.model_validate(data)
