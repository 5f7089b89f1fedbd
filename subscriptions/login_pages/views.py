"""The pages to which login mails lead. They need no JavaScript, and work without a front end of the shop.

Mail scanners open links, follow scripts and keep the cookies that they get. So opening a link changes nothing, and a
press of its button logs in only in the browser that asked for the mail. Any other browser needs the mail's code, too.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.views.decorators.http import require_http_methods, require_POST
from rest_framework.serializers import ValidationError

from subscriptions import login_tokens
from subscriptions.api import sessions
from subscriptions.api.fields import EmailAddressField
from subscriptions.locales import language_of
from subscriptions.login_pages import texts
from subscriptions.models import User
from subscriptions.operations import email_changes, login_requests
from subscriptions.operations.attempt_limits import TooManyAttempts
from subscriptions.queries import customer_of_login

POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SHOW_OR_ACT = require_http_methods(["GET", "HEAD", "POST"])


@SHOW_OR_ACT
def login(request: HttpRequest) -> HttpResponse:
    """Ask for a login mail. The answer is the same for every address."""
    if request.method != "POST":
        return _page(request, "ask")
    try:
        email = EmailAddressField().run_validation(request.POST.get("email", "").strip())
    except ValidationError:
        return _page(request, "ask", error=texts.BAD_EMAIL, status=422)
    browser = sessions.new_or_known_browser(request)
    try:
        login_requests.request_login(
            email=email, network=sessions.network_of(request), browser=browser, at=timezone.now()
        )
    except TooManyAttempts:
        return _page(request, "ask", error=texts.TOO_MANY_ATTEMPTS, status=429)
    response = _page(request, "asked")
    sessions.remember_browser(response, browser)
    return response


@require_POST
def code(request: HttpRequest) -> HttpResponse:
    """Log in by the code of the mail that this browser asked for."""
    return _log_in(
        request,
        "asked",
        lambda: login_requests.log_in_by_code(
            code=request.POST.get("code", "").strip(),
            browser=sessions.browser_of(request),
            network=sessions.network_of(request),
            at=timezone.now(),
        ),
    )


@SHOW_OR_ACT
def link(request: HttpRequest, token: str) -> HttpResponse:
    """Show the button, and log in when it is pressed."""
    typed = request.POST.get("code", "").strip()
    state = "link" if _is_asking_browser(request, token) else "other_browser"
    if request.method != "POST":
        return _page(request, state, token=token)
    return _log_in(
        request,
        state,
        lambda: login_requests.log_in_by_link(
            token=token,
            code=typed,
            browser=sessions.browser_of(request),
            network=sessions.network_of(request),
            at=timezone.now(),
        ),
        token=token,
    )


@SHOW_OR_ACT
def new_email(request: HttpRequest, token: str) -> HttpResponse:
    """Confirm a new address, in a session of the customer who asked for it."""
    customer = customer_of_login(user_id=request.user.pk) if isinstance(request.user, User) else None
    if customer is None:
        return _page(request, "new_email_elsewhere")
    if request.method != "POST":
        return _page(request, "new_email", token=token)
    try:
        email_changes.confirm_email_change(token=token, customer_id=customer.pk, at=timezone.now())
    except email_changes.UnableToConfirm:
        return _page(request, "new_email", token=token, error=texts.BAD_NEW_EMAIL, status=422)
    except email_changes.AddressTaken:
        return _page(request, "new_email", token=token, error=texts.TAKEN_EMAIL, status=409)
    return _page(request, "new_email_confirmed")


def _is_asking_browser(request: HttpRequest, token: str) -> bool:
    try:
        request_id = login_tokens.read_link(token).request_id
    except login_tokens.BadToken:
        return False
    return login_requests.is_asking_browser(
        request_id=request_id, browser=sessions.browser_of(request), at=timezone.now()
    )


def _log_in(request: HttpRequest, state: str, log_in: Callable[[], User], *, token: str = "") -> HttpResponse:
    try:
        user = log_in()
    except TooManyAttempts:
        return _page(request, state, token=token, error=texts.TOO_MANY_ATTEMPTS, status=429)
    except login_requests.AnotherBrowser:
        error = texts.WRONG_DIGITS if request.POST.get("code") else None
        return _page(request, "other_browser", token=token, error=error, status=409)
    except login_requests.UnableToLogIn:
        return _page(request, state, token=token, error=texts.BAD_CODE, status=422)
    sessions.start_session(request, user)
    response = _page(request, "logged_in")
    sessions.forget_browser(response)
    return response


def _page(
    request: HttpRequest, state: str, *, token: str = "", error: Promise | None = None, status: int = 200
) -> HttpResponse:
    language = language_of(translation.get_language_from_request(request))
    context = {
        "state": state,
        "language": language,
        "shop": settings.SHOP_NAME,
        "heading": texts.HEADINGS[state],
        "text": texts.TEXTS[state],
        "form": texts.FORMS[state],
        "error": error,
        "token": token,
        "account_url": settings.ACCOUNT_URL,
    }
    with translation.override(language):
        return _with_security_headers(render(request, "subscriptions/login.html", context, status=status))


def _with_security_headers(response: HttpResponse) -> HttpResponse:
    """A login link is as sensitive as a password. ``same-origin`` shows it to no other site; with ``no-referrer`` a
    browser would hide the form's origin, and Django rejects a form of unknown origin."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response
