"""Request the erasure of a customer: refuse while money is open, then cut the person off, then begin."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction

from integrations.outbox.events import publish
from subscriptions import actors
from subscriptions.actors import Actor
from subscriptions.events import ErasureRequested
from subscriptions.models import Customer, EmailChange, Erasure, ErasureStep, LoginRequest, User
from subscriptions.operations.erasures import parts
from subscriptions.operations.erasures.cancellations import cancel_subscriptions
from subscriptions.operations.locks import locked_customer_or_erased, locked_login

EXPORT_LIFETIME = dt.timedelta(hours=24)
ERASED = "erased"
REPLAY = actors.system("subscriptions.replay")


class MoneyIsOpen(Exception):
    """The customer cannot be erased, for these reasons. They are sentences without personal data."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = list(reasons)


class ExportMissing(Exception):
    """No copy of the data was downloaded in the last 24 hours, and the customer has not declined one."""


def has_fresh_export(*, customer: Customer, at: dt.datetime) -> bool:
    """Whether a copy of the customer's data was downloaded within ``EXPORT_LIFETIME``."""
    return customer.exported_at is not None and at - customer.exported_at < EXPORT_LIFETIME


def request_erasure(*, customer_id: UUID, export_declined: bool, actor: Actor, at: dt.datetime) -> Erasure:
    """Cut the customer off at once, cancel the subscriptions, and begin to erase. It cannot be undone.

    A second request returns the erasure of the first. Raises ``CustomerNotFound``, ``MoneyIsOpen`` and
    ``ExportMissing``.
    """
    erasure = _request(customer_id=customer_id, export_declined=export_declined, actor=actor, at=at)
    # The task does it again, in case this process dies here.
    cancel_subscriptions(erasure=erasure, at=at)
    return erasure


@transaction.atomic(durable=True)
def replay_erasure(*, customer_id: UUID, at: dt.datetime) -> Erasure:
    """Erase again a customer whom a restored backup brought back. It does not refuse: it waits until no money is open.

    Raises ``CustomerNotFound``.
    """
    customer = locked_customer_or_erased(customer_id=customer_id)
    return _known(customer) or _cut_off(customer, export=Erasure.Export.REPLAY, actor=REPLAY, at=at)


@transaction.atomic(durable=True)
def _request(*, customer_id: UUID, export_declined: bool, actor: Actor, at: dt.datetime) -> Erasure:
    customer = locked_customer_or_erased(customer_id=customer_id)
    if known := _known(customer):
        return known
    if reasons := parts.open_money(customer_id=customer_id):
        raise MoneyIsOpen(reasons)
    if has_fresh_export(customer=customer, at=at):
        export = Erasure.Export.DOWNLOADED
    elif export_declined:
        export = Erasure.Export.DECLINED
    else:
        raise ExportMissing
    return _cut_off(customer, export=export, actor=actor, at=at)


def _known(customer: Customer) -> Erasure | None:
    return Erasure.objects.filter(customer=customer).first()


def _cut_off(customer: Customer, *, export: Erasure.Export, actor: Actor, at: dt.datetime) -> Erasure:
    """From here on nobody logs in, and the address belongs to nobody: its next checkout registers a new customer."""
    changes = EmailChange.objects.filter(customer=customer)
    erasure = Erasure.objects.create(
        customer=customer,
        email=customer.email,
        earlier_emails=list(changes.exclude(confirmed_at=None).values_list("old_email", flat=True)),
        phones=sorted({*parts.phones(customer_id=customer.pk), customer.phone} - {""}),
        export=export,
        requested_at=at,
        requested_by_kind=actor.kind,
        requested_by=actor.name,
    )
    ErasureStep.objects.bulk_create(ErasureStep(erasure=erasure, name=name) for name in parts.steps())
    login_id, key = customer.user_id, customer.email_key
    customer.email_key, customer.user, customer.erased_at = customer.placeholder, None, at
    customer.marketing_consent = customer.sms_consent = False
    customer.save(
        update_fields=["email_key", "user", "erased_at", "marketing_consent", "sms_consent", "updated_at"]
    )
    if login_id is not None:
        _delete_login(login_id)
    LoginRequest.objects.filter(email_key=key).delete()
    changes.delete()
    publish(ErasureRequested(erasure_id=erasure.pk, customer_id=customer.pk))
    return erasure


def _delete_login(login_id: UUID) -> None:
    """Delete the customer's login, which ends its sessions. A login that became staff's stays, without the customer."""
    login = locked_login(user_id=login_id)
    if login.has_authority:
        return
    # The admin's history of the login names its address.
    history = LogEntry.objects.filter(object_id=str(login_id), content_type=ContentType.objects.get_for_model(User))
    history.update(object_repr=ERASED, change_message="")
    login.delete()
