"""The translatable texts that the views of the login pages choose from. The template has the fixed texts."""

from __future__ import annotations

from django.utils.translation import gettext_lazy, pgettext_lazy

# By the state of the page.
HEADINGS = {
    "ask": pgettext_lazy("login page", "Log in"),
    "asked": gettext_lazy("Check your e-mail"),
    "link": pgettext_lazy("login page", "Log in"),
    "other_browser": gettext_lazy("Enter the code"),
    "logged_in": gettext_lazy("You are logged in"),
    "new_email": gettext_lazy("Your new e-mail address"),
    "new_email_elsewhere": gettext_lazy("Please log in first"),
    "new_email_confirmed": gettext_lazy("Your new address is confirmed"),
}
TEXTS = {
    "ask": gettext_lazy("We send you an e-mail with a link and a code. You need no password."),
    "asked": gettext_lazy(
        "If there is an account with this address, you now receive an e-mail. Open its link in this browser, or enter "
        "its six digits here. Both are valid for 15 minutes."
    ),
    "link": gettext_lazy("Press the button to log in to your account."),
    "other_browser": gettext_lazy(
        "You did not ask for this e-mail in this browser. For your safety, enter the six digits of the same e-mail."
    ),
    "logged_in": gettext_lazy("You can close this page."),
    "new_email": gettext_lazy("Press the button, and we will use this address for your account from now on."),
    "new_email_elsewhere": gettext_lazy(
        "Log in with your old address in this browser. Then open the link of the e-mail again."
    ),
    "new_email_confirmed": gettext_lazy("From now on we write to this address. Log in with it the next time."),
}
FORMS = {
    "ask": "email",
    "asked": "code",
    "link": "link",
    "other_browser": "link_with_code",
    "logged_in": "account",
    "new_email": "new_email",
    "new_email_elsewhere": "email",
    "new_email_confirmed": "account",
}
BAD_EMAIL = gettext_lazy("This is not an e-mail address. Please check it.")
BAD_CODE = gettext_lazy("This code or link is wrong, has expired, or was used. Please ask for a new e-mail.")
WRONG_DIGITS = gettext_lazy("These are not the digits of this e-mail.")
TOO_MANY_ATTEMPTS = gettext_lazy("There were too many attempts. Please wait, and try again later.")
BAD_NEW_EMAIL = gettext_lazy("This link is invalid, has expired, or was replaced by a newer one.")
TAKEN_EMAIL = gettext_lazy("Another account has this address.")
