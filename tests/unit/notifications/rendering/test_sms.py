from __future__ import annotations

import pytest

from integrations.brevo.facts import GSM_ALPHABET
from notifications.rendering import sms
from tests.support.languages import LANGUAGES
from tests.support.messages import SMS_KINDS, unsaved_order


@pytest.mark.parametrize("kind", SMS_KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("amount", "currency"), [(99_999_99, "EUR"), (1290, "JPY"), (12345, "KWD")])
def test_an_sms_fits_one_part_of_the_gsm_alphabet(kind, language, amount, currency):
    text = sms.render(kind=kind, order=unsaved_order(locale=language, amount=amount, currency=currency))
    assert GSM_ALPHABET.issuperset(text)
    assert len(text) <= 160
    assert "7K3M9-Q2XAB" in text
