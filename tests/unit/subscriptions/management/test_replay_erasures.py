from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from subscriptions.models import Erasure
from tests.support.factories import make_customer

pytestmark = pytest.mark.django_db(transaction=True)


def replay(file: Path) -> str:
    out = StringIO()
    call_command("replay_erasures", "--file", str(file), stdout=out)
    return out.getvalue()


def test_a_list_of_ids_is_erased_again(tmp_path: Path) -> None:
    ann = make_customer()
    file = tmp_path / "erased.txt"
    file.write_text(f"{ann.pk}\n")
    assert replay(file) == "1 are being erased again, 0 were erased before, 0 are not in this database.\n"
    assert replay(file).startswith("0 are being erased again, 1 were")
    assert Erasure.objects.get().customer_id == ann.pk


def test_a_list_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        replay(tmp_path / "missing.txt")
    (tmp_path / "mail.txt").write_text("ann@example.com")
    with pytest.raises(CommandError, match="Line 1"):
        replay(tmp_path / "mail.txt")
