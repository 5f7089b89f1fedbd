"""The translatable texts of the page of an erasure, by its state. The details of a certificate are in English."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

HEADINGS = {
    "requested": gettext_lazy("Your data is being erased"),
    "erasing": gettext_lazy("Your data is being erased"),
    "done": gettext_lazy("Your data is erased"),
    "bad_link": gettext_lazy("This link is invalid"),
}
TEXTS = {
    "requested": gettext_lazy("We are waiting until all payments are settled. Nothing more will be charged."),
    "erasing": gettext_lazy("It usually takes two days. Come back to this page to read the certificate."),
    "done": gettext_lazy("This is the certificate of the erasure. It holds no personal data."),
    "bad_link": gettext_lazy("Please open the link of the e-mail again."),
}
