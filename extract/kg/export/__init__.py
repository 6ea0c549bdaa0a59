"""Graphs written out for other tools, one file a format; `export_graph` is the way in."""

from extract.kg.export.registry import EXPORTERS, export_graph

__all__ = ["EXPORTERS", "export_graph"]
