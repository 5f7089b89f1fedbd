"""Stripe's requests: form-encoded bodies with nested keys, checked against what an endpoint accepts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.sandbox.stripe_api.errors import StripeError, missing_parameter, unknown_parameter

Kind = Callable[[str, Any], Any]
KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
MAX_METADATA_KEYS, MAX_METADATA_KEY, MAX_METADATA_VALUE = 50, 40, 500


def parse(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Turn `a[b][]=1` pairs into nested dicts and lists."""
    tree: dict[str, Any] = {}
    for name, value in pairs:
        match = KEY.match(name)
        if match is None:
            raise unknown_parameter(name)
        path = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
        node = tree
        for part in path[:-1]:
            slot = part or str(len(node))
            if not isinstance(node.setdefault(slot, {}), dict):
                node[slot] = {}
            node = node[slot]
        node[path[-1] or str(len(node))] = value
    return {name: _lists(value) for name, value in tree.items()}


def _lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if node and all(key.isdigit() for key in node):
        return [_lists(node[key]) for key in sorted(node, key=int)]
    return {key: _lists(value) for key, value in node.items()}


def text(name: str, value: Any) -> str | None:
    """A string; the empty string unsets."""
    if not isinstance(value, str):
        raise StripeError("Invalid string", param=name)
    if len(value) > 5000:
        raise StripeError(f"Invalid string: {value[:8]}...; must be at most 5000 characters", param=name)
    return value or None


def required_text(name: str, value: Any) -> str:
    if value == "":
        raise StripeError(
            f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a "
            f"parameter; however '{name}' cannot be unset. You should remove '{name}' from your request or "
            "supply a non-empty value.",
            code="parameter_invalid_empty",
            param=name,
        )
    return text(name, value) or ""


def integer(name: str, value: Any) -> int:
    if not isinstance(value, str) or not re.fullmatch(r"-?\d{1,18}", value):
        raise StripeError(f"Invalid integer: {value}", code="parameter_invalid_integer", param=name)
    return int(value)


def boolean(name: str, value: Any) -> bool:
    if value not in ("true", "false"):
        raise StripeError(f"Invalid boolean: {value}", param=name)
    return bool(value == "true")


def one_of(*options: str) -> Kind:
    def read(name: str, value: Any) -> str:
        if value not in options:
            listed = ", ".join(options[:-1]) + f", or {options[-1]}" if len(options) > 1 else options[0]
            raise StripeError(f"Invalid {name}: must be one of {listed}", param=name)
        return str(value)

    return read


def off_session(name: str, value: Any) -> bool:
    """`true`, `false`, or one of the older values."""
    return True if value in ("one_off", "recurring") else boolean(name, value)


def strings(name: str, value: Any) -> list[str]:
    if value == "":
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise StripeError("Invalid array", param=name)
    return value


def anything(_: str, value: Any) -> Any:
    return value or None


def mapping(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise StripeError("Invalid object", param=name)
    return value


def fields(**kinds: Kind) -> Kind:
    """An object with these keys only."""

    def read(name: str, value: Any) -> dict[str, Any]:
        if value == "":
            return {}
        for key in mapping(name, value):
            if key not in kinds:
                raise unknown_parameter(f"{name}[{key}]")
        return {key: kinds[key](f"{name}[{key}]", item) for key, item in value.items()}

    return read


def metadata(name: str, value: Any) -> dict[str, str] | None:
    """Keys to set; an empty value removes its key; None removes all."""
    if value == "":
        return None
    for key, item in mapping(name, value).items():
        if not isinstance(item, str):
            raise StripeError(
                f"Metadata values must be strings, but for key `{key}` you passed in an object.",
                param=f"metadata[{key}]",
            )
        if len(key) > MAX_METADATA_KEY:
            raise StripeError(f"Metadata keys must be under {MAX_METADATA_KEY} characters.", param=f"metadata[{key}]")
        if len(item) > MAX_METADATA_VALUE:
            raise StripeError(
                f"Metadata values can have up to {MAX_METADATA_VALUE} characters, but you passed in a "
                f"value that is {len(item)} characters.",
                param=f"metadata[{key}]",
            )
    return dict(value)


def merged_metadata(current: Mapping[str, str], change: dict[str, str] | None) -> dict[str, str]:
    if change is None:
        return {}
    merged = {**current, **change}
    merged = {key: value for key, value in merged.items() if value != ""}
    if len(merged) > MAX_METADATA_KEYS:
        raise StripeError(f"Metadata can have up to {MAX_METADATA_KEYS} keys.", param="metadata")
    return merged


def moment(name: str, value: Any) -> dict[str, int]:
    """`created`: a time, or bounds `gt`, `gte`, `lt`, `lte`."""
    if isinstance(value, str):
        at = integer(name, value)
        return {"gte": at, "lte": at}
    read: dict[str, int] = fields(gt=integer, gte=integer, lt=integer, lte=integer)(name, value)
    return read


def page_size(name: str, value: Any) -> int:
    size = integer(name, value)
    if not 1 <= size <= 100:
        raise StripeError(
            f"Invalid {name}: {size}. Must be between 1 and 100.",
            code="parameter_invalid_integer",
            param=name,
        )
    return size


PAGING: dict[str, Kind] = {
    "limit": page_size,
    "starting_after": required_text,
    "ending_before": required_text,
}


@dataclass(frozen=True, slots=True)
class Form:
    """The parameters of an endpoint: how to read each one, and which are required."""

    kinds: Mapping[str, Kind] = field(default_factory=dict)
    required: tuple[str, ...] = ()

    def read(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """The typed parameters. Raises `StripeError` for the first that is unknown, missing or invalid."""
        for name in raw:
            if name not in self.kinds and name != "expand":
                raise unknown_parameter(name)
        for name in self.required:
            if name not in raw:
                raise missing_parameter(name)
        read = {name: self.kinds[name](name, value) for name, value in raw.items() if name != "expand"}
        if "expand" in raw:
            read["expand"] = strings("expand", raw["expand"])
        return read
