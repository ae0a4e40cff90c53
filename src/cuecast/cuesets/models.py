"""Marks as pydantic models for the doors that check what they are sent: made from `KINDS`, for each by its rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, create_model

from cuecast.core.marks import EXAMPLE
from cuecast.core.values import FARTHEST, KINDS, Mark, Stroke

Coordinate = Annotated[float, Field(gt=-FARTHEST, lt=FARTHEST)]
Width = Annotated[float, Field(gt=0, le=10_000)]


@dataclass(frozen=True)
class Rules:
    """How a door takes marks.

    forms    field of a mark -> type that it is checked by; of `path` the type of a vertex, of `cls` that of a class.
    negative type of the class of a stroke, which may be 0.
    config   example -> settings of a model.
    suffix   to the name of a model.
    most     vertices at most; None: any number.
    """

    forms: Mapping[str, Any]
    negative: Any
    config: Callable[[Any], ConfigDict]
    suffix: str = ""
    most: int | None = None


def mark_models(rules: Rules, module: str) -> dict[str, type[BaseModel]]:
    """Name of each kind -> the model of one mark of it; `module` is where the model is said to be at home."""
    return {name: _model(kind, EXAMPLE[name][0], rules, module) for name, kind in KINDS.items()}


def _model(kind: type[Mark], example: Any, rules: Rules, module: str) -> type[BaseModel]:
    given: dict[str, Any] = {}
    for f in fields(kind):
        form = rules.forms[f.name]
        if f.name == "cls":
            form = rules.negative if kind in get_args(Stroke) else form
            given[f.name] = (form, Field(default=f.default, alias="class"))
        elif f.name == "path":
            least = getattr(kind, "vertices", None)
            given[f.name] = (list[form], Field(min_length=least, max_length=rules.most))  # type: ignore[valid-type]
        else:
            given[f.name] = (form, Field(default=f.default) if f.name == "width" else Field())
    made: type[BaseModel] = create_model(
        f"{kind.__name__}{rules.suffix}",
        __config__=rules.config(example),
        __doc__=kind.__doc__,
        __module__=module,
        **given,
    )
    return made


def with_lists(
    base: type[BaseModel], models: Mapping[str, type[BaseModel]], most: int | None = None
) -> type[BaseModel]:
    """`base` and a list of at most `most` marks of each kind, empty where it is left out."""
    lists: dict[str, Any] = {
        name: (list[model], Field(default=[], max_length=most, description=model.__doc__))  # type: ignore[valid-type]
        for name, model in models.items()
    }
    made: type[BaseModel] = create_model(base.__name__, __base__=base, __module__=base.__module__, **lists)
    return made
