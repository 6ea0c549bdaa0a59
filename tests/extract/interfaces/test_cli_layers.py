"""`tripack layers`: a whole study through the command line, and what it refuses."""

from __future__ import annotations

import json
import random
import tomllib
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest

from extract.layers.table import HEADINGS
from extract.training.recipe import Recipe
from tests.extract.interfaces.command import assert_one_line_error, run_here, tripack

N_LAYERS = 3  # of the tiny encoder
SVG = "{http://www.w3.org/2000/svg}"
PEOPLE = ["Ada Mayfield", "Leonard Parker", "Maria Keller", "Zoë", "Tom Ash"]
PLACES = ["Torvik", "Paris", "North Bay", "Basel"]
FIRMS = ["North Rail", "Harvard University", "Acme"]


def conll04(n: int, seed: int) -> str:
    """Sentences in CoNLL04's format: who lives where, who works for whom, in either order."""
    draw, lines = random.Random(seed), []
    for number in range(n):
        person = ("Peop", draw.choice(PEOPLE))
        other = draw.choice([("Loc", draw.choice(PLACES)), ("Org", draw.choice(FIRMS))])
        verb = "lives in" if other[0] == "Loc" else "works for"
        relation = "Live_In" if other[0] == "Loc" else "Work_For"
        parts = (
            [person, ("O", verb), other] if draw.random() < 0.5 else [other, ("O", "hosts"), person]
        )
        rows, last = [], {}
        for kind, text in parts:
            for at, word in enumerate(text.split()):
                tag = "O" if kind == "O" else f"{'I' if at else 'B'}-{kind}"
                last[kind] = len(rows)
                rows.append([word, tag, "['N']", f"[{len(rows)}]"])
        rows[last["Peop"]][2:] = [f"['{relation}']", f"[{last[other[0]]}]"]
        lines.append(f"#doc {number}")
        lines += [f"{i}\t" + "\t".join(row) for i, row in enumerate(rows)]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a train and a dev split in CoNLL04's format, written for these tests."""
    folder = tmp_path_factory.mktemp("conll04")
    (folder / "train.txt").write_text(conll04(120, 0), encoding="utf-8")
    (folder / "dev.txt").write_text(conll04(40, 1), encoding="utf-8")
    return folder


class Tags(HTMLParser):
    """The open tags, which must close in order, and every address that a tag names."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_study_is_printed_written_and_drawn(
    tmp_path: Path, tiny_encoder: Path, corpus: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out, figure = tmp_path / "study.json", tmp_path / "study.html"
    out.write_text("an older study")
    words = ["layers", tiny_encoder, "--corpus", "conll04", "--path", corpus, "--seed", 5]
    assert run_here(*words, "--json", out, "--figure", figure) == 0
    captured = capfd.readouterr()

    result = json.loads(out.read_text())
    assert set(result) >= {"command", "commit", "versions", "processor", "date", "settings"}
    assert result["command"].startswith("tripack layers ") and result["settings"]["seed"] == 5
    assert result["model"] == {"given": str(tiny_encoder), "trained": None}
    assert result["versions"]["scikit-learn"] is not None
    assert [row["layer"] for row in result["layers"]] == list(range(N_LAYERS + 1))
    assert result["data"]["train"]["sentences"] == 120
    dev = result["data"]["dev"]
    assert (dev["sentences"], dev["spans"], dev["pairs"], dev["related_pairs"]) == (40, 80, 80, 40)
    for row in result["layers"]:
        assert set(row) == {"layer", "probes", "representation"}
        assert set(row["probes"]) == {"boundary", "type", "relation"}
        for probe in row["probes"].values():
            assert 0 <= probe["micro_f1"] <= 1 and 0 <= probe["macro_f1"] <= 1
            assert 0 <= probe["accuracy"] <= 1 and probe["standard_error"] >= 0
        assert row["probes"]["type"]["micro"]["n_gold"] == 80
        assert row["probes"]["relation"]["micro"]["n_gold"] == 40
    # Even random layers tell a handful of names apart, half of which are people.
    assert result["layers"][0]["probes"]["type"]["micro_f1"] > 0.8
    recommended = result["recommendation"]
    model = tomllib.loads(recommended["recipe"])["model"]
    recipe = {"name": "x", "corpora": [{"name": "conll04"}], "model": model}
    assert Recipe.model_validate(recipe).model.fusion.name == recommended["fusion"]

    # As printed, indented, it can stand in a recipe in place of the recipe's own tables.
    first = captured.out.index("    [model.encoder]")
    snippet = captured.out[first : captured.out.index("\n\n", captured.out.index("[model.fusion]"))]
    whole = tomllib.loads(f"name = 'x'\n[[corpora]]\nname = 'conll04'\n{snippet}\n[training]\n")
    assert Recipe.model_validate(whole) == Recipe.model_validate(recipe)

    for heading in HEADINGS:
        assert heading in captured.out
    for row in result["layers"]:
        assert f"{100 * row['probes']['relation']['micro_f1']:.1f} ±" in captured.out
    assert "A fusion to try" in captured.out and 'name = "' + recommended["fusion"] in captured.out
    assert captured.err.count("tripack: layer ") == N_LAYERS + 1

    page = figure.read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(page)
    assert not tags.open and not tags.addresses
    assert tags.seen.count("svg") == 1 and tags.seen.count("polyline") == 7
    assert tags.seen.count("tr") == N_LAYERS + 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["study.html", "study.json"]


def test_same_seed_gives_the_same_study_and_an_svg_parses(
    tmp_path: Path, tiny_encoder: Path, corpus: Path
) -> None:
    found = []
    for name in ("one", "two"):
        out, figure = tmp_path / f"{name}.json", tmp_path / f"{name}.svg"
        words = ["layers", tiny_encoder, "-c", "conll04", "--path", corpus, "--sentences", 30]
        assert run_here(*words, "--json", out, "--figure", figure, "--quiet") == 0
        found.append(json.loads(out.read_text()))
        root = ET.parse(figure).getroot()
        assert root.tag == f"{SVG}svg"
        assert len(list(root.iter(f"{SVG}polyline"))) == 7
    assert found[0]["data"]["train"]["sentences"] == found[0]["data"]["dev"]["sentences"] == 30
    assert found[0]["layers"] == found[1]["layers"]
    assert found[0]["recommendation"] == found[1]["recommendation"]


def test_trained_model_on_a_corpus_of_one_type_cut_in_two(
    tmp_path: Path, tiny_model: Path, facts_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out, figure = tmp_path / "study.json", tmp_path / "study.svg"
    words = ["layers", tiny_model, "-c", "hyperred", "--path", facts_file, "--dev", 5]
    assert run_here(*words, "--json", out, "--figure", figure, "--threads", 1, "-q") == 0
    assert "corpus hyperred has one entity type" in capfd.readouterr().err
    result = json.loads(out.read_text())
    assert result["model"]["trained"] == "tiny 1.0.0"
    assert result["data"]["dev"]["sentences"] == 5
    assert all(row["probes"]["type"] is None for row in result["layers"])
    ET.parse(figure)


def hyperred(folder: Path, *, entities: bool) -> Path:
    """Sentences in HyperRED's format without relations, and without entities unless asked."""
    ner = [[0, 0, "Entity"], [2, 2, "Entity"]] if entities else []
    sentence = {
        "sentences": [["Ada", "met", "Tom"]],
        "ner": [ner],
        "relations": [[]],
        "clusters": [],
        "doc_key": "",
    }
    path = folder / "bare.json"
    path.write_text(f"{json.dumps(sentence)}\n" * 6)
    return path


@pytest.mark.parametrize(("entities", "missing"), [(True, "relation"), (False, "entity")])
def test_corpus_without_entities_or_relations_is_refused(
    tmp_path: Path,
    tiny_encoder: Path,
    capfd: pytest.CaptureFixture[str],
    entities: bool,
    missing: str,
) -> None:
    path = hyperred(tmp_path, entities=entities)
    words = ["layers", tiny_encoder, "-c", "hyperred", "--path", path, "--dev", 2]
    outs = ["--json", tmp_path / "o.json", "--figure", tmp_path / "o.html"]
    assert run_here(*words, *outs) == 3
    err = capfd.readouterr().err
    assert_one_line_error(err)
    assert f"The train part of corpus 'hyperred' has no {missing} in 4 sentences" in err
    assert [p.name for p in tmp_path.iterdir()] == ["bare.json"]


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["no-such-model"], 5, "Unknown model or encoder 'no-such-model'. Expected one of: all-M"),
        (["./missing"], 5, "There is no encoder at './missing'"),
        (["ENCODER", "-c", "nope"], 3, "Unknown corpus 'nope'. Expected one of: conll04"),
        (["ENCODER", "--split", "final"], 3, "Unknown split 'final'. Expected one of: dev, test"),
        (["ENCODER", "--split", "test"], 3, "test.txt"),
        (["ENCODER", "--path", "missing"], 3, "missing"),
        (["ENCODER", "--split", "train"], 2, "expected another --split"),
        (["ENCODER", "--split", "test", "--dev", "3"], 2, "Expected --split dev together with"),
        (["ENCODER", "--dev", "999"], 3, "got 999"),
        (["ENCODER", "--path", "CORPUS/dev.txt"], 2, "is one file: expected --dev N"),
        (["ENCODER", "--figure", "o.png"], 2, "end in .html or .svg, got 'o.png'"),
        (["ENCODER", "--figure", "o.svg", "--json", "o.svg"], 2, "o.svg twice"),
        (["ENCODER", "--sentences", "0"], 2, "--sentences"),
        (["ENCODER", "--threads", "0"], 2, "at least 1, got 0."),
        (["ENCODER", "--json", "missing/o.json"], 4, "No such file"),
        (["ENCODER", "--json", "o.json", "--figure", "missing/o.svg"], 4, "No such file"),
    ],
)
def test_wrong_input_is_one_line_and_leaves_no_file(
    tmp_path: Path,
    tiny_encoder: Path,
    corpus: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    part: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    known = {"ENCODER": str(tiny_encoder), "CORPUS/dev.txt": str(corpus / "dev.txt")}
    given = [known.get(word, word) for word in words]
    given += [] if "-c" in words else ["-c", "conll04"]
    given += [] if "--path" in words else ["--path", str(corpus)]
    assert run_here("layers", *given) == code
    err = capfd.readouterr().err
    assert_one_line_error(err)
    assert part in err
    assert list(tmp_path.iterdir()) == []


def test_empty_split_is_refused_by_the_real_command(tmp_path: Path, tiny_encoder: Path) -> None:
    (tmp_path / "train.txt").write_text(conll04(9, 0), encoding="utf-8")
    (tmp_path / "dev.txt").touch()
    done = tripack("layers", tiny_encoder, "-c", "conll04", "--path", tmp_path)
    assert done.returncode == 3 and done.stdout == ""
    assert_one_line_error(done.stderr)
    assert "dev.txt, line 1: the file is empty" in done.stderr
