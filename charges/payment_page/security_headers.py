"""The headers that limit what the payment page may load, and that keep its link secret."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpResponse

STRIPE_JS = "https://js.stripe.com"
# docs.stripe.com/security/guide#content-security-policy
STRIPE_SCRIPTS = "https://js.stripe.com https://*.js.stripe.com"
STRIPE_FRAMES = f"{STRIPE_SCRIPTS} https://hooks.stripe.com"
STRIPE_CALLS = "https://api.stripe.com"


def with_security_headers(response: HttpResponse, *, has_plain_form: bool = False) -> HttpResponse:
    """Add the headers that keep the link secret. A payment link is as sensitive as a password.

    ``has_plain_form``: the page submits a form without the script. With ``no-referrer`` a browser hides the form's
    origin, and Django rejects a form of unknown origin. ``same-origin`` hides the link from other sites as well.
    """
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "same-origin" if has_plain_form else "no-referrer"
    response.headers["Content-Security-Policy"] = _policy()
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _policy() -> str:
    script = urlsplit(settings.STRIPE_JS_URL)
    origin = f"{script.scheme}://{script.netloc}"
    # In development, the sandbox serves the script, the bank's page and the API from one origin.
    is_stripe = origin == STRIPE_JS
    scripts = STRIPE_SCRIPTS if is_stripe else origin
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {scripts}",
            f"connect-src 'self' {STRIPE_CALLS if is_stripe else origin}",
            f"frame-src {STRIPE_FRAMES if is_stripe else origin}",
            "style-src 'self'",
            "img-src 'self' data:",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )
