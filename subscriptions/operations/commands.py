"""Carry out a customer's command about a subscription once, however often the client sends it.

The key of a command is valid forever and belongs to one subscription.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from subscriptions.models import CommandKey, Subscription


class KeyReused(Exception):
    """An earlier command about this subscription had the same key and other contents."""

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used with another command. Send a new key.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """``key``: the client's Idempotency-Key. ``request_hash``: the hash of the command's name and body."""

    key: str
    request_hash: str


def begin(*, subscription: Subscription, command: Command | None, at: dt.datetime) -> bool:
    """Record that this transaction carries out the command about the locked subscription.

    Returns False if an earlier transaction has carried it out; then there is nothing to do. A command without a key
    (None) always begins. Raises ``KeyReused``.
    """
    if command is None:
        return True
    earlier = CommandKey.objects.filter(subscription=subscription, key=command.key).first()
    if earlier is None:
        CommandKey.objects.create(
            subscription=subscription, key=command.key, request_hash=command.request_hash, at=at
        )
    elif earlier.request_hash != command.request_hash:
        raise KeyReused
    return earlier is None
