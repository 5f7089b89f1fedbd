"""Logins (User) and customers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar
from uuid import uuid4

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now
from django.utils.crypto import salted_hmac
from uuid6 import uuid7

from subscriptions.email_addresses import email_key

# Plus sign, country code and number: at most 15 digits.
E164 = r"^\+[1-9][0-9]{1,14}$"
# The address of an erased customer. The domain "invalid" never exists (RFC 2606), so no mail arrives.
ERASED_PREFIX = "erased-"


class UserManager(BaseUserManager["User"]):
    """Creates logins. The e-mail address is stored as its key, so that all spellings name the same login."""

    def create_user(self, email: str, password: str | None = None, **extra: Any) -> User:
        user = self.model(email=email_key(email), **extra)
        user.set_password(password) if password else user.set_unusable_password()
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)

    def get_by_natural_key(self, email: str | None) -> User:
        return self.get(email=email_key(email or ""))


class User(AbstractBaseUser, PermissionsMixin):
    """The login of staff or of a customer. A customer's login has no password until the customer sets one."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    date_joined = models.DateTimeField(db_default=Now())
    session_version = models.PositiveIntegerField(
        default=0, editable=False, help_text="Raising it ends every session of this login."
    )

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(email=Lower("email")), name="user_email_is_lower_case")]

    def __str__(self) -> str:
        return self.email

    @property
    def has_authority(self) -> bool:
        """Whether it is a login of staff. Such a login never logs in by mail, and never becomes a customer's."""
        return self.is_staff or self.is_superuser

    def get_session_auth_hash(self) -> str:
        """Django stores this hash in each session of this login. If the hash changes, the session ends."""
        state = f"{self.password}:{self.session_version}"
        return salted_hmac("subscriptions.sessions", state, algorithm="sha256").hexdigest()

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """None: the shop has no older secret keys."""
        return iter(())


class Customer(models.Model):
    """A person who buys. ``email`` is stored as typed; the unique ``email_key`` finds the customer again."""

    # Any buyer who types the address gets this id in the response. uuid7 would reveal when the customer was created.
    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    email = models.EmailField()
    email_key = models.CharField(max_length=254, unique=True)
    name = models.CharField(max_length=200)
    phone = models.CharField(max_length=16, blank=True, help_text="E.164, such as +4915112345678.")
    locale = models.CharField(max_length=35, default="en")
    marketing_consent = models.BooleanField(default=False)
    sms_consent = models.BooleanField(default=False)
    user = models.OneToOneField(User, null=True, default=None, on_delete=models.SET_NULL, related_name="customer")
    created_at = models.DateTimeField(db_default=Now(), db_index=True)
    updated_at = models.DateTimeField(auto_now=True)
    exported_at = models.DateTimeField(
        null=True, default=None, editable=False, help_text="When a copy of the data was last downloaded."
    )
    erased_at = models.DateTimeField(
        null=True,
        default=None,
        editable=False,
        help_text="When the erasure of the data began. Since then nothing personal is written, here or at a provider.",
    )

    class Meta:
        permissions = [("erase_customer", "Can erase a customer"), ("export_customer", "Can export a customer's data")]
        constraints = [
            models.CheckConstraint(
                condition=Q(erased_at=None) | Q(email_key__startswith=ERASED_PREFIX, user=None),
                name="erased_customer_has_no_address_or_login",
            ),
            models.CheckConstraint(condition=Q(email_key=Lower("email_key")), name="customer_email_key_is_lower_case"),
            models.CheckConstraint(condition=Q(phone="") | Q(phone__regex=E164), name="customer_phone_is_e164"),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def placeholder(self) -> str:
        """The address that replaces the customer's own in an erasure. It contains no personal data."""
        return f"{ERASED_PREFIX}{self.pk}@erased.invalid"
