"""A fast tokenizer read from its file, which takes a moment; transformers' own loading takes seconds.

Only where both come to the same: the settings beside the file say nothing that the file does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from extract.json_files import parse_json, read_json

# Classes of transformers that take the file as it is, and those that make a normaliser from settings.
_AS_IT_IS = {"PreTrainedTokenizerFast", "TokenizersBackend"}
_BERT = {"BertTokenizer", "BertTokenizerFast"}
# Their settings, the normaliser's, and what both are by default.
_NORMALISER = {
    "do_lower_case": ("lowercase", True),
    "strip_accents": ("strip_accents", None),
    "tokenize_chinese_chars": ("handle_chinese_chars", True),
}
_SPECIAL = ("pad", "unk", "cls", "sep", "mask")


@dataclass(frozen=True, slots=True)
class FileTokenizer:
    """What of a fast tokenizer of transformers is read here, by its names. Ids are None for no such token."""

    backend_tokenizer: Tokenizer
    pad_token_id: int | None
    unk_token_id: int | None
    cls_token_id: int | None
    sep_token_id: int | None
    mask_token_id: int | None
    bos_token_id: int | None = None
    eos_token_id: int | None = None


def read_tokenizer(folder: str) -> FileTokenizer | None:
    """The WordPiece tokenizer in a folder; None for another one, or one that its file alone does not tell."""
    try:
        settings = read_json(Path(folder) / "tokenizer_config.json")
        text = (Path(folder) / "tokenizer.json").read_text(encoding="utf-8")
        held = parse_json(text)
        if not _told(settings, held):
            return None
        special = {token["content"]: token["id"] for token in held["added_tokens"]}
        tokens = [settings.get(f"{kind}_token") for kind in _SPECIAL]
        # Without these the network cannot be asked; a token that the file has not got would be added.
        if tokens[0] is None or tokens[1] is None or any(t not in special for t in tokens if t):
            return None
        return FileTokenizer(Tokenizer.from_str(text), *(special.get(t) for t in tokens))
    except Exception:  # the library raises no narrower one; transformers then says what is wrong
        return None


def _told(settings: Mapping[str, Any], held: Mapping[str, Any]) -> bool:
    """Whether transformers would make of a folder's settings the tokenizer that its file holds."""
    kind = settings.get("tokenizer_class")
    odd = ("added_tokens_decoder", "additional_special_tokens", "extra_special_tokens", "auto_map")
    others = any(settings.get(name) for name in (*odd, "bos_token", "eos_token"))
    if held["model"]["type"] != "WordPiece" or others:
        return False
    if kind in _AS_IT_IS:
        return True
    normaliser = held["normalizer"] or {}
    same = all(
        normaliser.get(theirs) == settings.get(ours, default)
        for ours, (theirs, default) in _NORMALISER.items()
    )
    return (
        kind in _BERT
        and same
        and normaliser["type"] == "BertNormalizer"
        and normaliser["clean_text"] is True
        and held["pre_tokenizer"] == {"type": "BertPreTokenizer"}
        and held["model"]["continuing_subword_prefix"] == "##"
    )
