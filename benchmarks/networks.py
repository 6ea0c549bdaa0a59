"""Networks that extraction is compared with for speed: published sizes, random weights, no download.

They compute what the published models compute, on pieces of the same number, and find nothing.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from extract.encoder.pretrained import PretrainedEncoder
from extract.encoder.windows import EncodedBatch
from extract.model import ExtractionModel

GENERATED = 64  # tokens


def bare_encoder(model: ExtractionModel) -> Any:
    """A model's encoder as transformers runs it, with the weights that were published."""
    kept = model.settings.encoder
    encoder = PretrainedEncoder(kept.name, n_layers=kept.n_layers, layers=kept.layers)
    return encoder.model.eval()


def deberta() -> Any:
    """DeBERTa-v3-base, the encoder of models of GLiNER2's size: 12 layers of 768, 184 million parameters.

    He et al. 2021, DeBERTaV3: Improving DeBERTa using ELECTRA-Style Pre-Training with
    Gradient-Disentangled Embedding Sharing. Random weights: for speed only.
    """
    from transformers import DebertaV2Config, DebertaV2Model

    config = DebertaV2Config(
        vocab_size=128_100,
        hidden_size=768,
        num_hidden_layers=12,
        num_attention_heads=12,
        intermediate_size=3072,
        max_position_embeddings=512,
        type_vocab_size=0,
        relative_attention=True,
        max_relative_positions=-1,
        position_buckets=256,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        pos_att_type=["p2c", "c2p"],
        position_biased_input=False,
        layer_norm_eps=1e-7,
    )
    return DebertaV2Model(config).eval()


def bart() -> Any:
    """BART-large, which REBEL generates with: 12 + 12 layers of 1024, 406 million parameters.

    Lewis et al. 2020, BART: Denoising Sequence-to-Sequence Pre-training for Natural Language
    Generation, Translation, and Comprehension. Random weights: for speed only.
    """
    from transformers import BartConfig, BartForConditionalGeneration

    config = BartConfig(
        vocab_size=50_265,
        d_model=1024,
        encoder_layers=12,
        decoder_layers=12,
        encoder_attention_heads=16,
        decoder_attention_heads=16,
        encoder_ffn_dim=4096,
        decoder_ffn_dim=4096,
        max_position_embeddings=1024,
        forced_bos_token_id=None,
        forced_eos_token_id=None,
    )
    return BartForConditionalGeneration(config).eval()


@torch.inference_mode()
def encode(model: Any, batch: EncodedBatch) -> None:
    """One forward pass."""
    model(input_ids=_ids(model, batch), attention_mask=batch.piece_mask)


@torch.inference_mode()
def generate(model: Any, batch: EncodedBatch) -> None:
    """Exactly `GENERATED` tokens a text, greedily, which costs least: REBEL takes three beams."""
    model.generate(
        input_ids=_ids(model, batch),
        attention_mask=batch.piece_mask,
        min_new_tokens=GENERATED,
        max_new_tokens=GENERATED,
        do_sample=False,
        num_beams=1,
    )


def _ids(model: Any, batch: EncodedBatch) -> Tensor:
    """The pieces of our tokenizer, as many as there are: which ones they are costs nothing."""
    return batch.piece_ids % model.config.vocab_size
