"""Log in by mail: ask for the mail, then use its link or its code.

Asking does the same for every address: the same counts, one row, one event. Only the task that sends the mail looks for
a login. So neither the answer nor its time tells whether the address is known.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from uuid import UUID

from django.db import transaction
from django.db.models import F

from integrations.outbox.events import publish
from integrations.purging import delete_in_batches
from subscriptions import login_tokens
from subscriptions.email_addresses import email_key
from subscriptions.events import LoginRequested
from subscriptions.models import LoginRequest, User
from subscriptions.operations.attempt_limits import Scope, count_attempt, take_back
from subscriptions.operations.locks import locked_login, locked_login_request_ids
from subscriptions.queries import login_for_mail, may_log_in_by_mail

LIFETIME = dt.timedelta(minutes=15)
KEEP = dt.timedelta(days=1)
MAX_FAILED_CODES = 5


class UnableToLogIn(Exception):
    """The link or the code is wrong, has expired or was used."""


class AnotherBrowser(Exception):
    """The link was opened in another browser than the asking one, and no correct code came with it. It stays alive."""


def request_login(*, email: str, network: str, browser: str, at: dt.datetime) -> None:
    """Ask for a login mail. ``browser``: the secret in the browser's cookie. Raises ``TooManyAttempts``."""
    key = email_key(email)
    # The network first: a network that has reached its limit must not create rows for more and more addresses.
    count_attempt(scope=Scope.MAIL_FROM_NETWORK, key=network, at=at)
    count_attempt(scope=Scope.MAIL_TO_ADDRESS, key=key, at=at)
    with transaction.atomic():
        request = LoginRequest.objects.create(
            email_key=key, browser_hash=browser_hash(browser), requested_at=at, expires_at=at + LIFETIME
        )
        publish(LoginRequested(login_request_id=request.pk))


def log_in_by_link(*, token: str, browser: str, code: str, network: str, at: dt.datetime) -> User:
    """Use the link of a mail. In another browser than the asking one, the mail's code is needed, too.

    Raises ``UnableToLogIn``, ``AnotherBrowser`` and ``TooManyAttempts``. ``AnotherBrowser`` leaves the link alive.
    """
    count_attempt(scope=Scope.ATTEMPT_FROM_NETWORK, key=network, at=at)
    try:
        link = login_tokens.read_link(token)
        login = login_tokens.login_of(link)
    except login_tokens.BadToken:
        raise UnableToLogIn from None
    if not is_asking_browser(request_id=link.request_id, browser=browser, at=at):
        _check_code(request_id=link.request_id, email=login.email, code=code, at=at)
    used = _use(request_id=link.request_id, email=login.email, at=at)
    take_back(scope=Scope.ATTEMPT_FROM_NETWORK, key=network)
    return used


def log_in_by_code(*, code: str, browser: str, network: str, at: dt.datetime) -> User:
    """Use the code of a mail, in the browser that asked for it. Raises ``UnableToLogIn`` and ``TooManyAttempts``."""
    count_attempt(scope=Scope.ATTEMPT_FROM_NETWORK, key=network, at=at)
    asked = _open_requests(browser=browser, at=at)
    for key in sorted({request.email_key for request in asked}):
        count_attempt(scope=Scope.ATTEMPT_AT_ADDRESS, key=key, at=at)
    right = [request for request in asked if login_tokens.is_login_code(code, request_id=request.pk)]
    if not right:
        _count_failed_code([request.pk for request in asked], at)
        raise UnableToLogIn
    used = _use(request_id=right[0].pk, email=right[0].email_key, at=at)
    take_back(scope=Scope.ATTEMPT_FROM_NETWORK, key=network)
    take_back(scope=Scope.ATTEMPT_AT_ADDRESS, key=right[0].email_key)
    return used


def is_asking_browser(*, request_id: UUID, browser: str, at: dt.datetime) -> bool:
    """Whether this browser asked for the mail, and the mail can still be used."""
    return any(request.pk == request_id for request in _open_requests(browser=browser, at=at))


@transaction.atomic
def close_login_requests(*, email: str, at: dt.datetime) -> list[UUID]:
    """Make the links and codes of all mails to this address useless. Returns the requests that worked until now."""
    open_requests = LoginRequest.objects.filter(email_key=email_key(email), closed_at=None)
    ids = locked_login_request_ids(open_requests)
    usable = list(open_requests.filter(pk__in=ids, expires_at__gt=at).values_list("pk", flat=True))
    open_requests.filter(pk__in=ids).update(closed_at=at)
    return usable


def purge_login_requests(*, at: dt.datetime, batch: int = 1000) -> int:
    """Delete requests a day after their end, ``batch`` rows per statement; return their number."""
    return delete_in_batches(LoginRequest.objects.filter(expires_at__lte=at - KEEP), batch=batch)


def browser_hash(browser: str) -> str:
    """The form in which a request stores the secret of the asking browser."""
    return hashlib.sha256(browser.encode()).hexdigest()


def _open_requests(*, browser: str, at: dt.datetime) -> list[LoginRequest]:
    if not browser:
        return []
    rows = LoginRequest.objects.filter(browser_hash=browser_hash(browser), closed_at=None, expires_at__gt=at)
    return list(rows.order_by("-requested_at"))


def _check_code(*, request_id: UUID, email: str, code: str, at: dt.datetime) -> None:
    """Raises ``AnotherBrowser`` if the code is missing or wrong. Only a wrong code counts."""
    if not code:
        raise AnotherBrowser
    count_attempt(scope=Scope.ATTEMPT_AT_ADDRESS, key=email_key(email), at=at)
    if not login_tokens.is_login_code(code, request_id=request_id):
        _count_failed_code([request_id], at)
        raise AnotherBrowser
    take_back(scope=Scope.ATTEMPT_AT_ADDRESS, key=email_key(email))


def _count_failed_code(ids: list[UUID], at: dt.datetime) -> None:
    requests = LoginRequest.objects.filter(pk__in=ids, closed_at=None)
    requests.update(failed_codes=F("failed_codes") + 1)
    requests.filter(failed_codes__gte=MAX_FAILED_CODES).update(closed_at=at)


@transaction.atomic
def _use(*, request_id: UUID, email: str, at: dt.datetime) -> User:
    """Close all open requests of the address, so that each mail logs in once, and later mails replace earlier ones."""
    login = login_for_mail(email=email)
    if login is None:
        raise UnableToLogIn
    # Read it again under its lock: staff may have changed or deactivated it meanwhile.
    login = locked_login(user_id=login.pk)
    if not may_log_in_by_mail(login) or login.email != email_key(email):
        raise UnableToLogIn
    if request_id not in close_login_requests(email=login.email, at=at):
        raise UnableToLogIn
    return login
