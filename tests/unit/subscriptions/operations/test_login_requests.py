"""A login mail logs in once, however many use it at the same moment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from subscriptions import login_tokens
from subscriptions.models import AttemptCount, Customer, LoginRequest, User
from subscriptions.operations import login_requests
from subscriptions.operations.attempt_limits import TooManyAttempts
from subscriptions.operations.login_requests import AnotherBrowser, UnableToLogIn
from tests.support.accounts import customer_with_login
from tests.support.concurrency import at_once
from tests.support.deliveries import published

BROWSER, NETWORK = "b" * 43, "192.0.2.1"


@pytest.fixture
def ann(transactional_db: None) -> Customer:
    return customer_with_login()


def ask(at: dt.datetime, *, browser: str = BROWSER, email: str = "Ann.Lee@example.com") -> LoginRequest:
    login_requests.request_login(email=email, network=NETWORK, browser=browser, at=at)
    return LoginRequest.objects.latest("requested_at")


def link(request: LoginRequest, at: dt.datetime, *, browser: str = BROWSER, code: str = "") -> User:
    login = User.objects.get(email=request.email_key)
    token = login_tokens.login_link(login=login, request_id=request.pk).split("/login/")[1].rstrip("/")
    return login_requests.log_in_by_link(token=token, browser=browser, code=code, network=NETWORK, at=at)


def code(request: LoginRequest, at: dt.datetime, *, browser: str = BROWSER) -> User:
    typed = login_tokens.login_code(request_id=request.pk)
    return login_requests.log_in_by_code(code=typed, browser=browser, network=NETWORK, at=at)


@pytest.mark.parametrize("use", [link, code])
def test_five_uses_at_once_log_in_once(
    ann: Customer, now: dt.datetime, use: Callable[[LoginRequest, dt.datetime], User]
) -> None:
    request = ask(now)
    results = at_once(lambda: use(request, now), times=5)
    assert [result for result in results if isinstance(result, User)] == [ann.user]
    assert {type(result) for result in results} <= {User, UnableToLogIn, AnotherBrowser}


def test_link_and_code_and_two_mails_at_once_log_in_once(ann: Customer, now: dt.datetime) -> None:
    first, second = ask(now), ask(now + dt.timedelta(seconds=1))
    at = now + dt.timedelta(seconds=2)
    results = at_once(
        lambda: link(first, at), lambda: code(first, at), lambda: link(second, at), lambda: code(second, at)
    )
    assert len([result for result in results if isinstance(result, User)]) == 1
    assert not [result for result in results if not isinstance(result, User | UnableToLogIn | AnotherBrowser)]


def test_twenty_wrong_codes_at_once_are_five_guesses(ann: Customer, now: dt.datetime) -> None:
    """They cannot all be checked before the first of them is counted."""
    request = ask(now)

    def guess() -> None:
        login_requests.log_in_by_code(code="no", browser=BROWSER, network=NETWORK, at=now)

    results = at_once(guess, times=20)
    assert {type(result) for result in results} == {UnableToLogIn}
    assert AttemptCount.objects.get(scope="attempt_at_address").count <= 20
    with pytest.raises(UnableToLogIn):
        code(request, now)


def test_all_guesses_of_an_address_together_are_limited(ann: Customer, now: dt.datetime, settings: object) -> None:
    settings.LOGIN_ATTEMPT_LIMIT = "2/day"  # type: ignore[attr-defined]
    answers = []
    for number in range(3):
        request = ask(now + dt.timedelta(seconds=number), browser=f"{number}" * 43)
        try:
            login_requests.log_in_by_code(code="no", browser=f"{number}" * 43, network=NETWORK, at=request.requested_at)
        except (UnableToLogIn, TooManyAttempts) as error:
            answers.append(type(error))
    assert answers == [UnableToLogIn, UnableToLogIn, TooManyAttempts]


@pytest.mark.parametrize("seconds", [0, 899])
def test_a_mail_works_for_15_minutes(ann: Customer, now: dt.datetime, seconds: int) -> None:
    assert code(ask(now), now + dt.timedelta(seconds=seconds)) == ann.user


def test_a_mail_ends_after_15_minutes(ann: Customer, now: dt.datetime) -> None:
    request = ask(now)
    with pytest.raises(UnableToLogIn):
        code(request, now + dt.timedelta(minutes=15))


def test_the_link_of_one_request_does_not_serve_another(ann: Customer, now: dt.datetime) -> None:
    first, second = ask(now, browser="1" * 43), ask(now + dt.timedelta(seconds=1), browser="2" * 43)
    token = login_tokens.login_link(login=ann.user, request_id=first.pk).split("/login/")[1].rstrip("/")  # type: ignore[arg-type]
    forged = f"{second.pk}.{token.partition('.')[2]}"
    with pytest.raises(UnableToLogIn):
        login_requests.log_in_by_link(token=forged, browser="2" * 43, code="", network=NETWORK, at=now)


@pytest.mark.parametrize("token", ["", ".", "x", "x.y", "é", f"{'0' * 32}.", f"{'0' * 32}.{'A' * 60}", "\x00.\x00"])
def test_a_malformed_token_is_refused(db: None, now: dt.datetime, token: str) -> None:
    with pytest.raises(UnableToLogIn):
        login_requests.log_in_by_link(token=token, browser=BROWSER, code="", network=NETWORK, at=now)


def test_a_login_without_a_customer_gets_in_by_no_code(transactional_db: None, now: dt.datetime) -> None:
    User.objects.create_user("nobody@example.com")
    with pytest.raises(UnableToLogIn):
        code(ask(now, email="nobody@example.com"), now)


def test_another_browsers_wrong_code_leaves_the_link_alive(ann: Customer, now: dt.datetime) -> None:
    request = ask(now)
    with pytest.raises(AnotherBrowser):
        link(request, now, browser="", code="no")
    assert link(request, now) == ann.user


def test_closing_ends_all_mails_of_one_address(ann: Customer, now: dt.datetime) -> None:
    bob = customer_with_login(email="bob@example.com", name="Bob")
    mine, theirs = ask(now), ask(now + dt.timedelta(seconds=1), email="bob@example.com", browser="c" * 43)
    assert login_requests.close_login_requests(email="ANN.lee@example.com", at=now) == [mine.pk]
    with pytest.raises(UnableToLogIn):
        code(mine, now)
    assert code(theirs, now + dt.timedelta(seconds=1), browser="c" * 43) == bob.user


def test_old_requests_are_deleted(ann: Customer, now: dt.datetime) -> None:
    ask(now - dt.timedelta(days=1, minutes=15))
    kept = ask(now - dt.timedelta(days=1))
    assert login_requests.purge_login_requests(at=now) == 1
    assert LoginRequest.objects.get() == kept


def test_every_request_is_announced(ann: Customer, now: dt.datetime) -> None:
    ask(now)
    ask(now, email="unknown@example.com")
    assert published()["LoginRequested"] == 2
