from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from subscriptions import erasure_tokens
from subscriptions.models import Erasure
from subscriptions.operations.erasures import progress
from tests.support.days import NOW
from tests.support.erasures import begun_erasure, finish_other_steps, request_erasure
from tests.support.factories import make_customer, make_order

pytestmark = pytest.mark.django_db(transaction=True)


def page(erasure: Erasure, **headers: str) -> Any:
    return Client().get(f"/erasure/{erasure_tokens.token_of(erasure_id=erasure.pk)}/", headers=headers)


def test_the_link_of_the_mail_leads_to_the_page() -> None:
    erasure = request_erasure(make_customer())
    link = erasure_tokens.erasure_link(erasure_id=erasure.pk)
    assert link.endswith(f"/erasure/{erasure_tokens.token_of(erasure_id=erasure.pk)}/")
    assert b'data-state="requested"' in page(erasure).content


def test_the_certificate_is_shown_and_names_nobody() -> None:
    ann = make_customer()
    make_order(customer=ann, status="fulfilled")
    erasure = begun_erasure(ann)
    assert b'data-state="erasing"' in page(erasure).content
    finish_other_steps(erasure, "dixa")
    progress.run_step(erasure_id=erasure.pk, name="dixa", work=lambda *_: "anonymized", at=NOW)
    shown = page(erasure).content.decode()
    assert 'data-state="done"' in shown and "the customer with name and address" in shown
    assert f"({NOW:%Y-%m-%d})" in shown and "Until: 20" in shown
    assert "Ann" not in shown and "example.com" not in shown


def test_it_speaks_the_readers_language() -> None:
    erasure = request_erasure(make_customer())
    assert "Ihre Daten werden gelöscht" in page(erasure, **{"Accept-Language": "de"}).content.decode()
    assert "Vos données" in page(erasure, **{"Accept-Language": "fr"}).content.decode()


def test_no_cache_and_no_other_site_gets_the_page() -> None:
    headers = page(request_erasure(make_customer())).headers
    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert "default-src 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize("token", ["x", "0199f3a0-0000-7000-8000-000000000000:bad"])
def test_a_wrong_link_is_a_404_that_says_what_to_do(token: str) -> None:
    response = Client().get(f"/erasure/{token}/")
    assert response.status_code == 404
    assert b"open the link of the e-mail again" in response.content


def test_the_page_only_shows() -> None:
    erasure = request_erasure(make_customer())
    assert Client().post(f"/erasure/{erasure_tokens.token_of(erasure_id=erasure.pk)}/").status_code == 405
