"""Entity resolution: which names are of one entity, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from extract.errors import InputError, one_of
from extract.kg.abbreviations import abbreviations
from extract.kg.clusters import cluster
from extract.kg.embeddings import close_embeddings
from extract.kg.entities import BaseEntities, BaseEntity, EntityTypes
from extract.kg.rules_of_names import aliases, personal_names, same_surface
from extract.kg.similarity import check_installed, similar_texts
from extract.kg.structures import Mention, Merge

RULES = ("alias", "same surface", "abbreviation", "personal name", "similar text", "embedding")


@dataclass(frozen=True)
class ResolutionConfig:
    """How names are resolved.

    Args:
        rules: the rules that are used, of `RULES`; they always run in that order.
        types: what the entity types mean.
        aliases: groups of names of one entity each, see `alias_file`.
        similarity: how similar two texts must be for the rule "similar text", in [0, 1].
        embedding_similarity: the cosine of two names' embeddings for the rule "embedding".
        encoder: whose embeddings these are: a folder, or a name as in a recipe.

    Raises `InputError` for an unknown rule or a threshold out of its range.
    """

    rules: tuple[str, ...] = (
        "alias",
        "same surface",
        "abbreviation",
        "personal name",
        "similar text",
    )
    types: EntityTypes = field(default_factory=EntityTypes)
    aliases: tuple[tuple[str, ...], ...] = ()
    similarity: float = 0.9
    embedding_similarity: float = 0.9
    encoder: str = "all-MiniLM-L6-v2"

    def __post_init__(self) -> None:
        for rule in self.rules:
            if rule not in RULES:
                raise InputError(one_of("resolution rule", rule, [*RULES]))
        for name in ("similarity", "embedding_similarity"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise InputError(f"Expected {name} in (0, 1], got {getattr(self, name)}.")


@dataclass(frozen=True)
class Resolution:
    """Entities before resolution, and of each the canonical member of its cluster; why is in `merges`."""

    bases: BaseEntities
    canonical: dict[str, str]
    merges: tuple[Merge, ...]

    def of(self, mention: Mention) -> str:
        """The identifier of the node that a mention belongs to."""
        return self.canonical[self.bases.of(mention).id]


def resolve(
    mentions: Iterable[Mention],
    config: ResolutionConfig | None = None,
    verdicts: Sequence[Merge] = (),
) -> Resolution:
    """Resolve the entities of some mentions; their order and repetition change nothing.

    `verdicts` are a user's, oldest first; they go before all rules, and before agreement of types.
    """
    config = ResolutionConfig() if config is None else config
    if "similar text" in config.rules:
        check_installed()
    bases = BaseEntities(mentions, config.types)
    found = [list(_RULES[rule](bases, config)) for rule in RULES if rule in config.rules]
    roots, merges = cluster(bases, found, verdicts)
    members = defaultdict(list)
    for id, root in roots.items():
        members[root].append(bases[id])
    names = {root: min(own, key=_canonical_first).id for root, own in members.items()}
    return Resolution(bases, {id: names[root] for id, root in roots.items()}, merges)


def _canonical_first(base: BaseEntity) -> tuple[bool, int, str, str]:
    return base.document is not None, -len(base.surface), base.surface, base.id


_RULES: dict[str, Callable[[BaseEntities, ResolutionConfig], Iterable[Merge]]] = {
    "alias": lambda bases, config: aliases(bases, config.aliases),
    "same surface": lambda bases, config: same_surface(bases),
    "abbreviation": lambda bases, config: abbreviations(bases),
    "personal name": lambda bases, config: personal_names(bases),
    "similar text": lambda bases, config: similar_texts(bases, config.similarity),
    "embedding": lambda bases, config: close_embeddings(
        bases, config.encoder, config.embedding_similarity
    ),
}
