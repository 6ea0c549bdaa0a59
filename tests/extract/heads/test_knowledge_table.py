"""The table that knows names: the table itself without knowledge, its gate, the model folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import corpora
from extract.heads.knowledge_table import Gate, KnowledgeTableHead
from extract.heads.table import TableHead
from extract.model import ExtractionModel, ModelConfig
from extract.models.folder import ModelFolder, Settings, read_model, write_model
from extract.predict import Predictor, windower_of
from extract.schema import Schema
from extract.structures import Sentence
from extract.training.data import Annotated, training_windows
from tests.extract.heads.cases import make_states, same

SIZES = {"width": 16, "cube_width": 16, "dropout": 0.0, "triple_floor": -1e3, "max_spans": 5}
GRAPH = {"graph_width": 4, "graph_epochs": 3, "n_names": 40, "knowledge_dropout": 0.0}


@pytest.fixture(scope="module")
def sentences(facts_file: Path) -> list[Sentence]:
    return [example.sentence for example in corpora.read("hyperred", facts_file)["file"]][:4]


def make(name: str, encoder: Path, sentences: list[Sentence]) -> ExtractionModel:
    head = {"name": name, **SIZES, **(GRAPH if name == "knowledge_table" else {})}
    torch.manual_seed(0)
    config = ModelConfig.model_validate(
        {"encoder": {"name": str(encoder), "dropout": 0.0}, "head": head}
    )
    model = ExtractionModel(config, Schema.infer(sentences)).eval()
    with torch.no_grad():
        for parameter in model.head.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.3)
    return model


def study(model: ExtractionModel, sentences: list[Sentence]) -> None:
    annotated = Annotated.by(model.schema, model.schema)
    windows = training_windows(sentences, windower_of(model), model.schema, annotated)
    model.head.study([[(w.window, w.gold) for w in windows]], seed=0)


def test_gate_adds_a_share_of_what_is_known_by_hand() -> None:
    torch.manual_seed(0)
    gate, features, known = Gate(6, 4), torch.randn(3, 4), torch.randn(3, 6)
    known[1] = 0
    added = known @ gate.known.weight.T
    both = torch.cat([features, added], dim=1)
    share = (both @ gate.gate.weight.T + gate.gate.bias).sigmoid()
    found = gate(features, known)
    torch.testing.assert_close(found, features + share * added)
    assert torch.equal(found[1], features[1])


def test_without_known_names_the_table_scores_and_with_them_other_pairs_keep_their_scores(
    tiny_encoder: Path, sentences: list[Sentence]
) -> None:
    plain, knowing = (make(name, tiny_encoder, sentences) for name in ("table", "knowledge_table"))
    head = knowing.head
    assert isinstance(plain.head, TableHead)
    assert isinstance(head, KnowledgeTableHead)
    own = head.state_dict()
    head.load_state_dict({**own, **plain.head.state_dict()})
    given = [[(e.span.start_word, e.span.end_word) for e in s.entities] for s in sentences]
    expected = Predictor(plain, windower_of(plain)).candidates(sentences, given=given)
    before = Predictor(knowing, windower_of(knowing)).candidates(sentences, given=given)
    for one, two in zip(expected, before, strict=True):
        same(one, two)
    study(knowing, sentences)
    triples = [t for sentence in sentences for t in sentence.triples]
    named = {entity.text.lower() for t in triples for entity in (t.subject, t.object)}
    after = Predictor(knowing, windower_of(knowing)).candidates(sentences, given=given)
    n_changed = n_same = 0
    for sentence, one, two in zip(sentences, before, after, strict=True):
        text = [" ".join(sentence.words[s:e]).lower() for s, e in one.spans.tolist()]
        assert one.triples.tolist() == two.triples.tolist()
        for (s, _, o), was, now in zip(
            one.triples.tolist(), one.triple_scores, two.triple_scores, strict=True
        ):
            is_known = text[s] in named or text[o] in named
            assert (abs(was - now) > 1e-5) == is_known
            n_changed, n_same = n_changed + is_known, n_same + (not is_known)
    assert n_changed
    assert n_same


def test_what_is_known_survives_the_model_folder(
    tiny_encoder: Path, sentences: list[Sentence], tmp_path: Path
) -> None:
    model = make("knowledge_table", tiny_encoder, sentences)
    study(model, sentences)
    settings = Settings(name="knowing", version="1", model=model.settings)
    folder = ModelFolder(tmp_path / "model")
    write_model(folder, model, model.schema, settings, dtype=torch.float32)
    again, _, _ = read_model(folder)
    own, kept = model.head.state_dict(), again.head.state_dict()
    assert kept["knowledge.keys"].dtype == torch.int64
    for name in ("knowledge.keys", "knowledge.vectors"):
        assert torch.equal(own[name], kept[name])
    assert int(own["knowledge.vectors"].ne(0).any(1).sum()) > 5
    one, two = (Predictor(m, windower_of(m)).candidates(sentences) for m in (model, again.eval()))
    for left, right in zip(one, two, strict=True):
        same(left, right)


def test_states_without_text_are_refused(tiny_encoder: Path, sentences: list[Sentence]) -> None:
    head = make("knowledge_table", tiny_encoder, sentences).head
    assert isinstance(head, KnowledgeTableHead)
    with pytest.raises(ValueError, match="expected word states with `text`"):
        head._informed(
            torch.zeros(1, 96),
            torch.zeros(1, 2, 2),
            torch.tensor([[0, 0, 1]]),
            make_states([3]).text,
        )


def test_studying_windows_without_facts_leaves_it_as_it_was(
    tiny_encoder: Path, sentences: list[Sentence]
) -> None:
    model = make("knowledge_table", tiny_encoder, sentences)
    before = {name: value.clone() for name, value in model.head.state_dict().items()}
    model.head.study([[]], seed=0)
    for name, value in model.head.state_dict().items():
        assert torch.equal(value, before[name])
