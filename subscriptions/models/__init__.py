"""Logins (User), customers, plans and subscriptions."""

from subscriptions.models.access import ApiKey, AttemptCount, EmailChange, LoginRequest
from subscriptions.models.accounts import Customer, User, UserManager
from subscriptions.models.commands import CommandKey
from subscriptions.models.erasures import Erasure, ErasureStep
from subscriptions.models.periods import BillingPeriod
from subscriptions.models.planned import PendingChange, Skip, TrialUse
from subscriptions.models.plans import Plan
from subscriptions.models.prices import Price
from subscriptions.models.reminders import Reminder
from subscriptions.models.subscriptions import CancelReason, Hold, Subscription, SubscriptionChange

__all__ = [
    "ApiKey",
    "AttemptCount",
    "BillingPeriod",
    "CancelReason",
    "CommandKey",
    "Customer",
    "EmailChange",
    "Erasure",
    "ErasureStep",
    "Hold",
    "LoginRequest",
    "PendingChange",
    "Plan",
    "Price",
    "Reminder",
    "Skip",
    "Subscription",
    "SubscriptionChange",
    "TrialUse",
    "User",
    "UserManager",
]
