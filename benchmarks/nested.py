"""Write a corpus of sentences with nested names, to train and compare heads on spans within spans.

    python -m benchmarks.nested --out data/nested --seed 13

The folder gets `train.jsonl` and `dev.jsonl` in the format of the corpus `tripack`: entities of the types
EVENT, LOC, ORG, PER and ROLE, no triples. Sentences come from a grammar in which names hold names, up to five
deep: a place in a university, the university in its press, the press in the title of its director. No city,
given name or surname of the train part stands in the dev part; the words around them do. Nothing in it is a
fact.

The same seed and sizes give the same files.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CITIES = (
    "Aarhus Accra Adelaide Antwerp Baku Bamako Basel Belfast Bergen Bologna Bordeaux Boston Bristol "
    "Bruges Calgary Cardiff Chennai Cologne Cork Dakar Delft Denver Dresden Dublin Durban Florence "
    "Geneva Ghent Glasgow Granada Hamburg Hanoi Havana Helsinki Jakarta Kampala Karachi Krakow Kyiv "
    "Kyoto Lagos Leeds Leipzig Lima Lisbon London Lyon Madrid Malmo Manila Melbourne Milan Montreal "
    "Munich Nairobi Naples Oslo Ottawa Palermo Perth Porto Prague Quito Riga Rome Rotterdam Santiago "
    "Sarajevo Seville Sofia Stuttgart Sydney Tallinn Toronto Toulouse Trieste Turin Utrecht Valencia "
    "Vienna Vilnius Warsaw York Zagreb Zurich".split()
)
_GIVEN_NAMES = (
    "Ada Adrian Aisha Alan Amara Anders Anna Arturo Beatriz Bjorn Carla Chen Clara Daniel Diego Edith "
    "Elena Emil Esther Farah Felix Grace Hana Hugo Ines Ivan Jonas Julia Kofi Lars Leila Lucia Magnus "
    "Maria Mei Miguel Nadia Nils Olga Omar Pablo Petra Priya Rafael Rosa Samir Sara Sven Tariq Teresa "
    "Tomas Vera Viktor Yuki Zofia".split()
)
_SURNAMES = (
    "Abara Almeida Bauer Bergman Bianchi Castro Chandra Costa Dalton Dupont Eriksen Farouk Fischer "
    "Gallo Haddad Hansen Ibarra Ito Jansen Kaminski Keller Kimura Kovacs Larsen Lindqvist Maduro "
    "Mensah Moreau Nakamura Novak Okafor Olsen Osei Park Pereira Popov Quiroga Rahman Ricci Rojas "
    "Sato Schmidt Silva Tanaka Torres Urban Varga Vidal Wagner Weber Yilmaz Zeman".split()
)
_FIELDS = (
    "Chemistry Geology History Linguistics Mathematics Medicine Music Philosophy Physics".split()
)
_THEMES = ("Film", "Jazz", "Book", "Science", "Theatre")
_OFFICES = ("director", "president", "secretary", "treasurer")

_SENTENCES = (
    "{PER} was appointed {ROLE} in {YEAR}.",
    "In {YEAR}, {PER} left {ORG} to teach at {ORG}.",
    "{PER} and {PER} opened {EVENT} with a short speech.",
    "The letters were given to {ORG} by {ROLE}, {PER}.",
    "Critics at {EVENT} praised the new book from {ORG}.",
    "The road from {LOC} to {LOC} was closed for most of {YEAR}.",
    "A spokesman for {ORG} said that {ROLE} would not attend {EVENT}.",
    "The university had no museum of its own, so {PER} sold the maps to {ORG}.",
    "After {EVENT}, the army withdrew towards {LOC}.",
    "{ORG} lent two paintings to {ORG}, and the press took little notice.",
    "Born in {LOC}, {PER} studied law before joining {ORG}.",
    "The bank refused the loan, and {ORG} had to turn to {ORG} for help.",
    "According to {ROLE}, the festival in {LOC} drew more visitors than {EVENT}.",
    "{PER}, then {ROLE}, signed the agreement with {ORG} at {LOC}.",
    "Neither the mayor nor {PER} was invited to {EVENT}.",
    "It was in {LOC} that {ROLE} first met {PER}.",
    "The foundation moved from {LOC} to {LOC} when {ORG} bought its building.",
    "{ROLE} resigned on the eve of {EVENT}.",
    "Students from {ORG} marched through {LOC} in the spring of {YEAR}.",
    "The report by {ORG} names {PER} as {ROLE}.",
)


@dataclass(frozen=True, slots=True)
class Name:
    """A name made of words and names. `article`: it is used with "the", which is no part of it."""

    label: str
    parts: tuple[str | Name, ...]
    article: bool = False


@dataclass(frozen=True, slots=True)
class Inventory:
    """The names that a part of the corpus may use; no two parts share one."""

    cities: tuple[str, ...]
    given_names: tuple[str, ...]
    surnames: tuple[str, ...]


class Grammar:
    """Draws names of each type; `random` decides everything."""

    def __init__(self, inventory: Inventory, generator: random.Random) -> None:
        self.inventory = inventory
        self.random = generator
        self.of_type: dict[str, Callable[[], Name]] = {
            "EVENT": self.event,
            "LOC": self.place,
            "ORG": self.organisation,
            "PER": self.person,
            "ROLE": self.role,
        }

    def city(self) -> Name:
        """Oslo."""
        return Name("LOC", (self.random.choice(self.inventory.cities),))

    def person(self) -> Name:
        """Anna Weber."""
        names = self.inventory
        given, surname = self.random.choice(names.given_names), self.random.choice(names.surnames)
        return Name("PER", (f"{given} {surname}",))

    def place(self) -> Name:
        """A city, or what is named after one or after a university."""
        return self.random.choice(
            (
                self.city(),
                self.city(),
                Name("LOC", (self.city(), " Airport")),
                Name("LOC", ("Port of ", self.city()), article=True),
                Name("LOC", (self.university(), " Botanic Garden"), article=True),
            )
        )

    def university(self) -> Name:
        """Oslo University, the University of Oslo, or one named after a person."""
        return self.random.choice(
            (
                Name("ORG", ("University of ", self.city()), article=True),
                Name("ORG", (self.city(), " University")),
                Name("ORG", (self.person(), " University")),
            )
        )

    def organisation(self) -> Name:
        """A university or a body named after a name of any type, or a firm that holds no further name."""
        field = self.random.choice(_FIELDS)
        university = self.university()
        return self.random.choice(
            (
                university,
                Name("ORG", (university, " Press"), article=university.article),
                Name("ORG", (f"Department of {field} at ", *_used(university)), article=True),
                Name("ORG", (self.city(), " Museum of ", field), article=True),
                Name("ORG", (self.person(), " Foundation"), article=True),
                Name("ORG", ("Bank of ", self.city()), article=True),
                Name("ORG", ("Friends of ", *_used(self.event())), article=True),
                Name("ORG", (f"{self.random.choice(self.inventory.surnames)} and Sons",)),
            )
        )

    def event(self) -> Name:
        """An event named after a city, a university or a person."""
        theme = self.random.choice(_THEMES)
        return self.random.choice(
            (
                Name("EVENT", (self.city(), f" {theme} Festival"), article=True),
                Name("EVENT", ("Battle of ", self.city()), article=True),
                Name("EVENT", (self.university(), " Summer School"), article=True),
                Name("EVENT", (self.person(), f" Memorial {theme} Prize"), article=True),
            )
        )

    def role(self) -> Name:
        """An office of a city or an organisation."""
        if self.random.random() < 0.25:
            return Name("ROLE", ("mayor of ", self.city()), article=True)
        office = self.random.choice(_OFFICES)
        return Name("ROLE", (f"{office} of ", *_used(self.organisation())), article=True)

    def sentence(self) -> Name:
        """A sentence, as a name without a label."""
        parts: list[str | Name] = []
        text = self.random.choice(_SENTENCES)
        while text:
            before, _, rest = text.partition("{")
            slot, _, text = rest.partition("}")
            parts.append(before)
            if slot == "YEAR":
                parts.append(str(self.random.randint(1870, 2019)))
            elif slot:
                parts += _used(self.of_type[slot]())
        return Name("", tuple(part for part in parts if part))


def _used(name: Name) -> tuple[str | Name, ...]:
    """The name as it stands in a text."""
    return ("the ", name) if name.article else (name,)


def record_of(id: str, sentence: Name) -> dict[str, Any]:
    """A sentence as a line of a `tripack` corpus, entities by where they start, outer ones first."""
    text = "".join(_words(sentence))
    text = text[0].upper() + text[1:]
    entities = [
        {"text": text[start:end], "start": start, "end": end, "label": label}
        for start, end, label in sorted(_ends(sentence, 0), key=lambda e: (e[0], -e[1]))
    ]
    return {"id": id, "text": text, "entities": entities, "triples": []}


def _words(name: Name) -> Iterator[str]:
    for part in name.parts:
        yield from (part,) if isinstance(part, str) else _words(part)


def _ends(name: Name, start: int) -> Iterator[tuple[int, int, str]]:
    """Start, end and label of the name, if it has a label, and of those within it."""
    at = start
    for part in name.parts:
        if isinstance(part, Name):
            yield from _ends(part, at)
        at += len(part) if isinstance(part, str) else sum(map(len, _words(part)))
    if name.label:
        yield start, at, name.label


def inventories(generator: random.Random) -> tuple[Inventory, Inventory]:
    """Names for train and dev: about a quarter of each kind is the dev part's."""
    halves = []
    for names in (_CITIES, _GIVEN_NAMES, _SURNAMES):
        mixed = generator.sample(names, len(names))
        cut = len(mixed) // 4
        halves.append((tuple(mixed[cut:]), tuple(mixed[:cut])))
    train, dev = zip(*halves, strict=True)
    return Inventory(*train), Inventory(*dev)


def records(grammar: Grammar, n: int, part: str) -> list[dict[str, Any]]:
    """`n` sentences, none twice."""
    found: dict[str, dict[str, Any]] = {}
    while len(found) < n:
        record = record_of(f"{part}-{len(found)}", grammar.sentence())
        found.setdefault(record["text"], record)
    return list(found.values())


def main(arguments: list[str] | None = None) -> None:
    """Write both parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the corpus")
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--train", type=int, default=300, help="sentences")
    parser.add_argument("--dev", type=int, default=200, help="sentences")
    given = parser.parse_args(arguments)
    generator = random.Random(given.seed)
    given.out.mkdir(parents=True, exist_ok=True)
    for part, inventory in zip(("train", "dev"), inventories(generator), strict=True):
        lines = records(Grammar(inventory, generator), getattr(given, part), part)
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (given.out / f"{part}.jsonl").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
