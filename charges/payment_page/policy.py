"""What the payment page may do in a browser, and what the browser may tell others of it."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpResponse

STRIPE_JS = "https://js.stripe.com"
# docs.stripe.com/security/guide#content-security-policy
STRIPE_SCRIPTS = "https://js.stripe.com https://*.js.stripe.com"
STRIPE_FRAMES = f"{STRIPE_SCRIPTS} https://hooks.stripe.com"
STRIPE_CALLS = "https://api.stripe.com"


def sealed(response: HttpResponse, *, own_forms: bool = False) -> HttpResponse:
    """The response with the headers that keep its link, which is as good as a password, to itself.

    ``own_forms``: the page sends a plain form. Its browser would withhold the origin under ``no-referrer``, and Django
    refuses a form of unknown origin; ``same-origin`` tells nobody else either.
    """
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "same-origin" if own_forms else "no-referrer"
    response.headers["Content-Security-Policy"] = _policy()
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _policy() -> str:
    script = urlsplit(settings.STRIPE_JS_URL)
    origin = f"{script.scheme}://{script.netloc}"
    # The stand-in of development is script, bank and API in one place.
    real = origin == STRIPE_JS
    scripts = STRIPE_SCRIPTS if real else origin
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {scripts}",
            f"connect-src 'self' {STRIPE_CALLS if real else origin}",
            f"frame-src {STRIPE_FRAMES if real else origin}",
            "style-src 'self'",
            "img-src 'self' data:",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )
