"""What a user says goes before what rules find."""

from __future__ import annotations

import logging

import pytest

from extract.kg.resolve import Resolution, resolve
from extract.kg.structures import Mention, Merge


def _mentions(*names: str) -> list[Mention]:
    found = []
    for at, name in enumerate(names):
        text, _, type = name.partition("/")
        found.append(Mention("d", at * 50, at * 50 + len(text), text, type or "LOC"))
    return found


def _verdict(resolution: Resolution, left: str, verdict: str, right: str) -> Merge:
    ids = {base.texts[0] + "/" + str(base.type): base.id for base in resolution.bases.values()}
    ends = [ids[name if "/" in name else f"{name}/LOC"] for name in (left, right)]
    return Merge(ends[0], ends[1], verdict, "user", "said so", 1.0)  # type: ignore[arg-type]


def _apart(mentions: list[Mention], *said: tuple[str, str, str]) -> list[set[str]]:
    plain = resolve(mentions)
    found = resolve(mentions, None, [_verdict(plain, *one) for one in said])
    clusters: dict[str, set[str]] = {}
    for mention in mentions:
        clusters.setdefault(found.of(mention), set()).add(mention.text)
    return sorted(clusters.values(), key=sorted)


def test_verdict_same_joins_what_no_rule_joins() -> None:
    assert _apart(_mentions("Siam", "Thailand"), ("Siam", "same", "Thailand")) == [
        {"Siam", "Thailand"}
    ]


def test_verdict_same_goes_before_types() -> None:
    mentions = _mentions("Siam", "Thailand/ORG")
    assert len(_apart(mentions, ("Siam", "same", "Thailand/ORG"))) == 1


def test_verdict_same_across_types_does_not_keep_rules_from_joining() -> None:
    mentions = _mentions("European Union/ORG", "EU/ORG", "Europe/LOC")
    said = ("European Union/ORG", "same", "Europe")
    assert _apart(mentions, said) == [{"European Union", "EU", "Europe"}]


def test_verdict_different_keeps_apart_what_a_rule_joins() -> None:
    mentions = _mentions("European Union/ORG", "EU/ORG")
    plain = resolve(mentions)
    assert len(set(plain.canonical.values())) == 1
    verdict = _verdict(plain, "EU/ORG", "different", "European Union/ORG")
    found = resolve(mentions, None, [verdict])
    assert len(set(found.canonical.values())) == 2
    assert found.merges == (verdict,)  # it prevented something, so it is told


def test_verdict_different_holds_through_others() -> None:
    mentions = _mentions("Siam", "Thailand", "Muang Thai")
    said = [("Siam", "same", "Thailand"), ("Siam", "different", "Muang Thai")]
    # A third that is the same as one is not the other.
    assert _apart(mentions, *said) == [{"Muang Thai"}, {"Siam", "Thailand"}]
    plain = resolve(mentions)
    verdicts = [_verdict(plain, *one) for one in said]
    late = _verdict(plain, "Thailand", "same", "Muang Thai")
    found = resolve(mentions, None, [late, *verdicts])
    assert found.canonical[late.left] != found.canonical[late.right]


def test_verdict_different_holds_through_rules() -> None:
    # The short form is of the long one by a rule, which a user says is not the third.
    mentions = _mentions("European Union/ORG", "EU/ORG", "Brussels/ORG")
    said = [("European Union/ORG", "different", "Brussels/ORG"), ("EU/ORG", "same", "Brussels/ORG")]
    assert _apart(mentions, *said) == [{"Brussels", "EU"}, {"European Union"}]


def test_verdict_later_on_the_same_pair_counts() -> None:
    mentions = _mentions("Siam", "Thailand")
    same, different = ("Siam", "same", "Thailand"), ("Thailand", "different", "Siam")
    assert len(_apart(mentions, same, different)) == 2
    assert len(_apart(mentions, different, same)) == 1


def test_verdict_contradicted_by_later_ones_is_left_out_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    mentions = _mentions("Siam", "Thailand", "Muang Thai")
    said = [
        ("Siam", "different", "Muang Thai"),
        ("Siam", "same", "Thailand"),
        ("Thailand", "same", "Muang Thai"),
    ]
    with caplog.at_level(logging.WARNING):
        assert len(_apart(mentions, *said)) == 1
    assert "Verdict 'different'" in caplog.text


def test_verdict_on_what_is_not_there_does_nothing() -> None:
    mentions = _mentions("Siam")
    verdict = Merge("0" * 20, resolve(mentions).of(mentions[0]), "same", "user", "", 1.0)
    assert resolve(mentions, None, [verdict]).merges == ()
