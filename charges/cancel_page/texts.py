"""The translatable texts that the views of the cancel page choose from. The template has the fixed texts.

The law fixes some words: in Germany the two buttons of § 312k BGB and the two of § 356a BGB, in France those of the
articles L215-1-1 and L221-21 of the Code de la consommation. Their translations are not free.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy, pgettext_lazy

from subscriptions.models import CancelReason

# By the state of the page.
HEADINGS = {
    "find": pgettext_lazy("cancel page", "Cancel contracts here"),
    "form": gettext_lazy("Cancel your subscription"),
    "withdraw": gettext_lazy("Withdraw from the contract"),
    "planned": gettext_lazy("Your subscription is canceled"),
    "ended": gettext_lazy("Your subscription has ended"),
    "withdrawn": gettext_lazy("You have withdrawn from the contract"),
    "too_late": gettext_lazy("You cannot withdraw any more"),
    "bad_link": pgettext_lazy("cancel page", "This link does not work"),
    "unavailable": pgettext_lazy("cancel page", "This page is not available right now"),
}
TEXTS = {
    "find": gettext_lazy(
        "Enter the e-mail address and the number of any order of your subscription. You find the number in each of our "
        "e-mails. You need no password."
    ),
    "form": gettext_lazy("You need no account and no reason. We confirm your cancellation by e-mail."),
    "withdraw": gettext_lazy(
        "Your subscription ends at once. We refund everything that you paid. For goods that have been shipped, we "
        "refund as soon as they are back."
    ),
    "planned": gettext_lazy(
        "You can use it until its end, and we will not charge anything for the time after. We send you a confirmation "
        "by e-mail."
    ),
    "ended": gettext_lazy("We will not charge anything more. We send you a confirmation by e-mail."),
    "withdrawn": gettext_lazy(
        "Your subscription has ended, and we will not charge anything more. We send you a confirmation by e-mail."
    ),
    "too_late": gettext_lazy("The time to withdraw is over. You can still cancel your subscription."),
    "bad_link": gettext_lazy(
        "It seems to be incomplete. Please open it from our e-mail again, or find your subscription by the number of "
        "an order."
    ),
    "unavailable": pgettext_lazy(
        "cancel page", "The problem is on our side, and nothing was changed. Please try again in a minute."
    ),
}
REASONS = {
    CancelReason.TOO_EXPENSIVE: pgettext_lazy("reason to cancel", "It is too expensive"),
    CancelReason.NOT_USED: pgettext_lazy("reason to cancel", "I do not use it enough"),
    CancelReason.QUALITY: pgettext_lazy("reason to cancel", "I am not satisfied with the quality"),
    CancelReason.ANOTHER_SHOP: pgettext_lazy("reason to cancel", "I buy elsewhere"),
    CancelReason.SERVICE: pgettext_lazy("reason to cancel", "I am not satisfied with the service"),
    CancelReason.OTHER: pgettext_lazy("reason to cancel", "Another reason"),
}
NOT_FOUND = gettext_lazy("We find no subscription with this address and this number. Please check both.")
CHOOSE = gettext_lazy("Please choose when your subscription ends.")
CHANGED = gettext_lazy("Your subscription has changed meanwhile. Please check the page, and try again.")
TOO_MANY_REQUESTS = pgettext_lazy("cancel page", "There were too many attempts. Please wait a minute, and try again.")
