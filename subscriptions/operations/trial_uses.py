"""One trial for each person: remember which addresses and cards have had one.

Each row holds an HMAC under ``TRIAL_PROOF_KEY``, so it contains no personal data and is kept when a customer is erased.
With another key, the earlier rows match no person any more.
"""

from __future__ import annotations

import hashlib
import hmac

from django.conf import settings

from subscriptions.email_addresses import email_key
from subscriptions.models import Subscription, TrialUse

# These two domains belong to the same mailboxes, which ignore dots. Elsewhere a dot may distinguish two people.
GMAIL = ("gmail.com", "googlemail.com")


def claim_address(*, subscription: Subscription, email: str) -> bool:
    """Note that the address begins a trial with this subscription. Returns False if it began another one before."""
    return _claim(subscription, TrialUse.Kind.ADDRESS, mailbox_of(email))


def claim_card(*, subscription: Subscription, fingerprint: str) -> bool:
    """Note that the card begins a trial with this subscription. Returns False if it began another one before.

    A card without a fingerprint cannot be recognized, and is accepted.
    """
    return not fingerprint or _claim(subscription, TrialUse.Kind.CARD, fingerprint)


def release_address(*, subscription: Subscription) -> None:
    """The trial never began, so the address may begin another one."""
    TrialUse.objects.filter(subscription=subscription, kind=TrialUse.Kind.ADDRESS).delete()


def mailbox_of(email: str) -> str:
    """The same text for all addresses that reach one mailbox: without the tag after a plus sign."""
    local, _, domain = email_key(email).rpartition("@")
    name = local.partition("+")[0] or local
    if domain in GMAIL:
        name, domain = name.replace(".", ""), GMAIL[0]
    return f"{name}@{domain}"


def _claim(subscription: Subscription, kind: TrialUse.Kind, value: str) -> bool:
    digest = _digest(kind, value)
    # The insert waits for a concurrent one of the same digest, so the row that is read next is committed or ours.
    use = TrialUse(kind=kind, digest=digest, subscription=subscription)
    TrialUse.objects.bulk_create([use], ignore_conflicts=True)
    return TrialUse.objects.filter(kind=kind, digest=digest, subscription=subscription).exists()


def _digest(kind: TrialUse.Kind, value: str) -> str:
    key = settings.TRIAL_PROOF_KEY.encode()
    return hmac.new(key, f"{kind.value}:{value}".encode(), hashlib.sha256).hexdigest()
