from __future__ import annotations

import pytest

from integrations.errors import ProviderRejected, ProviderThrottled, ProviderUnclear
from notifications.models import ContactSync
from notifications.operations import contact_syncs, rate_limits
from subscriptions import queries as subscriptions
from subscriptions.models import Customer
from tests.support.concurrency import at_once
from tests.support.factories import make_customer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ann(db: None) -> Customer:
    return make_customer(marketing_consent=True)


def sync_contact(customer, now) -> None:
    contact_syncs.sync_contact(customer_id=customer.pk, at=now)


def sync_end_user(customer, now) -> None:
    contact_syncs.sync_end_user(customer_id=customer.pk, at=now)


class TestBrevo:
    def test_the_contact_is_a_copy_of_the_customer(self, brevo_sandbox, ann, now, settings):
        settings.BREVO_LIST_ID = 7

        sync_contact(ann, now)

        [contact] = brevo_sandbox.records("contacts")
        assert contact["ext_id"] == str(ann.pk)
        assert contact["email"] == "ann.lee@example.com"
        assert contact["attributes"] == {"FIRSTNAME": "Ann", "LASTNAME": "Lee", "SMS": "4915112345678"}
        assert (contact["emailBlacklisted"], contact["smsBlacklisted"]) == (False, False)
        assert contact["listIds"] == [7]
        row = ContactSync.objects.get()
        assert (row.provider, row.external_id, row.synced_at) == ("brevo", str(contact["id"]), now)

    def test_three_concurrent_deliveries_create_one_contact(self, brevo_sandbox, ann, now):
        assert at_once(lambda: sync_contact(ann, now), times=3) == [None] * 3
        assert len(brevo_sandbox.records("contacts")) == 1

    def test_the_last_sync_sends_the_latest_data(self, brevo_sandbox, ann, now, settings):
        settings.BREVO_LIST_ID = 7
        sync_contact(ann, now)
        Customer.objects.update(name="Ann Marie Smith", phone="", marketing_consent=False, sms_consent=False)

        sync_contact(ann, now)

        [contact] = brevo_sandbox.records("contacts")
        assert contact["attributes"] == {"FIRSTNAME": "Ann Marie", "LASTNAME": "Smith"}
        assert (contact["emailBlacklisted"], contact["smsBlacklisted"]) == (True, True)
        assert contact["listIds"] == []

    def test_a_new_address_stays_blocked_without_consent(self, brevo_sandbox, now):
        customer = make_customer(marketing_consent=False)
        sync_contact(customer, now)
        Customer.objects.update(email="new@example.com", email_key="new@example.com")

        sync_contact(customer, now)

        [contact] = brevo_sandbox.records("contacts")
        assert contact["email"] == "new@example.com"
        assert contact["emailBlacklisted"] is True

    def test_a_contact_that_was_deleted_at_brevo_is_created_again(self, brevo_sandbox, ann, now):
        sync_contact(ann, now)
        [contact] = brevo_sandbox.records("contacts")
        brevo_sandbox.http.delete(f"/brevo/v3/contacts/{contact['id']}", headers={"api-key": "k"}).raise_for_status()

        sync_contact(ann, now)

        assert len(brevo_sandbox.records("contacts")) == 1

    def test_a_contact_that_brevo_knows_already_is_updated(self, brevo_sandbox, ann, now):
        brevo_sandbox.http.post(
            "/brevo/v3/contacts", json={"email": "ann.lee@example.com"}, headers={"api-key": "k"}
        ).raise_for_status()

        sync_contact(ann, now)

        assert [one["ext_id"] for one in brevo_sandbox.records("contacts")] == [str(ann.pk)]

    def test_a_phone_of_another_contact_is_left_out_and_recorded(self, brevo_sandbox, ann, now):
        bob = make_customer(email="bob@example.com", name="Bob")
        sync_contact(ann, now)

        sync_contact(bob, now)
        sync_contact(bob, now)

        phones = {one["email"]: one["attributes"].get("SMS") for one in brevo_sandbox.records("contacts")}
        assert phones == {"ann.lee@example.com": "4915112345678", "bob@example.com": None}
        assert ContactSync.objects.get(customer=bob).last_error == "phone_taken"

    def test_another_conflict_is_an_error(self, brevo_sandbox, ann, now):
        other = make_customer(email="other@example.com", phone="")
        sync_contact(ann, now)
        sync_contact(other, now)
        Customer.objects.filter(pk=ann.pk).delete()
        Customer.objects.filter(pk=other.pk).update(email="ann.lee@example.com")

        with pytest.raises(ProviderRejected):
            sync_contact(other, now)

        assert ContactSync.objects.get(customer=other).last_error == "rejected:duplicate_parameter"

    @pytest.mark.parametrize("kind", ["drop", "drop_after_effect", "error_after_effect"])
    def test_an_unclear_outcome_is_repeated_safely(self, kind, brevo_sandbox, ann, now):
        brevo_sandbox.faults({"provider": "brevo", "kind": kind, "times": 1})

        with pytest.raises(ProviderUnclear):
            sync_contact(ann, now)
        row = ContactSync.objects.get()
        assert (row.synced_at, row.last_error) == (None, "outcome_unknown")
        sync_contact(ann, now)

        assert len(brevo_sandbox.records("contacts")) == 1
        assert ContactSync.objects.get().last_error == ""

    def test_brevos_own_limit_says_how_long_to_wait(self, brevo_sandbox, ann, now):
        bucket = brevo_sandbox.app.brevo_contacts
        bucket.configure(per_second=0.2, burst=0)
        try:
            with pytest.raises(ProviderThrottled) as caught:
                sync_contact(ann, now)
        finally:
            bucket.configure(per_second=None, burst=10)

        assert caught.value.retry_after == 5
        assert ContactSync.objects.get().last_error == "throttled"

    def test_an_unknown_customer_is_an_error(self, brevo_sandbox, now):
        with pytest.raises(subscriptions.CustomerNotFound):
            contact_syncs.sync_contact(customer_id="018f0000-0000-7000-8000-000000000000", at=now)


class TestDixa:
    def test_the_end_user_is_a_copy_of_the_customer(self, brevo_sandbox, ann, now):
        sync_end_user(ann, now)

        [user] = brevo_sandbox.records("endusers")
        assert user["externalId"] == str(ann.pk)
        assert (user["displayName"], user["firstName"], user["lastName"]) == ("Ann Lee", "Ann", "Lee")
        assert (user["email"], user["phoneNumber"]) == ("Ann.Lee@example.com", "+4915112345678")
        row = ContactSync.objects.get()
        assert (row.provider, row.external_id, row.synced_at) == ("dixa", user["id"], now)

    def test_three_concurrent_deliveries_create_one_end_user(self, brevo_sandbox, ann, now):
        assert at_once(lambda: sync_end_user(ann, now), times=3) == [None] * 3

        assert len(brevo_sandbox.records("endusers")) == 1
        posts = [call for call in brevo_sandbox.calls("dixa") if call[0] == "POST"]
        assert len(posts) == 1

    def test_a_known_end_user_needs_one_call(self, brevo_sandbox, ann, now):
        sync_end_user(ann, now)
        before = len(brevo_sandbox.calls("dixa"))
        Customer.objects.update(name="Ann Smith", email="ann.smith@example.com")

        sync_end_user(ann, now)

        assert len(brevo_sandbox.calls("dixa")) == before + 1
        [user] = brevo_sandbox.records("endusers")
        assert (user["displayName"], user["email"]) == ("Ann Smith", "ann.smith@example.com")

    @pytest.mark.parametrize("kind", ["drop_after_effect", "error_after_effect", "non_json"])
    def test_an_unclear_creation_is_not_repeated(self, kind, brevo_sandbox, ann, now):
        brevo_sandbox.faults({"provider": "dixa", "method": "POST", "kind": kind, "times": 1})

        with pytest.raises(ProviderUnclear):
            sync_end_user(ann, now)
        sync_end_user(ann, now)

        assert len(brevo_sandbox.records("endusers")) == 1
        assert len([call for call in brevo_sandbox.calls("dixa") if call[0] == "POST"]) == 1

    def test_an_end_user_that_dixa_knows_already_is_updated(self, brevo_sandbox, ann, now):
        brevo_sandbox.http.post(
            "/dixa/v1/endusers",
            json={"displayName": "ann", "email": "ann.lee@example.com"},
            headers={"Authorization": "t"},
        ).raise_for_status()

        sync_end_user(ann, now)

        [user] = brevo_sandbox.records("endusers")
        assert (user["externalId"], user["displayName"]) == (str(ann.pk), "Ann Lee")

    def test_an_end_user_that_was_deleted_at_dixa_is_created_again(self, brevo_sandbox, ann, now):
        ContactSync.objects.create(customer=ann, provider="dixa", external_id="018f0000-0000", synced_at=now)

        sync_end_user(ann, now)

        [user] = brevo_sandbox.records("endusers")
        assert ContactSync.objects.get().external_id == user["id"]

    def test_a_phone_of_another_contact_is_left_out_and_recorded(self, brevo_sandbox, ann, now):
        bob = make_customer(email="bob@example.com", name="Bob")
        sync_end_user(ann, now)

        sync_end_user(bob, now)

        phones = {one["email"]: one["phoneNumber"] for one in brevo_sandbox.records("endusers")}
        assert phones == {"Ann.Lee@example.com": "+4915112345678", "bob@example.com": None}
        assert ContactSync.objects.get(customer=bob).last_error == "phone_taken"

    def test_a_throttled_call_is_retried_later(self, brevo_sandbox, ann, now):
        brevo_sandbox.faults({"provider": "dixa", "kind": "error", "status": 429, "times": 1})

        with pytest.raises(ProviderThrottled):
            sync_end_user(ann, now)


def test_the_longest_sync_ends_before_its_time_limit():
    from integrations import http
    from integrations.brevo import contacts
    from integrations.dixa import end_users
    from integrations.sqs.topology import BREVO, DIXA, PROVIDER_TIMEOUTS

    for queue, seconds in ((BREVO, contacts.UPSERT_SECONDS), (DIXA, end_users.UPSERT_SECONDS)):
        calls = seconds + http.READ_SECONDS  # a read may begin just before the deadline
        assert calls < PROVIDER_TIMEOUTS
        assert calls + contact_syncs.WAIT_SECONDS + rate_limits.MAX_WAIT_SECONDS + 1 < queue.soft_time_limit
