"""Classifying declines: the order of precedence, unknown values, and confidential reasons."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charges.declines import classification
from charges.declines.classification import ADVICE, NETWORK_ADVICE, classify
from charges.declines.codes import DECLINE_CODES, ERROR_CODES, NOT_APPROVED
from integrations.stripe.results import Decline
from tests.support.languages import LANGUAGES, in_language

# Stripe asks not to tell customers these reasons. Written by hand, so that an error in the table is found.
CONFIDENTIAL = (
    *("fraudulent", "lost_card", "merchant_blacklist", "pickup_card"),
    *("restricted_card", "security_violation", "stolen_card"),
)
TELLTALE = (
    *("fraud", "lost", "stolen", "suspect", "block"),
    *("betrug", "verloren", "gestohlen", "verdacht", "gesperrt"),
    *("perdu", "volé", "soupçon", "bloqu"),
)

ALL = {**DECLINE_CODES, **ERROR_CODES}
AUTHENTICATION = ("authentication_required", "authentication_not_handled")
ANY_CODE = st.sampled_from(["", "card_declined", "no_such_code", *ALL])
ANY_ADVICE = st.sampled_from(["", "no_such_advice", *ADVICE])
ANY_NETWORK_ADVICE = st.sampled_from(["", "77", *NETWORK_ADVICE])
DECLINES = st.builds(
    Decline, code=ANY_CODE, decline_code=ANY_CODE, advice_code=ANY_ADVICE, network_advice_code=ANY_NETWORK_ADVICE
)


def category(**fields: str) -> str:
    return classify(Decline(**fields)).category


@pytest.mark.parametrize("table", [ADVICE, NETWORK_ADVICE])
def test_the_tables_are_sorted(table: dict[str, object]) -> None:
    assert list(table) == sorted(table)


@given(decline=DECLINES, invalid_request=st.booleans())
def test_only_soft_declines_are_attempted_again_automatically(decline: Decline, invalid_request: bool) -> None:
    reading = classify(decline, invalid_request=invalid_request)
    assert reading.automatic_retry == (reading.category == "soft")
    assert not (reading.automatic_retry and reading.needs_new_payment_method)


@pytest.mark.parametrize("code", ["no_such_code", "", "card_declined"])
@pytest.mark.parametrize("field", ["decline_code", "code"])
def test_an_unknown_code_is_hard_and_staff_read_that_it_is_unknown(field: str, code: str) -> None:
    reading = classify(Decline(**{field: code}))

    assert (reading.category, reading.automatic_retry, reading.decided_by) == ("hard", False, "unknown")
    assert (reading.code, reading.customer, reading.needs_new_payment_method) == (code, NOT_APPROVED, True)
    assert "Look up the code" in reading.next_step


def test_with_an_unknown_decline_code_the_error_code_is_ignored() -> None:
    assert category(code="processing_error", decline_code="no_such_code") == "hard"


def test_unknown_advice_prevents_an_automatic_attempt() -> None:
    soft = {"decline_code": "insufficient_funds"}
    assert category(**soft) == "soft"
    assert category(**soft, advice_code="try_again_in_a_year") == "hard"
    assert category(**soft, network_advice_code="77") == "hard"
    assert category(**soft, advice_code="try_again_in_a_year", network_advice_code="02") == "hard"
    assert category(decline_code="expired_card", advice_code="try_again_in_a_year") == "customer_action"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"advice_code": "do_not_try_again", "network_advice_code": "02", "decline_code": "do_not_honor"}, "hard"),
        ({"advice_code": "try_again_later", "network_advice_code": "03", "decline_code": "do_not_honor"}, "soft"),
        ({"advice_code": "confirm_card_data", "decline_code": "generic_decline"}, "customer_action"),
        ({"network_advice_code": "01", "decline_code": "do_not_honor"}, "customer_action"),
        ({"network_advice_code": "02", "decline_code": "transaction_not_allowed"}, "soft"),
        ({"network_advice_code": "03", "decline_code": "insufficient_funds"}, "hard"),
        ({"network_advice_code": "21", "decline_code": "insufficient_funds"}, "hard"),
        ({"decline_code": "insufficient_funds", "code": "expired_card"}, "soft"),
        ({"code": "expired_card"}, "customer_action"),
        ({"code": "payment_intent_authentication_failure"}, "customer_action"),
        ({"code": "authentication_required", "advice_code": "try_again_later"}, "customer_action"),
    ],
)
def test_the_first_field_with_an_answer_decides(fields: dict[str, str], expected: str) -> None:
    assert category(**fields) == expected


@given(decline=DECLINES)
def test_the_order_of_precedence_holds_for_all_declines(decline: Decline) -> None:
    reading = classify(decline)

    if decline.needs_authentication:
        assert reading.category == "customer_action"
    elif decline.advice_code:
        _assert_advised(reading, ADVICE.get(decline.advice_code), "advice_code")
    elif decline.network_advice_code:
        _assert_advised(reading, NETWORK_ADVICE.get(decline.network_advice_code), "network_advice_code")
    elif decline.decline_code:
        _assert_in_table(reading, DECLINE_CODES, decline.decline_code)
    else:
        _assert_in_table(reading, ALL, decline.code)


def _assert_advised(reading: classification.DeclineReading, advice: classification.Advice | None, field: str) -> None:
    if advice is None:
        assert not reading.automatic_retry
    else:
        assert (reading.category, reading.decided_by) == (advice.category, field)


def _assert_in_table(reading: classification.DeclineReading, table: dict[str, object], code: str) -> None:
    row = ALL[code] if code in table and ALL[code].category != "our_fault" else None
    assert reading.category == (row.category if row else "hard")
    assert (reading.decided_by == "unknown") == (row is None)


@given(decline=DECLINES)
def test_a_decline_by_a_bank_is_never_our_fault(decline: Decline) -> None:
    assert classify(decline).category != "our_fault"


@given(decline=DECLINES)
def test_an_invalid_request_for_an_unknown_reason_is_our_fault(decline: Decline) -> None:
    reading = classify(decline, invalid_request=True)
    assert (reading.category == "our_fault") == (
        reading.code not in ALL or ALL[reading.code].category == "our_fault" or reading.decided_by == "unknown"
    )


def test_an_invalid_request_is_our_fault_unless_the_card_causes_it() -> None:
    assert classify(Decline(), invalid_request=True).category == "our_fault"
    assert classify(Decline(code="resource_missing"), invalid_request=True).category == "our_fault"
    assert classify(Decline(code="something_new"), invalid_request=True).category == "our_fault"
    assert classify(Decline(code="expired_card"), invalid_request=True).category == "customer_action"


@pytest.mark.parametrize("code", CONFIDENTIAL)
def test_a_confidential_reason_reads_like_a_decline_without_a_reason(code: str) -> None:
    advice = itertools.product(["", *ADVICE], ["", *NETWORK_ADVICE])
    for advice_code, network_advice_code in advice:
        reading = classify(Decline(decline_code=code, advice_code=advice_code, network_advice_code=network_advice_code))
        assert reading.customer == DECLINE_CODES["generic_decline"].customer
        assert "Do not tell the customer" in reading.next_step


@given(decline=DECLINES, invalid_request=st.booleans())
def test_no_customer_reads_about_fraud(decline: Decline, invalid_request: bool) -> None:
    customer = classify(decline, invalid_request=invalid_request).customer
    texts = " ".join(in_language(customer, language) for language in LANGUAGES)
    assert not [word for word in TELLTALE if word in texts.lower()]


@pytest.mark.parametrize(("code", "wait"), [("24", dt.timedelta(hours=1)), ("30", dt.timedelta(days=10))])
def test_mastercards_advice_sets_the_minimum_wait(code: str, wait: dt.timedelta) -> None:
    for advice_code in ("", "try_again_later"):
        reading = classify(
            Decline(decline_code="insufficient_funds", advice_code=advice_code, network_advice_code=code)
        )
        assert (reading.category, reading.wait) == ("soft", wait)
