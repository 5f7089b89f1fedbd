"""How people and programs get in: requests for a login mail, counted attempts, API keys, changes of an address."""

from __future__ import annotations

import datetime as dt
from uuid import uuid4

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from uuid6 import uuid7

from subscriptions.models.accounts import Customer, User


class LoginRequest(models.Model):
    """Somebody asked for a login mail. The row is the same for an address that no login has.

    It stores neither the link nor the code of the mail: both are computed from its id and the secret key
    (``subscriptions/login_tokens.py``).
    """

    # The link and the cookie name the request, so its id must not be guessable.
    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    email_key = models.CharField(max_length=254, help_text="The address as it was asked for, in its comparable form.")
    browser_hash = models.CharField(max_length=64, help_text="SHA-256 of the secret in the asking browser's cookie.")
    failed_codes = models.PositiveSmallIntegerField(default=0)
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, default=None, help_text="When it was used, or made useless.")

    class Meta:
        indexes = [
            models.Index(fields=["browser_hash"], condition=Q(closed_at=None), name="login_request_of_browser"),
            models.Index(fields=["email_key"], condition=Q(closed_at=None), name="login_request_of_address"),
            models.Index(fields=["expires_at"], name="login_request_age"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    def is_open(self, *, at: dt.datetime) -> bool:
        """Whether its link and its code can still be used."""
        return self.closed_at is None and at < self.expires_at


class AttemptCount(models.Model):
    """How often something was attempted in the current window, by one address or from one network.

    ``key_hash`` is an HMAC, so the table holds no address. There is one row for each key, which the next window reuses.
    """

    scope = models.CharField(max_length=20)
    key_hash = models.CharField(max_length=64)
    count = models.PositiveIntegerField()
    ends_at = models.DateTimeField(db_index=True, help_text="The window's end. Then the count starts at zero again.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "key_hash"], name="attempts_counted_once")]

    def __str__(self) -> str:
        return f"{self.scope}: {self.count}"


class ApiKey(models.Model):
    """A key with which the shop's back end calls the API. The key itself is shown once and stored only as a hash."""

    class Scope(models.TextChoices):
        CHECKOUT = "checkout", "Place orders"
        CUSTOMERS_READ = "customers.read", "Read what a customer can read"
        CUSTOMERS_WRITE = "customers.write", "Change what a customer can change"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100, help_text="The program that uses the key, such as Storefront.")
    prefix = models.CharField(max_length=12, unique=True, editable=False, help_text="The key's visible part.")
    key_hash = models.CharField(max_length=64, editable=False, help_text="SHA-256 of the secret part.")
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope))
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, default=None, editable=False)
    last_used_at = models.DateTimeField(null=True, default=None, editable=False)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+", editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = "API key"
        constraints = [models.CheckConstraint(condition=~Q(scopes=[]), name="api_key_may_do_something")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"


class EmailChange(models.Model):
    """A customer wants another e-mail address. The old one stays until the new one is confirmed."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="+")
    email = models.EmailField()
    email_key = models.CharField(max_length=254)
    old_email = models.EmailField()
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, default=None)
    canceled_at = models.DateTimeField(null=True, default=None, help_text="When a newer change replaced it.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer"], condition=Q(confirmed_at=None, canceled_at=None), name="one_open_email_change"
            )
        ]
        indexes = [models.Index(fields=["expires_at"], name="email_change_age")]

    def __str__(self) -> str:
        return str(self.pk)

    def is_open(self, *, at: dt.datetime) -> bool:
        """Whether it can still be confirmed."""
        return self.confirmed_at is None and self.canceled_at is None and at < self.expires_at
