"""Makes a stack: models of one schema, weights for what they find, and a folder that holds it all."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from extract import __version__
from extract.decode.candidates import Candidates
from extract.errors import OutputError, RecipeError
from extract.models.registry import is_stack
from extract.models.stack_folder import Member, Profile, StackFolder, StackSettings, write_stack
from extract.predict import Predictor
from extract.stacked import verified
from extract.structures import Sentence
from extract.training.corpora import CorpusData
from extract.training.finish import report
from extract.training.stack_data import DataChoice, check_known, dev_corpora, note_other_dev_parts
from extract.training.stack_fit import StackFitter, StackPart, alone, fold_numbers, learnt
from extract.training.stack_members import StackedModel, check_together
from extract.training.stack_plan import Places, StackPlan
from extract.versions import environment

logger = logging.getLogger(__name__)


def make_stack(
    plan: StackPlan,
    output: str | Path,
    data: DataChoice,
    *,
    device: str = "cpu",
    batch_size: int = 32,
    force: bool = False,
) -> dict[str, Any]:
    """Fit a stack on the dev part, write its folder and return its metrics.

    Raises `OutputError` for a folder that exists (with `force`, unless it is a stack), `ModelError`
    for models that cannot be loaded or cannot do what they are to, `SchemaError` for models
    of different schemas, `RecipeError` and `CorpusError` for data that is not there.
    """
    folder = StackFolder(Path(output))
    _check_output(folder, force=force)
    members = [
        StackedModel.open(given, verifies=row >= len(plan.models))
        for row, given in enumerate((*plan.models, *plan.verifiers))
    ]
    check_together(members)
    corpora = dev_corpora(members[0].recipe, data)
    check_known(corpora, members[0].schema, "a stack")
    made = _Stack(plan, members, corpora)
    note_other_dev_parts([(m.label, m.recipe) for m in members], corpora, data)
    made.read(device, batch_size)
    metrics = made.metrics()
    write_stack(folder, made.settings(), made.schema, [m.folder for m in members], metrics)
    return metrics


def _check_output(folder: StackFolder, *, force: bool) -> None:
    above = next(parent for parent in folder.path.absolute().parents if parent.exists())
    if not (above.is_dir() and os.access(above, os.W_OK)):
        raise OutputError(f"Cannot write to {above}. Name another --output folder.")
    if not folder.path.exists() or (folder.path.is_dir() and not any(folder.path.iterdir())):
        return
    if force and is_stack(folder.path):
        return
    can = "is no stack, and is not replaced" if force else "exists already"
    raise OutputError(f"{folder.path} {can}. Name another --output folder.")


class _Stack:
    """Candidates of all members on the dev parts, and what is fitted to them."""

    def __init__(
        self, plan: StackPlan, members: Sequence[StackedModel], corpora: Sequence[CorpusData]
    ) -> None:
        self.plan = plan
        self.members = members
        self.corpora = corpora
        self.schema = members[0].schema
        self.nested = members[0].settings.nested
        self.sentences: list[Sentence] = [e.sentence for c in corpora for e in c.dev]
        self._alone: list[list[Candidates]] = []  # of each member as it is, a sentence
        self._stacked: dict[Places, list[list[Candidates]]] = {}  # of each member among others
        self._judged: dict[Places, list[StackPart]] = {}
        self._reports: dict[Places, dict[str, Any]] = {}
        n_folds = len(
            {
                fold
                for corpus in corpora
                for fold in fold_numbers([e.sentence for e in corpus.dev], plan.n_folds).tolist()
            }
        )
        if n_folds < 3:
            raise RecipeError(
                f"Expected a dev part of 3 documents at least to learn weights from, got {n_folds}."
            )

    # Candidates

    def read(self, device: str, batch_size: int) -> None:
        """Run every member alone, and among the members of each stack that is to be fitted."""
        floor = self.plan.floor
        proposals: dict[int, list[Candidates]] = {}
        verifiers: dict[int, Predictor] = {}
        for place, member in enumerate(self.members):
            logger.info("reading %d sentences with %s", len(self.sentences), member.label)
            predictor = member.predictor(device, None)
            self._alone.append(predictor.candidates(self.sentences, batch_size))
            if floor is not None:
                predictor = member.predictor(device, floor)
            if member.verifies:
                verifiers[place] = predictor
            elif floor is None:
                proposals[place] = self._alone[place]
            else:
                proposals[place] = predictor.candidates(self.sentences, batch_size)
        for places in self._stacks():
            found: list[list[Candidates]] = []
            for place in places:
                if place in proposals:
                    found.append(proposals[place])
                else:
                    verifier = verifiers[place]
                    found.append(verified(verifier, self.sentences, found, batch_size))
            self._stacked[places] = found

    def _growing(self) -> list[Places]:
        """The first two members, the first three, and so on."""
        return [tuple(range(n)) for n in range(2, len(self.members) + 1)]

    def _stacks(self) -> list[Places]:
        """Each stack that is fitted, once."""
        profiles = self.plan.profile_places().values()
        return list(dict.fromkeys([*(p for p in profiles if len(p) > 1), *self._growing()]))

    def _parts(self, places: Places) -> list[StackPart]:
        """The dev parts with candidates of some members."""
        if places not in self._judged:
            found = [self._alone[places[0]]] if len(places) == 1 else self._stacked[places]
            rows = iter(list(zip(*found, strict=True)))
            self._judged[places] = [
                StackPart.of(
                    corpus, [next(rows) for _ in corpus.dev], self.schema, self.plan.n_folds
                )
                for corpus in self.corpora
            ]
        return self._judged[places]

    def _fitter(self, places: Places) -> StackFitter:
        by_relation = self.plan.weights == "relation"
        fit = alone if len(places) == 1 else learnt(self.schema, by_relation=by_relation)
        return StackFitter(self.schema, self.nested, fit)

    # Figures

    def metrics(self) -> dict[str, Any]:
        """Figures of the members, of stacks of the first two, three, ... members, and of the profiles."""
        return {
            "name": self.plan.name,
            "version": self.plan.version,
            "weights": self.plan.weights,
            "folds": self.plan.n_folds,
            "floor": self.plan.floor,
            "sentences": {corpus.title: len(corpus.dev) for corpus in self.corpora},
            "members": [self._member_metrics(place) for place in range(len(self.members))],
            "growing": [self._figures(places) for places in self._growing()],
            "profiles": {
                name: self._figures(places) for name, places in self.plan.profile_places().items()
            },
            "environment": environment(),
        }

    def _member_metrics(self, place: int) -> dict[str, Any]:
        member = self.members[place]
        decoder = member.decoder()
        dev = [
            part.with_candidates([own[0] for own in part.found]) for part in self._parts((place,))
        ]
        return {
            "name": member.settings.name,
            "version": member.settings.version,
            "head": member.settings.model.head.name,
            "verifier": member.verifies,
            "as_trained": {part.corpus.title: report(part, decoder).to_dict() for part in dev},
            **self._figures((place,)),
        }

    def _figures(self, places: Places) -> dict[str, Any]:
        """Figures on each fold, of a stack whose every number comes from the other folds."""
        if places not in self._reports:
            found = self._fitter(places).reports(self._parts(places))
            for name, scored in found.items():
                logger.info(
                    "%s, out of fold, %s: relations, strict %.2f",
                    " + ".join(self.members[place].label for place in places),
                    name,
                    100 * scored.relation["strict"].f1,
                )
            self._reports[places] = {name: scored.to_dict() for name, scored in found.items()}
        return {
            "members": [place + 1 for place in places],
            "out_of_fold": self._reports[places],
        }

    # The finished stack

    def settings(self) -> StackSettings:
        """Members, and each profile fitted on the whole dev part."""
        return StackSettings(
            name=self.plan.name,
            version=self.plan.version,
            description=" + ".join(member.settings.name for member in self.members),
            tripack=__version__,
            nested=self.nested,
            floor=self.plan.floor,
            members=tuple(
                Member(
                    folder=f"members/{place + 1}-{_file_name(member.settings.name)}",
                    name=member.settings.name,
                    version=member.settings.version,
                    head=member.settings.model.head.name,
                    verifier=member.verifies,
                )
                for place, member in enumerate(self.members)
            ),
            profiles={
                name: self._profile(places) for name, places in self.plan.profile_places().items()
            },
        )

    def _profile(self, places: Places) -> Profile:
        if len(places) == 1:
            own = self.members[places[0]].settings
            return Profile(members=places, calibration=own.calibration, thresholds=own.thresholds)
        stack = self._fitter(places).fitted(self._parts(places))
        return Profile(
            members=places,
            weights=stack.weights,
            calibration=stack.decoder.calibration,
            thresholds=stack.decoder.thresholds,
        )


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip(".-") or "model"
