"""One function for every format: names, styles, and targets that are never half written."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from extract.errors import OutputError
from extract.kg.export import EXPORTERS, export_graph
from extract.kg.export.registry import STYLES, exporter
from extract.kg.structures import Graph
from tests.extract.kg.export.hostile import small_graph

FORMATS = pytest.mark.parametrize("format", list(EXPORTERS))
HERE, ROOT = Path(__file__).parent, Path(__file__).resolve().parents[4]


@FORMATS
def test_each_format_has_a_module_a_test_and_a_row_in_the_docs(format: str) -> None:
    module = EXPORTERS[format].split(":")[0].rpartition(".")[2]
    assert module == format.replace("-", "_")
    assert (HERE / f"test_{module}.py").exists()
    page = (ROOT / "docs" / "exports.md").read_text(encoding="utf-8")
    assert f"| `{format}` |" in page


@FORMATS
def test_format_writes_the_files_it_names_and_the_same_ones_again(
    format: str, tmp_path: Path
) -> None:
    target = tmp_path / "out"
    export_graph(small_graph(), format, target)
    files = exporter(format).files
    first = {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()}
    assert {path.name for path in first} == set(files or ["out"]) and all(first.values())
    export_graph(small_graph(), format, target, force=True)
    again = {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()}
    assert first == again


@FORMATS
def test_empty_graph_is_written(format: str, tmp_path: Path) -> None:
    export_graph(Graph({}, {}), format, tmp_path / "out")
    assert (tmp_path / "out").exists()


def test_unknown_format_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"Unknown export format 'xml'.*cypher, graphml, jsonld"):
        export_graph(small_graph(), "xml", tmp_path / "out")


def test_unknown_style_and_style_of_no_rdf_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"Unknown style 'n3'.*rdf12, reification, wikidata"):
        export_graph(small_graph(), "turtle", tmp_path / "out", style="n3")
    with pytest.raises(OutputError, match="graphml is not RDF and has no styles, got 'rdf12'"):
        export_graph(small_graph(), "graphml", tmp_path / "out", style="rdf12")


def test_styles_are_those_of_the_mapping() -> None:
    rdf = importlib.import_module("extract.kg.rdf")
    assert sorted(STYLES) == sorted(rdf.STYLES)


def test_importing_the_formats_names_imports_no_library_of_theirs() -> None:
    code = (
        "import sys, extract.kg.export; "
        "print([m for m in ('pyarrow', 'pyoxigraph', 'neo4j', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr


def test_rdf_without_pyoxigraph_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extract.kg.export.rdf.find_spec", lambda name: None)
    with pytest.raises(OutputError, match=r"pip install 'tripack\[graph\]'"):
        export_graph(small_graph(), "turtle", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
