"""Documents as one HTML page that needs no network."""

from __future__ import annotations

from extract.interfaces.io.writers import Writer
from extract.kg.view import document_block, head
from extract.structures import Document


class HtmlWriter(Writer):
    """A page of text with arcs, graph and list of statements; a document is a block of data in it."""

    def __init__(self) -> None:
        self.header = head("tripack")

    def render(self, document: Document) -> str:
        """The document's block."""
        return document_block(document)
