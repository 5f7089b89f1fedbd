from __future__ import annotations

import datetime as dt
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.support.days import NOW
from tests.support.erasures import request_erasure
from tests.support.factories import make_customer

pytestmark = pytest.mark.django_db(transaction=True)


def printed(*arguments: str) -> list[str]:
    out = StringIO()
    call_command("list_erasures", *arguments, stdout=out)
    return out.getvalue().split()


def test_it_prints_ids_and_nothing_else() -> None:
    ann, bob = make_customer(), make_customer(email="bob@example.com")
    request_erasure(ann, at=NOW - dt.timedelta(days=3))
    request_erasure(bob, at=NOW)
    assert printed() == [str(ann.pk), str(bob.pk)]
    assert printed("--since", f"{NOW:%Y-%m-%d}") == [str(bob.pk)]


@pytest.mark.parametrize("date", ["yesterday", "2026-13-01"])
def test_a_wrong_date_is_named(date: str) -> None:
    with pytest.raises(CommandError, match="--since"):
        printed("--since", date)
