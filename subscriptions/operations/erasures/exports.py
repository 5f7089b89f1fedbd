"""A copy of everything personal that the shop has about a customer, as one JSON document.

The document is written row by row, so its size does not matter. It holds no secrets: no tokens, no hashes, no keys.
It is not stored.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder

from subscriptions.models import Customer, EmailChange
from subscriptions.operations.erasures import parts
from subscriptions.queries import customer

FORMAT = 1


def export(*, customer_id: UUID, at: dt.datetime) -> Iterator[str]:
    """The pieces of the document. When the last one was taken, the customer has a copy (``Customer.exported_at``).

    Raises ``CustomerNotFound`` at once.
    """
    return _pieces(customer(customer_id=customer_id), at)


def _pieces(of: Customer, at: dt.datetime) -> Iterator[str]:
    yield f'{{"format": {FORMAT}, "created_at": {_json(at)}, "account": {_json(_account(of))}'
    for name, rows in {**parts.sections(), "address_changes": _address_changes}.items():
        yield from _section(name, rows, of.pk)
    yield "}\n"
    Customer.objects.filter(pk=of.pk).update(exported_at=at)


def _section(name: str, rows: Callable[[UUID], Iterable[Mapping[str, Any]]], customer_id: UUID) -> Iterator[str]:
    yield f',\n"{name}": ['
    for number, row in enumerate(rows(customer_id)):
        yield (",\n " if number else "\n ") + _json(row)
    yield "]"


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)


def _account(of: Customer) -> dict[str, Any]:
    return {
        "id": of.pk,
        "email": of.email,
        "name": of.name,
        "phone": of.phone,
        "locale": of.locale,
        "marketing_consent": of.marketing_consent,
        "sms_consent": of.sms_consent,
        "created_at": of.created_at,
        "has_login": of.user_id is not None,
        "last_login": of.user.last_login if of.user is not None else None,
    }


def _address_changes(customer_id: UUID) -> Iterator[dict[str, Any]]:
    for change in EmailChange.objects.filter(customer=customer_id).order_by("requested_at").iterator():
        yield {
            "old": change.old_email,
            "new": change.email,
            "requested_at": change.requested_at,
            "confirmed_at": change.confirmed_at,
        }
