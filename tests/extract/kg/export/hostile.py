"""Graphs to export: a small one by hand, and random ones whose texts try to break every format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from extract.kg.structures import (
    Fact,
    FactQualifier,
    Graph,
    Mention,
    Node,
    Statement,
    StatementQualifier,
    Value,
)

HOSTILE = (
    'She said "no", \'yes\' and ""',
    "two\nlines\r\nand\rthree",
    "`) DETACH DELETE n //",
    "``}) MATCH (n) DETACH DELETE n //",
    "\\u0060) DETACH DELETE n //",
    "x'}) RETURN 1; DROP CONSTRAINT entity_id;",
    "</data></edge><![CDATA[ ]]> &amp; <!-- -->",
    "</script><script>alert(1)</script>",
    '" . <urn:a> <urn:b> <urn:c> .',
    '"""\\',
    "a;b,c|d\x1fe\tf",
    "\x00\x01\x08\x0b\x0c\x1b\x7f\x85\ufffe\uffff",
    "שלום \u202eevil\u202c مرحبا",
    "👩‍👩‍👧 𝔘𝔫𝔦 e\u0301",
    "  spaces  ",
    "@type",
    "http://example.org/a b<c>",
    "half a pair \ud83d",
    "\u2028line\u2029paragraph",
    "=cmd|' /C calc'!A0",
    "null",
)


def mention(document: str, start: int, text: str, type: str | None = None) -> Mention:
    """A mention of a text at a place."""
    return Mention(document, start, start + len(text), text, type)


def small_graph() -> Graph:
    """Two entities and a year; a statement between entities with three qualifiers, one with a literal."""
    ann, acme = mention("d1", 0, "Ann Lee", "PER"), mention("d1", 15, "Acme", "ORG")
    boss, year = mention("d1", 23, "boss"), mention("d1", 33, "in 1967")
    again = mention("d2", 4, "A. Lee", "PER")
    evidence = Fact(
        subject=ann,
        relation="works for",
        relation_id="P108",
        object=acme,
        qualifiers=(
            FactQualifier("position held", "P39", boss, 0.75),
            FactQualifier("point in time", None, year, 0.5),
        ),
        score=0.9,
        sentence=(0, 41),
        sentence_text="Ann Lee joined Acme as boss, in 1967.",
        model="tiny 1.0.0",
    )
    other = replace(evidence, subject=again, object=mention("d2", 20, "Acme", "ORG"), score=0.5)
    born = replace(
        evidence, relation="born in", relation_id=None, object=year, qualifiers=(), score=0.25
    )
    nodes = (
        Node("e1", "Ann Lee", "PER", ("A. Lee",), ("e1", "e9"), (ann, again)),
        Node("e2", "Acme", "ORG", (), ("e2",), (acme,)),
        Node("e3", "boss", None, (), ("e3",), (boss,)),
    )
    year_value = Value("1967", "gYear", "in 1967")
    statements = (
        Statement(
            "s1",
            "e1",
            "works for",
            "P108",
            "e2",
            (
                StatementQualifier("point in time", None, year_value, 0.5),
                StatementQualifier("point in time", None, Value("1968", "gYear", "1968"), 0.25),
                StatementQualifier("position held", "P39", "e3", 0.75),
            ),
            0.95,
            (evidence, other),
        ),
        Statement("s2", "e1", "born in", None, year_value, (), 0.25, (born,)),
    )
    return Graph({n.id: n for n in nodes}, {s.id: s for s in statements})


def hostile_graph() -> Graph:
    """Each hostile text in every role that a text can have."""
    nodes, statements = {}, {}
    for i, text in enumerate(HOSTILE):
        place = mention(text, i, text, text)
        fact = Fact(
            subject=place,
            relation=text,
            relation_id=text,
            object=place,
            qualifiers=(FactQualifier(text, text, place, 0.5),),
            score=0.5,
            sentence=(i, i + len(text)),
            sentence_text=text,
            model=text,
        )
        nodes[f"e{i}"] = Node(f"e{i}", text, text, (text,), (f"e{i}",), (place,))
        value = Value(text, "string", text)
        qualifiers = (
            StatementQualifier(text, text, value, 0.5),
            StatementQualifier(text, None, f"e{i}", 0.25),
        )
        for kind, end in (("n", f"e{i}"), ("v", value)):
            statements[f"{kind}{i}"] = Statement(
                f"{kind}{i}", "e0", text, text, end, qualifiers, 0.75, (fact,)
            )
    return Graph(nodes, statements)


def long_graph() -> Graph:
    """An entity, its mentions and a literal with texts of 100,000 characters."""
    text = 'x "`\n;\x1f' * 12_500 + "\x00"
    graph = small_graph()
    place = mention("d1", 0, text, "PER")
    node = replace(graph.nodes["e1"], label=text, aliases=(text,), mentions=(place,))
    born = replace(graph.statements["s2"], object=Value(text, "string", text))
    evidence = tuple(replace(fact, subject=place) for fact in born.evidence)
    born = replace(born, evidence=evidence)
    return Graph(graph.nodes | {"e1": node}, graph.statements | {"s2": born})


def few(n_examples: int) -> settings:
    """So many examples, however slow the machine is: a graph takes many draws."""
    slow = [HealthCheck.too_slow]
    return settings(max_examples=n_examples, deadline=None, suppress_health_check=slow)


def hostile(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test of `graph` on the hostile graph, a long one and a few random ones: each writes files."""
    test = given(graph=graphs())(test)
    for graph in (hostile_graph(), long_graph()):
        test = example(graph=graph)(test)
    return few(12)(test)


texts = st.one_of(
    st.sampled_from(HOSTILE), st.text(st.characters(), min_size=1, max_size=12), st.just("Ann Lee")
)
_names = st.one_of(
    st.sampled_from(["works for", "P108", *HOSTILE]), st.text(min_size=1, max_size=5)
)
_scores = st.integers(0, 10**6).map(lambda n: n / 10**6)
_values = st.one_of(
    st.builds(Value, st.sampled_from(["1967", "0042"]), st.just("gYear"), texts),
    st.builds(Value, st.sampled_from(["1967-05-01"]), st.just("date"), texts),
    st.builds(Value, st.integers().map(str), st.just("integer"), texts),
    st.builds(Value, texts, st.just("string"), texts),
)


@st.composite
def _mentions(draw: st.DrawFn, document: str) -> Mention:
    text = draw(texts)
    type = draw(st.none() | _names)
    return mention(document, draw(st.integers(0, 10**6)), text, type)


@st.composite
def _facts(draw: st.DrawFn, relation: str, relation_id: str | None) -> Fact:
    document = draw(texts)
    found = draw(st.lists(st.tuples(_names, _mentions(document), _scores), max_size=2))
    start = draw(st.integers(0, 1000))
    return Fact(
        subject=draw(_mentions(document)),
        relation=relation,
        relation_id=relation_id,
        object=draw(_mentions(document)),
        qualifiers=tuple(FactQualifier(name, None, value, score) for name, value, score in found),
        score=draw(_scores),
        sentence=(start, start + 50),
        sentence_text=draw(texts),
        model=draw(st.sampled_from(["tiny 1.0.0", HOSTILE[0]])),
    )


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A graph of up to four entities and six statements, parallel ones and loops among them."""
    ids = [f"0{i}e1" for i in range(draw(st.integers(1, 4)))]  # as hashes may look: like numbers
    nodes = {}
    for id in ids:
        mentions = tuple(sorted(draw(st.lists(_mentions("doc"), max_size=2)), key=repr))
        aliases = tuple(sorted(draw(st.sets(texts, max_size=2))))
        type = draw(st.none() | _names)
        nodes[id] = Node(id, draw(texts), type, aliases, (id, f"{id}x"), mentions)
    statements = {}
    ends = st.sampled_from(ids)
    for i in range(draw(st.integers(0, 6))):
        relation, relation_id = draw(_names), draw(st.none() | _names)
        qualifiers = st.builds(
            StatementQualifier, _names, st.none() | _names, ends | _values, _scores
        )
        statements[f"00{i}"] = Statement(
            id=f"00{i}",
            subject=draw(ends),
            relation=relation,
            relation_id=relation_id,
            object=draw(ends | _values),
            qualifiers=tuple(draw(st.lists(qualifiers, max_size=3))),
            score=draw(_scores),
            evidence=tuple(draw(st.lists(_facts(relation, relation_id), min_size=1, max_size=2))),
        )
    return Graph(nodes, statements)
