"""tripack: text in, triples out.

    from extract import load

    for document in load().extract(["Leonard Parker received his PhD from Harvard University in 1967."]):
        for triple in document.triples:
            print(triple.subject.text, triple.relation, triple.object.text, triple.score)

Names are imported when first used, so `import extract` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from extract.errors import TripackError
    from extract.pipeline import Extractor, load
    from extract.schema import Schema
    from extract.structures import Document, Entity, Qualifier, Sentence, Span, Token, Triple

__version__ = "0.1.0"

_HOMES = {
    "load": "extract.pipeline",
    "Extractor": "extract.pipeline",
    "Schema": "extract.schema",
    "TripackError": "extract.errors",
    **dict.fromkeys(
        ("Document", "Entity", "Qualifier", "Sentence", "Span", "Token", "Triple"),
        "extract.structures",
    ),
}

__all__ = [
    "Document",
    "Entity",
    "Extractor",
    "Qualifier",
    "Schema",
    "Sentence",
    "Span",
    "Token",
    "TripackError",
    "Triple",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'extract' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
