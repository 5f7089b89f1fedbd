"""A customer downloads all data and has it erased: here, at Stripe, at Brevo and at Dixa."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from celery import current_app
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_celery_results.models import TaskResult

from charges.models import ChargeAttempt, DunningRun, Refund
from charges.operations import ledger
from charges.operations.stripe_events import recording
from integrations.errors import PermanentError, TransientError
from integrations.inbox.models import WebhookEvent
from integrations.outbox import recovery
from integrations.outbox.models import OutboxMessage
from integrations.sqs.topology import QUEUES
from integrations.stripe.webhooks import StripeEvent
from notifications.models import Channel, Suppression
from notifications.operations import suppressions
from orders.models import Order
from subscriptions.models import CommandKey, Customer, EmailChange, Erasure, ErasureStep, Subscription, TrialUse, User
from subscriptions.operations import login_requests, renewals
from subscriptions.operations.erasures import replays, requests
from tests.support.accounts import BackEnd, Browser
from tests.support.days import Days
from tests.support.factories import HARD, SOFT, charge_of, request_refund, staff_user
from tests.support.sandboxes import BrevoSandbox, StripeSandbox
from tests.support.stripe_events import stripe_events

pytestmark = pytest.mark.django_db(transaction=True)

ADA = {"email": "Ada.Lovelace@example.com", "name": "Ada Lovelace", "phone": "+4915112345678", "sms_consent": True,
       "marketing_consent": True}  # fmt: skip
ADDRESS = {"line1": "Analytical Street 12", "postal_code": "10827", "city": "Berlin", "country": "DE"}
# What must not be found anywhere afterwards.
PERSONAL = ("lovelace", "15112345678", "analytical", '"10827"', '"4242"')


@pytest.fixture
def shop(days: Days, brevo_sandbox: BrevoSandbox, coffee: Any) -> Days:
    """A shop in which the workers of all queues run."""
    days.QUEUES = tuple(queue.name for queue in QUEUES)  # type: ignore[misc]
    return days


@pytest.fixture
def quiet_shop(days: Days, coffee: Any) -> Days:
    """A shop in which only the workers run that concern money."""
    days.QUEUES = ("AccountQueue", "OrdersQueue", "ChargesQueue")  # type: ignore[misc]
    return days


def buy(*, key: str = "", **fields: Any) -> Any:
    body = {"plan": "coffee-monthly", "payment_method": "pm_card_visa", "customer": ADA, "shipping_address": ADDRESS}
    return Client().post(
        "/api/v1/checkout/",
        {**body, **fields},
        content_type="application/json",
        headers={"Idempotency-Key": key or str(uuid4())},
    )


@pytest.fixture
def ada(shop: Days) -> Customer:
    """Ada bought coffee, which is paid and on its way."""
    assert buy().status_code == 201
    shop.settle()
    return Customer.objects.get()


@pytest.fixture
def browser(ada: Customer) -> Browser:
    return Browser().log_in(ada)


def everything_stored() -> str:
    """Every row of every table, as text."""
    with connection.cursor() as cursor:
        rows = []
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT to_jsonb(row)::text FROM "{table}" AS row')
            rows += [f"{table}: {text}" for (text,) in cursor.fetchall()]
    return "\n".join(rows).lower()


def found_in(text: str) -> set[str]:
    return {f"{word}: {line[:200]}" for line in text.splitlines() for word in PERSONAL if word in line}


def download(browser: Browser) -> Any:
    response = browser.get("me/export/")
    assert response.status_code == 200, response.content
    return json.loads(response.getvalue())


def erase(browser: Browser, **body: Any) -> str:
    """Request the erasure, and return the path of its status."""
    response = browser.post("me/erasure/", {"export_declined": True, **body})
    assert response.status_code == 202, response.content
    return str(response.json()["status_url"])


def reasons(browser: Browser) -> str:
    response = browser.post("me/erasure/", {"export_declined": True})
    assert response.status_code == 409, response.content
    return " ".join(response.json()["reasons"])


def leave_traces(ada: Customer, stripe: StripeSandbox) -> None:
    """Everything else that the shop may have stored about Ada, as the code stores it."""
    assert ada.user is not None
    content_type = ContentType.objects.get_for_model(User)
    LogEntry.objects.create(
        user=staff_user(), action_flag=2, object_id=str(ada.user_id), object_repr=ada.email, content_type=content_type
    )
    login_requests.request_login(email=ada.email, network="192.0.2.1", browser="b", at=timezone.now())
    EmailChange.objects.create(
        customer=ada, email="ada@lovelace.example", email_key="ada@lovelace.example", old_email="lovelace@old.example",
        requested_at=timezone.now(), expires_at=timezone.now(), confirmed_at=timezone.now(),
    )  # fmt: skip
    suppressions.suppress(channel=Channel.EMAIL, address=ada.email, reason=Suppression.Reason.BLOCKED)
    suppressions.suppress(channel=Channel.SMS, address=ada.phone, reason=Suppression.Reason.BLOCKED)
    TaskResult.objects.create(task_id="1", task_kwargs=f"{{'customer_id': '{ada.pk}'}}", traceback="Ada Lovelace")
    CommandKey.objects.create(subscription=Subscription.objects.get(), key="lovelace-1", request_hash="h")
    Refund.objects.update(note="Mrs Lovelace called")
    recording.record(
        events=[StripeEvent(id=row["id"], type=row["type"], payload=row) for row in stripe_events(stripe)]
    )
    WebhookEvent.objects.create(
        provider="brevo", event_id="1", type="opened", payload={"event": "opened", "email": ada.email}
    )


def test_everything_personal_is_erased_everywhere(
    shop: Days, ada: Customer, browser: Browser, brevo_sandbox: BrevoSandbox, stripe_sandbox: StripeSandbox
) -> None:
    request_refund(charge_of(Order.objects.get()), 100)
    shop.settle()
    leave_traces(ada, stripe_sandbox)
    before = everything_stored()
    assert all(word in before for word in PERSONAL)
    download(browser)

    status_url = erase(browser, export_declined=False)
    shop.pass_(days=2)

    state = Client().get(status_url).json()
    assert (state["status"], shop.dead) == ("done", [])
    assert found_in(everything_stored()) == set()
    [intent] = stripe_sandbox.records("stripe/payment_intents")
    assert stripe_sandbox.api("GET", f"/v1/customers/{intent['customer']}")["deleted"] is True
    assert brevo_sandbox.records("contacts") == []
    assert brevo_sandbox.records("mails") == []
    assert [user["displayName"] for user in brevo_sandbox.records("endusers")] == ["Anonymized"]
    assert User.objects.filter(is_staff=False).count() == 0
    assert Subscription.objects.get().status == Subscription.Status.CANCELED
    order = Order.objects.get()
    assert (order.amount, order.shipping_address) == (1290, {"country": "DE", "postal_code": "10"})
    assert [verdict.invariant.name for verdict in ledger.check_ledger() if not verdict.holds] == []


def test_the_copy_shows_everything_and_no_secret(shop: Days, ada: Customer, browser: Browser) -> None:
    copy = download(browser)
    assert (copy["account"]["email"], copy["account"]["phone"]) == (ADA["email"], ADA["phone"])
    [order], [payment], [card] = copy["orders"], copy["payments"], copy["cards"]
    assert order["shipping_address"]["line1"] == ADDRESS["line1"]
    assert (payment["status"], card["last4"]) == ("succeeded", "4242")
    assert {row["kind"] for row in copy["subscription_changes"]} == {"started", "activated"}
    assert {row["kind"] for row in copy["messages"]} >= {"order_confirmation", "account_created"}
    assert {row["provider"] for row in copy["copies_at_providers"]} == {"brevo", "dixa"}
    text = json.dumps(copy)
    for secret in ("pi_", "cus_", "_secret", "token", "md5$", "idempotency"):
        assert secret not in text


def test_the_last_mail_has_the_link_to_the_certificate(
    shop: Days, ada: Customer, browser: Browser, brevo_sandbox: BrevoSandbox
) -> None:
    status_url = erase(browser)
    shop.settle()
    [mail] = [mail for mail in brevo_sandbox.records("mails") if "account_erased" in mail["tags"]]
    assert mail["to"] == [{"email": ADA["email"]}]
    token = status_url.rstrip("/").rpartition("/")[2]
    assert f"/erasure/{token}/" in mail["textContent"]

    shop.pass_(days=2)
    certificate = Client().get(status_url).json()["certificate"]
    assert {entry["system"] for entry in certificate["erased"]} == {"Shop", "Stripe", "Brevo", "Dixa"}
    invoices = next(entry for entry in certificate["kept"] if "orders with" in entry["what"])
    assert (invoices["until"], "17(3)(b)" in invoices["why"]) == ("2034-12-31", True)
    assert not any(word in json.dumps(certificate).lower() for word in PERSONAL)


# Money


@pytest.mark.parametrize("card", [SOFT, HARD])
def test_in_every_state_of_dunning_the_card_is_never_charged_after_the_cancellation_and_the_erasure(
    quiet_shop: Days, stripe_sandbox: StripeSandbox, card: str
) -> None:
    assert buy(payment_method=card).status_code == 201
    quiet_shop.settle()
    browser = Browser().log_in(Customer.objects.get())
    order = Order.objects.get()
    assert DunningRun.objects.get().status == DunningRun.Status.ACTIVE
    assert f"Order {order.number} is not paid" in reasons(browser)

    canceled = BackEnd(customer=order.customer).act(order.subscription, "cancel", {"when": "now"})
    assert canceled.status_code == 200, canceled.content
    quiet_shop.settle()
    attempts = ChargeAttempt.objects.count()
    status_url = erase(browser)
    quiet_shop.pass_(days=60)

    assert Client().get(status_url).json()["status"] == "erasing"
    assert ChargeAttempt.objects.count() == attempts
    assert stripe_sandbox.statuses() == ["canceled"]
    assert not ErasureStep.objects.filter(name__in=("account", "orders", "cards", "stripe"), done_at=None).exists()


@pytest.mark.parametrize("policy", ["pause", "past_due"])
def test_after_dunning_is_exhausted_only_an_order_that_is_still_owed_refuses(
    quiet_shop: Days, coffee: Any, policy: str
) -> None:
    coffee.unpaid_policy = policy
    coffee.save()
    buy(payment_method=HARD)
    quiet_shop.pass_(days=40)
    assert DunningRun.objects.get().status == DunningRun.Status.EXHAUSTED
    browser = Browser().log_in(Customer.objects.get())
    if policy == "past_due":
        assert "is not paid" in reasons(browser)
        return
    status_url = erase(browser)
    quiet_shop.settle()
    assert Client().get(status_url).json()["status"] == "erasing"


def test_a_refund_on_its_way_and_an_open_dispute_refuse(
    shop: Days, ada: Customer, browser: Browser, stripe_sandbox: StripeSandbox
) -> None:
    charge = charge_of(Order.objects.get())
    request_refund(charge, 100)
    assert "A refund for order" in reasons(browser)
    shop.settle()
    dispute = stripe_sandbox.dispute(str(charge.payment_intent_id))
    receive(stripe_sandbox, shop)
    assert "The dispute about order" in reasons(browser)
    stripe_sandbox.move_dispute(dispute, "closed", status="won")
    receive(stripe_sandbox, shop)
    erase(browser)


def receive(stripe: StripeSandbox, shop: Days) -> None:
    """The webhooks of all of Stripe's events, and their processing."""
    recording.record(
        events=[StripeEvent(id=row["id"], type=row["type"], payload=row) for row in stripe_events(stripe)]
    )
    shop.settle()


def test_a_renewal_that_is_paid_at_the_same_moment_is_waited_for(
    shop: Days, ada: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.sleep_until(Subscription.objects.get().current_period_end)
    browser = Browser().log_in(ada)
    cancel = requests.cancel_subscriptions

    def renew_and_cancel(**arguments: Any) -> int:
        renewals.begin_due_renewals(at=shop.now)
        for task in ("orders.place_renewal", "charges.capture_payment"):
            for row in OutboxMessage.objects.filter(task=task, sent_at=None):
                current_app.tasks[task](**row.kwargs)
        return cancel(**arguments)

    monkeypatch.setattr(requests, "cancel_subscriptions", renew_and_cancel)
    status_url = erase(browser)
    current_app.tasks["accounts.begin_erasure"](erasure_id=Erasure.objects.get().pk)

    [reason] = Client().get(status_url).json()["waits_for"]
    assert "its fulfillment has not started" in reason
    shop.pass_(days=3)
    assert Client().get(status_url).json()["status"] == "done"
    assert set(Order.objects.values_list("status", flat=True)) == {"paid"}
    assert found_in(everything_stored()) == set()


# Afterwards


def test_messages_that_come_late_write_nobody_back(
    shop: Days, ada: Customer, browser: Browser, brevo_sandbox: BrevoSandbox, stripe_sandbox: StripeSandbox
) -> None:
    erase(browser)
    shop.pass_(days=2)
    before = len(stripe_sandbox.objects("customers"))

    for row in OutboxMessage.objects.order_by("pk"):
        try:
            current_app.tasks[row.task](**row.kwargs)
        except (PermanentError, TransientError) as error:
            pytest.fail(f"{row.task}: {error!r}")
    shop.pass_(days=2)

    assert found_in(everything_stored()) == set()
    assert len(stripe_sandbox.objects("customers")) == before == 0
    assert brevo_sandbox.records("contacts") + brevo_sandbox.records("mails") == []
    assert [user["displayName"] for user in brevo_sandbox.records("endusers")] == ["Anonymized"]


def test_a_checkout_that_is_repeated_late_places_no_order(shop: Days) -> None:
    first = buy(key="k1")
    shop.settle()
    erase(Browser().log_in(Customer.objects.get()))
    shop.pass_(hours=23)
    again = buy(key="k1")
    assert (again.status_code, again.json()) == (201, first.json())
    assert Customer.objects.count() == Order.objects.count() == 1


def test_of_a_webhook_that_comes_late_only_type_and_ids_are_stored(
    shop: Days, ada: Customer, browser: Browser, stripe_sandbox: StripeSandbox
) -> None:
    erase(browser)
    shop.pass_(days=2)
    receive(stripe_sandbox, shop)
    assert WebhookEvent.objects.filter(type="payment_intent.succeeded").exists()
    assert found_in(everything_stored()) == set()


def test_the_same_address_starts_again_as_a_new_customer_without_a_second_trial(
    shop: Days, coffee: Any, brevo_sandbox: BrevoSandbox
) -> None:
    coffee.trial_days = 14
    coffee.save()
    assert buy().status_code == 201
    shop.pass_(days=1)
    old = Customer.objects.get()
    assert TrialUse.objects.count() > 0
    erase(Browser().log_in(old))
    shop.pass_(days=2)
    assert TrialUse.objects.count() > 0

    assert buy().status_code in (409, 422)
    other = {**ADA, "email": "countess@example.com"}
    assert buy(customer=other).status_code == 201
    shop.pass_(days=1)
    assert set(Subscription.objects.values_list("status", flat=True)) == {"canceled"}
    assert buy(trial=False).status_code == 201
    shop.settle()

    new = Customer.objects.get(email_key=ADA["email"].lower())
    assert (new.pk != old.pk, new.erased_at, new.user is not None) == (True, None, True)
    assert new.email.lower() in [contact["email"] for contact in brevo_sandbox.records("contacts")]


def test_the_back_end_finds_no_erased_customer(shop: Days, ada: Customer, browser: Browser) -> None:
    back_end = BackEnd(customer=ada)
    assert back_end.get("me/").status_code == 200
    erase(browser)
    assert back_end.get("me/").status_code == 404
    assert back_end.call("patch", "me/", {"name": "Ada Lovelace"}).status_code == 404


# Trouble


def test_while_the_providers_are_down_the_steps_wait_and_later_end(
    shop: Days, ada: Customer, browser: Browser, brevo_sandbox: BrevoSandbox, stripe_sandbox: StripeSandbox
) -> None:
    brevo_sandbox.faults({"provider": "brevo", "kind": "error", "status": 503}, {"provider": "dixa", "kind": "error"})
    stripe_sandbox.faults({"kind": "error", "status": 500})
    status_url = erase(browser)
    shop.pass_(days=2)
    open_steps = ErasureStep.objects.filter(done_at=None)
    assert set(open_steps.values_list("name", flat=True)) == {"stripe", "brevo_contact", "brevo_log", "dixa"}
    assert all(step.last_error and step.attempts for step in open_steps)
    assert Client().get(status_url).json()["status"] == "erasing"

    brevo_sandbox.faults()
    stripe_sandbox.faults()
    recovery.sweep(at=shop.now)
    shop.pass_(days=1)
    assert Client().get(status_url).json()["status"] == "done"
    assert brevo_sandbox.records("contacts") + stripe_sandbox.objects("customers") == []


def test_after_a_restore_the_list_erases_the_person_again(
    shop: Days, ada: Customer, browser: Browser, brevo_sandbox: BrevoSandbox
) -> None:
    erase(browser)
    shop.pass_(days=2)
    erased = [str(pk) for pk in replays.erased_customers(since=None)]
    # The restored backup knows nothing of the erasure.
    ErasureStep.objects.all().delete()
    Erasure.objects.all().delete()
    Customer.objects.update(
        email=ADA["email"], email_key=ADA["email"].lower(), name=ADA["name"], phone=ADA["phone"], erased_at=None
    )
    mails = len(brevo_sandbox.calls("brevo", "/smtp/email"))

    replays.replay(customer_ids=replays.read_list(erased), at=shop.now)
    shop.pass_(days=2)

    assert Erasure.objects.get().status == Erasure.Status.DONE
    assert found_in(everything_stored()) == set()
    assert len(brevo_sandbox.calls("brevo", "/smtp/email")) == mails
    assert shop.dead == []
