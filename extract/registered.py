"""Classes that are chosen by name in a recipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from extract.errors import RecipeError, one_of

T = TypeVar("T")


def registrar(known: dict[str, type[T]], kind: str, name: str) -> Callable[[type[T]], type[T]]:
    """A decorator that puts a class among the known ones; refuses a name that is taken."""

    def add(cls: type[T]) -> type[T]:
        if name in known:
            raise ValueError(f"The {kind} name {name!r} is taken by {known[name].__name__}.")
        known[name] = cls
        return cls

    return add


def registered(known: dict[str, type[T]], kind: str, name: str) -> type[T]:
    """The class of a name. Raises `RecipeError`, listing the known names, if there is none."""
    if name not in known:
        raise RecipeError(one_of(kind, name, list(known)))
    return known[name]
