"""What a stack is to be made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from extract.errors import RecipeError
from extract.models.stack_folder import Accuracy, check_members

Places = tuple[int, ...]


@dataclass(frozen=True)
class StackPlan:
    """What a stack is to be made of. Raises `RecipeError` where that cannot be.

    Args:
        models: bundled names, model or run folders; the first is what the fast profile runs.
        verifiers: likewise, given the spans that the models before them propose.
        weights: for all relations, or for each.
        profiles: places in models and verifiers, from 0; those not named are made by `profile_places`.
        n_folds: of the dev part.
        floor: log-odds under which stacked models propose nothing; None: each its own.
    """

    name: str
    models: tuple[str, ...]
    verifiers: tuple[str, ...] = ()
    weights: Literal["global", "relation"] = "global"
    profiles: dict[Accuracy, Places] = field(default_factory=dict)
    n_folds: int = 5
    floor: float | None = None
    version: str = "1.0.0"

    def __post_init__(self) -> None:
        if len(self.models) + len(self.verifiers) < 2 or not self.models:
            raise RecipeError(
                f"Expected two models to stack at least, the first no verifier, got "
                f"{len(self.models)} and {len(self.verifiers)} verifiers."
            )
        if self.n_folds < 3:
            raise RecipeError(f"Expected 3 folds at least, got {self.n_folds}.")
        verifies = [False] * len(self.models) + [True] * len(self.verifiers)
        for name, places in self.profile_places().items():
            try:
                check_members(name, places, verifies)
            except ValueError as error:
                raise RecipeError(f"A stack cannot be made: {error}.") from error

    def profile_places(self) -> dict[Accuracy, Places]:
        """The members of each profile.

        Unless the plan says otherwise, fast is the first model; balanced adds the verifiers, or
        where there are none the second model; best is all.
        """
        n_all = len(self.models) + len(self.verifiers)
        verifiers = range(len(self.models), n_all)
        return {
            "fast": (0,),
            "balanced": (0, *verifiers) if self.verifiers else (0, 1),
            "best": tuple(range(n_all)),
            **self.profiles,
        }
