"""Send e-mails about an account: login mails, and notices about its password and its address.

The link and the code of an e-mail are computed when it is sent, and never stored. Each e-mail is sent once; see
``emails.py`` for what happens if the outcome is unknown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from uuid import UUID

from django.conf import settings

from notifications.models import Notification
from notifications.operations.customer_emails import send_once
from notifications.rendering import account_emails as rendering
from notifications.rendering.account_emails import AccountContext
from subscriptions import erasure_tokens, login_tokens
from subscriptions import queries as subscriptions
from subscriptions.models import Customer, Erasure

Kind = Notification.Kind
ADDRESS_TAKEN = "address_taken"


def send_login_mail(*, login_request_id: UUID, at: dt.datetime) -> bool:
    """Send the link and the code. Returns False if the address has no customer's login, or the request has ended.

    Raises ``Busy``, ``ProviderUnavailable`` and ``ProviderUnclear`` (try again), and ``ProviderRejected`` (permanent).
    The other functions of this module raise the same.
    """
    request = subscriptions.login_request(login_request_id=login_request_id)
    if request is None or not request.is_open(at=at):
        return False
    login = subscriptions.login_for_mail(email=request.email_key)
    customer = subscriptions.customer_of_login(user_id=login.pk) if login is not None else None
    if login is None or customer is None:
        return False
    return _send(
        kind=Kind.LOGIN_MAIL,
        customer=customer,
        dedup_key=str(request.pk),
        at=at,
        context=lambda: AccountContext(
            url=login_tokens.login_link(login=login, request_id=request.pk),
            code=login_tokens.login_code(request_id=request.pk),
        ),
    )


def send_account_created(*, customer_id: UUID, at: dt.datetime) -> bool:
    """Tell a new customer how to log in. Returns False if the e-mail was sent before, or must not be sent."""
    customer = subscriptions.customer(customer_id=customer_id)
    context = AccountContext(url=f"{settings.PUBLIC_URL}/login/")
    return _send(kind=Kind.ACCOUNT_CREATED, customer=customer, dedup_key="", at=at, context=lambda: context)


def send_password_changed(*, customer_id: UUID, change: str, at: dt.datetime) -> bool:
    """Tell the customer that the password was set, so that a stranger who did it is noticed."""
    customer = subscriptions.customer(customer_id=customer_id)
    return _send(kind=Kind.PASSWORD_CHANGED, customer=customer, dedup_key=change, at=at, context=AccountContext)


def send_email_change_confirmation(*, email_change_id: UUID, at: dt.datetime) -> bool:
    """Send the link to the new address. It contains no name, because its reader may not be the customer.

    Returns False if the change has ended or another account has the address.
    """
    change = subscriptions.email_change(email_change_id=email_change_id)
    if change is None or not change.is_open(at=at):
        return False
    taken = subscriptions.is_address_taken(email=change.email, customer_id=change.customer_id)
    return _send(
        kind=Kind.EMAIL_CHANGE_CONFIRMATION,
        customer=change.customer,
        dedup_key=str(change.pk),
        at=at,
        to=change.email,
        reason=ADDRESS_TAKEN if taken else "",
        context=lambda: AccountContext(
            url=login_tokens.email_change_link(change_id=change.pk), last_day=change.expires_at.date(), anonymous=True
        ),
    )


def send_email_change_notice(*, email_change_id: UUID, at: dt.datetime) -> bool:
    """Warn the old address about the requested change. Returns False if the change has ended."""
    change = subscriptions.email_change(email_change_id=email_change_id)
    if change is None or not change.is_open(at=at):
        return False
    return _send(
        kind=Kind.EMAIL_CHANGE_NOTICE,
        customer=change.customer,
        dedup_key=str(change.pk),
        at=at,
        to=change.old_email,
        context=AccountContext,
    )


def send_email_changed(*, email_change_id: UUID, at: dt.datetime) -> bool:
    """Tell the old address that it was replaced. Returns False if the change is not known any more."""
    change = subscriptions.email_change(email_change_id=email_change_id)
    if change is None or change.confirmed_at is None:
        return False
    return _send(
        kind=Kind.EMAIL_CHANGED,
        customer=change.customer,
        dedup_key=str(change.pk),
        at=at,
        to=change.old_email,
        context=AccountContext,
    )


def send_account_erased(*, erasure_id: UUID, at: dt.datetime) -> bool:
    """Tell the customer at the old address that the data is being erased, with the link to the certificate.

    Returns False if the address is forgotten by now.
    """
    erasure = subscriptions.erasure(erasure_id=erasure_id)
    if erasure is None or not erasure.email or erasure.export == Erasure.Export.REPLAY:
        return False
    context = AccountContext(url=erasure_tokens.erasure_link(erasure_id=erasure.pk), anonymous=True)
    return _send(
        kind=Kind.ACCOUNT_ERASED,
        customer=erasure.customer,
        dedup_key="",
        at=at,
        to=erasure.email,
        context=lambda: context,
    )


def _send(
    *,
    kind: Notification.Kind,
    customer: Customer,
    dedup_key: str,
    at: dt.datetime,
    context: Callable[[], AccountContext],
    to: str = "",
    reason: str = "",
) -> bool:
    """Send it once. ``to``: the address, if it is not the customer's. ``context`` is called just before sending."""
    return send_once(
        kind=kind,
        customer=customer,
        dedup_key=dedup_key,
        at=at,
        render=lambda: rendering.render(kind=kind, customer=customer, context=context()),
        to=to,
        reason=reason,
    )
