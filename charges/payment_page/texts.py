"""The texts that the payment page's views choose from, translatable. The fixed words stand in the template."""

from __future__ import annotations

from django.utils.translation import gettext_lazy, pgettext_lazy

# Headings and texts, by the page's state: a state of the payment, or a problem with the link.
HEADINGS = {
    "paid": pgettext_lazy("payment page", "Thank you"),
    "processing": gettext_lazy("Your payment is being processed"),
    "requires_action": pgettext_lazy("payment page", "Your bank asks you to confirm the payment"),
    "payment_failed": gettext_lazy("The payment did not go through"),
    "nothing_to_pay": gettext_lazy("There is nothing to pay"),
    "expired": gettext_lazy("This link has expired"),
    "link_requested": gettext_lazy("Check your inbox"),
    "bad_link": gettext_lazy("This link does not work"),
    "away": gettext_lazy("This page is not available right now"),
}
TEXTS = {
    "paid": gettext_lazy("Your payment has arrived. There is nothing more for you to do."),
    "processing": gettext_lazy("This takes a few seconds. The page then continues automatically."),
    "requires_action": gettext_lazy("You can do so in your bank's app or with a code. Until then nothing is charged."),
    "nothing_to_pay": gettext_lazy("This order was canceled or refunded. You can close this page."),
    "expired": gettext_lazy(
        "For your safety our payment links work for some days only. We will gladly send you a new one, to the e-mail "
        "address of your order."
    ),
    "link_requested": gettext_lazy(
        "If the order still has to be paid, a new link is on its way to its e-mail address. It may take a minute."
    ),
    "bad_link": gettext_lazy(
        "It seems to be incomplete. Please open it from our e-mail again, or copy the whole link from there."
    ),
    "away": gettext_lazy("The trouble is on our side. Please load this page again in a minute."),
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
    "offline": gettext_lazy("We cannot be reached. Please check your connection, and try again."),
    "no_stripe": gettext_lazy(
        "The card form of our payment provider could not be loaded. Please load this page again."
    ),
    "not_confirmed": gettext_lazy("The payment was not confirmed. Please try again."),
}
# Errors that the views answer to that script.
STRIPE_AWAY = gettext_lazy(
    "Our payment provider does not answer right now. Nothing was charged. Please try again in a minute."
)
UNDER_WAY = gettext_lazy("A payment of this order is already running. Please wait a moment.")
TOO_OFTEN = gettext_lazy("That was a little too often. Please wait a minute, and try again.")
TOO_MANY_CARDS = gettext_lazy(
    "Too many cards were tried for this order today. Please try again tomorrow, or write to us."
)
NO_CARD = gettext_lazy("We cannot charge this card. Please enter it again.")
