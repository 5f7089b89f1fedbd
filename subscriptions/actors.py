"""The author of a change: a customer, a member of staff, or a part of the shop itself."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import models

MAX_NAME = 100


class ActorKind(models.TextChoices):
    """The kinds of actors that can change a subscription."""

    CUSTOMER = "customer"
    STAFF = "staff"
    SYSTEM = "system", "The shop itself"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """``name`` is the id of the customer or the staff login, or the part of the shop, such as ``charges.dunning``."""

    kind: ActorKind
    name: str


def customer(customer_id: UUID) -> Actor:
    """The customer."""
    return Actor(kind=ActorKind.CUSTOMER, name=str(customer_id))


def staff(user_id: UUID) -> Actor:
    """A member of staff, by the id of the login."""
    return Actor(kind=ActorKind.STAFF, name=str(user_id))


def system(part: str) -> Actor:
    """The shop itself. ``part`` names the part that acted, such as ``charges.dunning``."""
    return Actor(kind=ActorKind.SYSTEM, name=part[:MAX_NAME])
