"""The part of each app in the copy of a customer's data, and in its erasure.

A higher app registers its part in its ``tasks`` module, which every process imports. So this app does not know the
names of higher apps, and a new app cannot be forgotten in one place only.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of every erasure, done by ``task``, which consumes ``ErasureBegun``. ``erases`` names what goes.

    The texts are for the certificate.
    """

    name: str
    task: str
    system: str
    erases: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Data that stays after an erasure: what, why, and until when. ``until`` is None if no end is known."""

    system: str
    what: str
    why: str
    until: dt.date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One app's contribution.

    ``open_money`` returns the reasons why the customer cannot be erased now, as sentences without personal data.
    ``phones`` returns the phone numbers that the app knows of the customer, besides the customer's own.
    ``sections`` of the copy yield plain rows. ``kept`` returns what stays, as seen at a time.
    """

    open_money: Callable[[UUID], Sequence[str]] = lambda _: ()
    phones: Callable[[UUID], Sequence[str]] = lambda _: ()
    steps: Sequence[Step] = ()
    sections: Mapping[str, Callable[[UUID], Iterable[Mapping[str, Any]]]] = field(default_factory=dict)
    kept: Callable[[UUID, dt.datetime], Sequence[Kept]] = lambda *_: ()


class DuplicatePart(Exception):
    """Two parts have the same name."""


_parts: dict[str, Part] = {}


def register(name: str, part: Part) -> None:
    """Add the part of one app. ``name`` is the app's."""
    if name in _parts:
        raise DuplicatePart(f"A part {name!r} is already registered.")
    _parts[name] = part


def open_money(*, customer_id: UUID) -> list[str]:
    """Why the customer cannot be erased now. Empty: nothing is open."""
    return [reason for part in _parts.values() for reason in part.open_money(customer_id)]


def phones(*, customer_id: UUID) -> list[str]:
    """The phone numbers of the customer that the apps know, besides the customer's own."""
    return [phone for part in _parts.values() for phone in part.phones(customer_id)]


def steps() -> dict[str, Step]:
    """Every step of an erasure, by name, in the order of the apps."""
    return {step.name: step for part in _parts.values() for step in part.steps}


def sections() -> dict[str, Callable[[UUID], Iterable[Mapping[str, Any]]]]:
    """Every section of a copy, by name, in the order of the apps."""
    return {name: rows for part in _parts.values() for name, rows in part.sections.items()}


def kept(*, customer_id: UUID, at: dt.datetime) -> list[Kept]:
    """Everything that stays after the erasure."""
    return [entry for part in _parts.values() for entry in part.kept(customer_id, at)]
