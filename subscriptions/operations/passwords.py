"""The optional password of a customer's login."""

from __future__ import annotations

import datetime as dt
from uuid import UUID, uuid4

from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from integrations.outbox.events import publish
from subscriptions.email_addresses import email_key
from subscriptions.events import PasswordChanged
from subscriptions.models import User
from subscriptions.operations.attempt_limits import Scope, count_attempt, take_back
from subscriptions.operations.locks import locked_login
from subscriptions.operations.login_requests import UnableToLogIn, close_login_requests
from subscriptions.queries import customer_of_login, may_log_in_by_mail


@transaction.atomic
def set_password(*, user_id: UUID, password: str, at: dt.datetime) -> User:
    """Set or replace the password. All sessions of the login end, and so do the links and codes of its mails.

    The caller has checked that the customer logged in a short time ago. Raises Django's ``ValidationError`` if the
    password is too weak.
    """
    login = locked_login(user_id=user_id)
    validate_password(password, login)
    login.set_password(password)
    login.save(update_fields=["password"])
    close_login_requests(email=login.email, at=at)
    customer = customer_of_login(user_id=user_id)
    if customer is not None:
        publish(PasswordChanged(customer_id=customer.pk, change=str(uuid4())))
    return login


def log_in_by_password(*, email: str, password: str, network: str, at: dt.datetime) -> User:
    """The customer's login with this address and password. Raises ``UnableToLogIn`` and ``TooManyAttempts``.

    An unknown address, a login without a password and a login of staff take as long as a wrong password.
    """
    key = email_key(email)
    count_attempt(scope=Scope.ATTEMPT_FROM_NETWORK, key=network, at=at)
    count_attempt(scope=Scope.ATTEMPT_AT_ADDRESS, key=key, at=at)
    login = User.objects.filter(email=key).first() or User(email=key)
    # Django hashes the password even if the login has none, so that the time shows nothing.
    if not login.check_password(password) or not may_log_in_by_mail(login):
        raise UnableToLogIn
    take_back(scope=Scope.ATTEMPT_FROM_NETWORK, key=network)
    take_back(scope=Scope.ATTEMPT_AT_ADDRESS, key=key)
    return login
