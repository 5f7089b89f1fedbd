from __future__ import annotations

import re
import time
from uuid import UUID, uuid4

import pytest

from subscriptions import login_tokens
from subscriptions.login_tokens import BadToken
from subscriptions.models import User
from tests.support.accounts import customer_with_login


def link_of(login: User, request_id: UUID) -> login_tokens.LinkToken:
    url = login_tokens.login_link(login=login, request_id=request_id)
    return login_tokens.read_link(url.split("/login/")[1].rstrip("/"))


@pytest.fixture
def login(db: None) -> User:
    login = customer_with_login().user
    assert login is not None
    return login


def test_a_code_is_six_digits_and_the_same_each_time() -> None:
    for _ in range(200):
        request_id = uuid4()
        code = login_tokens.login_code(request_id=request_id)
        assert re.fullmatch(r"\d{6}", code)
        assert login_tokens.is_login_code(code, request_id=request_id)
        assert not login_tokens.is_login_code("", request_id=request_id)


def test_codes_are_spread_evenly() -> None:
    codes = {login_tokens.login_code(request_id=uuid4()) for _ in range(2000)}
    assert len(codes) > 1980
    assert {code[0] for code in codes} == set("0123456789")


def test_codes_and_links_depend_on_the_secret_key(login: User, settings: object) -> None:
    request_id = uuid4()
    code, link = login_tokens.login_code(request_id=request_id), link_of(login, request_id)
    settings.SECRET_KEY = "another-secret-key-that-is-long-enough-for-production"  # type: ignore[attr-defined]
    assert login_tokens.login_code(request_id=request_id) != code
    with pytest.raises(BadToken):
        login_tokens.login_of(link)


def test_a_link_names_its_login(login: User) -> None:
    assert login_tokens.login_of(link_of(login, uuid4())) == login


@pytest.mark.parametrize(
    "change",
    [
        {"email": "other@example.com"},
        {"password": "!another"},
        {"is_active": False},
        {"is_staff": True},
        {"is_superuser": True},
    ],
)
def test_a_link_ends_when_the_login_changes(login: User, change: dict[str, object]) -> None:
    link = link_of(login, uuid4())
    User.objects.update(**change)
    with pytest.raises(BadToken):
        login_tokens.login_of(link)


def test_a_link_ends_when_the_login_is_used(login: User, now: object) -> None:
    link = link_of(login, uuid4())
    User.objects.update(last_login=now)
    with pytest.raises(BadToken):
        login_tokens.login_of(link)


def test_a_link_ends_after_15_minutes(login: User, monkeypatch: pytest.MonkeyPatch) -> None:
    link = link_of(login, uuid4())
    now = time.time()
    monkeypatch.setattr("sesame.tokens_v2.time.time", lambda: now + 901)
    with pytest.raises(BadToken):
        login_tokens.login_of(link)


def test_the_signature_has_128_bits(login: User) -> None:
    signed = link_of(login, uuid4()).signed
    assert len(signed) == 48  # 16 bytes each of id and signature, 4 of time, in base 64
    for place in range(0, 47, 3):
        forged = signed[:place] + ("A" if signed[place] != "A" else "B") + signed[place + 1 :]
        with pytest.raises(BadToken):
            login_tokens.login_of(login_tokens.LinkToken(request_id=uuid4(), signed=forged))


def test_the_token_of_a_new_address_is_signed() -> None:
    change_id = uuid4()
    token = login_tokens.email_change_token(change_id=change_id)
    assert login_tokens.read_email_change(token) == change_id
    assert login_tokens.email_change_link(change_id=change_id) == f"http://127.0.0.1:8000/login/email/{token}/"
    for forged in (str(change_id), token[:-1], f"{uuid4()}:{token.rpartition(':')[2]}", ""):
        with pytest.raises(BadToken):
            login_tokens.read_email_change(forged)
