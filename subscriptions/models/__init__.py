"""Logins (User), customers, plans and subscriptions."""

from subscriptions.models.accounts import Customer, User, UserManager
from subscriptions.models.plans import Plan
from subscriptions.models.subscriptions import Hold, Subscription, SubscriptionChange

__all__ = ["Customer", "Hold", "Plan", "Subscription", "SubscriptionChange", "User", "UserManager"]
