"""Convert a message's JSON scalars to the types in a task's signature, and back."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from integrations.errors import MalformedMessage


def _exactly(kind: type) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if type(value) is not kind:  # bool is an int to Python, but not to the sender
            raise ValueError
        return value

    return convert


def _parsed(kind: type, parse: Callable[[str], Any]) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if type(value) is kind:
            return value
        if not isinstance(value, str):
            raise ValueError
        return parse(value)

    return convert


def _aware(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError
    return moment


CONVERTERS: dict[Any, Callable[[Any], Any]] = {
    UUID: _parsed(UUID, UUID),
    datetime: _parsed(datetime, _aware),
    date: _parsed(date, date.fromisoformat),
    int: _exactly(int),
    str: _exactly(str),
    bool: _exactly(bool),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    kind: type
    optional: bool
    required: bool

    def take(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if self.name not in arguments:
            if self.required:
                raise MalformedMessage(f"argument {self.name!r} is missing")
            return {}
        value = arguments[self.name]
        if value is None and self.optional:
            return {self.name: None}
        try:
            return {self.name: CONVERTERS[self.kind](value)}
        except (ValueError, TypeError):
            # Not the value and not the parser's message: both may contain personal data.
            raise MalformedMessage(
                f"argument {self.name!r} is not {_named(self.kind)} but a {type(value).__name__}"
            ) from None


def _named(kind: type) -> str:
    return {"UUID": "a UUID", "int": "an int", "datetime": "an aware datetime"}.get(kind.__name__, f"a {kind.__name__}")


def keyword_parameters(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    """The parameters of a task. Raises TypeError if its signature is not ``(*, name: scalar, …, **_: object)``."""
    signature = inspect.signature(function)
    hints = typing.get_type_hints(function)
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    if kinds - {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}:
        raise TypeError(f"{function.__qualname__}: a task takes keyword-only arguments: def f(*, order_id: UUID, **_)")
    if inspect.Parameter.VAR_KEYWORD not in kinds:
        raise TypeError(f"{function.__qualname__}: a task takes **_, so that it accepts messages of newer releases")
    return tuple(
        _parameter(function, parameter, hints.get(parameter.name))
        for parameter in signature.parameters.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    )


def _parameter(function: Callable[..., Any], parameter: inspect.Parameter, hint: Any) -> Parameter:
    kind, optional = hint, False
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        choices = [choice for choice in typing.get_args(hint) if choice is not type(None)]
        kind, optional = (choices[0] if len(choices) == 1 else None), True
    if kind not in CONVERTERS:
        raise TypeError(
            f"{function.__qualname__}: argument {parameter.name!r} must be one of "
            f"{', '.join(known.__name__ for known in CONVERTERS)}, or that | None"
        )
    return Parameter(parameter.name, kind, optional, required=parameter.default is inspect.Parameter.empty)


def converted(parameters: tuple[Parameter, ...], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments, converted by the task's annotations. Raises MalformedMessage for a missing or wrong argument.

    Unknown arguments are dropped: a newer sender may send more than an older worker knows.
    """
    values: dict[str, Any] = {}
    for parameter in parameters:
        values.update(parameter.take(arguments))
    return values


def as_json_scalars(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse, for the sender: UUIDs and dates become text. Raises TypeError for any other type."""
    return {name: _as_json(name, value) for name, value in arguments.items()}


def _as_json(name: str, value: Any) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case UUID():
            return str(value)
        case date():
            return value.isoformat()
    raise TypeError(f"argument {name!r}: a message carries ids and small scalars, not a {type(value).__name__}")
