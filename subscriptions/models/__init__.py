"""Logins (User), customers, plans and subscriptions."""

from subscriptions.models.accounts import Customer, User, UserManager
from subscriptions.models.plans import Plan
from subscriptions.models.subscriptions import Subscription

__all__ = ["Customer", "Plan", "Subscription", "User", "UserManager"]
