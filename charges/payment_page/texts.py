"""The translatable texts that the views of the payment page choose from. The template has the fixed texts."""

from __future__ import annotations

from django.utils.translation import gettext_lazy, pgettext_lazy

# By the state of the page: the state of the payment, a problem with the link, or an outage.
HEADINGS = {
    "paid": pgettext_lazy("payment page", "Thank you"),
    "processing": gettext_lazy("Your payment is being processed"),
    "requires_action": pgettext_lazy("payment page", "Your bank asks you to confirm the payment"),
    "payment_failed": gettext_lazy("The payment did not go through"),
    "nothing_to_pay": gettext_lazy("There is nothing to pay"),
    "expired": gettext_lazy("This link has expired"),
    "link_requested": gettext_lazy("Check your inbox"),
    "bad_link": gettext_lazy("This link does not work"),
    "unavailable": gettext_lazy("This page is not available right now"),
}
TEXTS = {
    "paid": gettext_lazy("We have received your payment. You do not need to do anything else."),
    "processing": gettext_lazy("This takes a few seconds. The page then continues automatically."),
    "requires_action": gettext_lazy("You can do so in your bank's app or with a code. Until then nothing is charged."),
    "nothing_to_pay": gettext_lazy("This order was canceled or refunded. You can close this page."),
    "expired": gettext_lazy(
        "For your safety, our payment links expire after a few days. We can send a new link to the e-mail address of "
        "your order."
    ),
    "link_requested": gettext_lazy(
        "If the order is not paid yet, we are sending a new link to its e-mail address. This may take a minute."
    ),
    "bad_link": gettext_lazy(
        "It seems to be incomplete. Please open it from our e-mail again, or copy the whole link from there."
    ),
    "unavailable": gettext_lazy("The problem is on our side. Please reload this page in a minute."),
}
# In place of the texts above, if the card is saved for a trial and nothing is paid.
TRIAL_HEADINGS = HEADINGS | {
    "processing": gettext_lazy("Your card is being saved"),
    "requires_action": pgettext_lazy("payment page", "Your bank asks you to confirm your card"),
    "payment_failed": gettext_lazy("Your card could not be saved"),
}
TRIAL_TEXTS = TEXTS | {
    "paid": gettext_lazy("Your card is saved, and your trial has begun. Nothing was charged."),
}
# Texts that the page's script shows.
SCRIPT_TEXTS = {
    "waiting": gettext_lazy("One moment …"),
    "processing": HEADINGS["processing"],
    "processing_text": TEXTS["processing"],
    "slow": gettext_lazy(
        "This is taking longer than usual. You can close this page: we will write to you as soon as it is done."
    ),
    "broken": gettext_lazy("Something went wrong on our side, and nothing was charged. Please try again in a minute."),
    "offline": gettext_lazy("This page cannot reach our server. Please check your connection, and try again."),
    "no_stripe": gettext_lazy(
        "The card form of our payment provider could not be loaded. Please reload this page."
    ),
    "not_confirmed": gettext_lazy("The payment was not confirmed. Please try again."),
}
# Errors that ``script_api`` returns to the script.
STRIPE_UNAVAILABLE = gettext_lazy(
    "Our payment provider is not responding. Nothing was charged. Please try again in a minute."
)
PAYMENT_IN_PROGRESS = gettext_lazy("A payment for this order is already in progress. Please wait a moment.")
TOO_MANY_REQUESTS = gettext_lazy("You have tried too often. Please wait a minute, and try again.")
TOO_MANY_CARDS = gettext_lazy(
    "Too many cards were tried for this order today. Please try again tomorrow, or write to us."
)
INVALID_CARD = gettext_lazy("We cannot charge this card. Please enter it again.")
