"""Customers whose data was erased."""

from __future__ import annotations

from charges.invariants.invariant import Invariant

ERASURES = (
    Invariant(
        name="erased_customer_is_not_billed",
        sentence="A customer whose erasure has begun has no running subscription and no unpaid order.",
        query="""
            SELECT o.number AS order_number, NULL::uuid AS charge_id,
                   format('customer %s, subscription %s is %s', e.customer_id, s.id, s.status) AS details
            FROM subscriptions_erasure e
            JOIN subscriptions_subscription s ON s.customer_id = e.customer_id
            LEFT JOIN orders_order o ON o.subscription_id = s.id
                 AND o.status IN ('pending_payment', 'requires_action', 'payment_failed')
            WHERE e.status IN ('erasing', 'done') AND (s.status <> 'canceled' OR o.id IS NOT NULL)
        """,
        next_step="Cancel the subscription. Then tell the developers which part of the shop started it again; its "
        "changes name it.",
    ),
    Invariant(
        name="erased_customer_stays_erased",
        sentence="After an erasure, no personal data is stored with the customer, subscriptions, orders or cards.",
        query="""
            SELECT NULL AS order_number, NULL::uuid AS charge_id,
                   format('customer %s: %s', e.customer_id, found.what) AS details
            FROM subscriptions_erasure e
            JOIN LATERAL (
                SELECT 'the account' AS what
                FROM subscriptions_customer c
                WHERE c.id = e.customer_id
                      AND (c.erased_at IS NULL OR c.user_id IS NOT NULL OR c.name <> '' OR c.phone <> ''
                           OR c.email <> c.email_key OR c.email_key <> 'erased-' || c.id || '@erased.invalid')
                UNION ALL
                SELECT 'order ' || o.number
                FROM orders_order o
                WHERE o.customer_id = e.customer_id
                      AND (o.contact_name <> '' OR o.contact_phone <> '' OR o.sms_consent OR o.marketing_consent
                           OR o.shipping_address - 'country' - 'postal_code' <> '{}'::jsonb
                           OR length(o.shipping_address ->> 'postal_code') > 2)
                UNION ALL
                SELECT 'subscription ' || s.id
                FROM subscriptions_subscription s
                WHERE s.customer_id = e.customer_id AND s.shipping_address IS NOT NULL
                UNION ALL
                SELECT 'card ' || m.id
                FROM charges_savedpaymentmethod m
                WHERE m.customer_id = e.customer_id AND (m.brand <> '' OR m.last4 <> '' OR m.fingerprint <> ''
                                                              OR m.exp_month IS NOT NULL OR m.exp_year IS NOT NULL)
            ) AS found ON TRUE
            WHERE e.status = 'done'
        """,
        next_step="Something wrote the person back. Tell the developers, and erase the columns again by hand.",
    ),
    # GDPR art. 12(3) gives a month. A week is left to find out what is wrong.
    Invariant(
        name="erasure_ends_in_time",
        sentence="An erasure ends within three weeks.",
        query="""
            SELECT NULL AS order_number, NULL::uuid AS charge_id,
                   format('customer %s: requested on %s, status %s, open steps: %s', e.customer_id,
                          e.requested_at::date, e.status, count(s.id)) AS details
            FROM subscriptions_erasure e
            LEFT JOIN subscriptions_erasurestep s ON s.erasure_id = e.id AND s.done_at IS NULL
            WHERE e.status <> 'done' AND e.requested_at < now() - interval '21 days'
            GROUP BY e.id
        """,
        next_step="Open it in the admin under Erasures. Settle the money for which it waits, or correct the cause of "
        "the last error of its step.",
    ),
)
