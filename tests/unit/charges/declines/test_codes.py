"""The tables of codes: complete, sorted, and with a text for staff and for customers in each language."""

from __future__ import annotations

import pytest

from charges.declines.codes import DECLINE_CODES, ERROR_CODES
from integrations.sandbox.stripe_api import cards
from tests.support.languages import LANGUAGES, in_language

ALL = {**DECLINE_CODES, **ERROR_CODES}


def test_every_code_of_the_sandbox_is_in_the_table() -> None:
    assert set(cards.DECLINES) <= set(DECLINE_CODES)


@pytest.mark.parametrize("table", [DECLINE_CODES, ERROR_CODES])
def test_the_tables_are_sorted(table: dict[str, object]) -> None:
    assert list(table) == sorted(table)


def test_a_code_is_in_one_table_only() -> None:
    assert not set(DECLINE_CODES) & set(ERROR_CODES)


@pytest.mark.parametrize("code", ALL)
def test_every_text_is_a_sentence(code: str) -> None:
    row = ALL[code]
    sentences = [in_language(row.customer, language) for language in LANGUAGES]
    assert all(text.endswith(".") for text in (row.meaning, row.next_step, *sentences))


def test_every_language_has_its_own_sentence() -> None:
    for row in ALL.values():
        assert len({in_language(row.customer, language) for language in LANGUAGES}) == len(LANGUAGES)
