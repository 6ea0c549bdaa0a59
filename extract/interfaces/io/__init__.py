"""Texts in, documents out: input readers and output writers of the command line.

    files, folders, stdin ──Source──► (id, text) ──Extractor──► Document ──Writer──► Target

Everything streams: memory does not grow with the number of documents.
"""

from extract.interfaces.io.settings import ReadSettings
from extract.interfaces.io.sources import Source
from extract.interfaces.io.target import Target
from extract.interfaces.io.writers import FORMATS, make_writer

__all__ = ["FORMATS", "ReadSettings", "Source", "Target", "make_writer"]
