"""Refunds and their orders."""

from __future__ import annotations

from charges.invariants.invariant import Invariant

COUNTED = "('pending', 'succeeded')"

REFUNDS = (
    Invariant(
        name="refunds_add_up",
        sentence="The refunded amount of a charge is the sum of its refunds, and at most the paid amount.",
        query=f"""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('%s refunded of %s %s by the charge, %s by its refunds',
                          c.amount_refunded, c.amount, c.currency, coalesce(r.amount, 0)) AS details
            FROM charges_charge c
            JOIN orders_order o ON o.id = c.order_id
            LEFT JOIN (
                SELECT charge_id, sum(amount) AS amount FROM charges_refund WHERE status IN {COUNTED} GROUP BY charge_id
            ) r ON r.charge_id = c.id
            WHERE c.amount_refunded <> coalesce(r.amount, 0) OR r.amount > c.amount
        """,
        next_step="Compare with the refunds of the payment at Stripe. Resend the event of the missing one.",
    ),
    Invariant(
        name="order_knows_its_refunds",
        sentence="The refunded amount of an order is the one of its charge.",
        query="""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('%s refunded by the order, %s by the charge', o.amount_refunded, c.amount_refunded) AS details
            FROM charges_charge c JOIN orders_order o ON o.id = c.order_id
            WHERE o.amount_refunded <> c.amount_refunded
        """,
        next_step="Credits of later changes depend on it. Correct the order by its charge.",
    ),
    Invariant(
        name="refund_of_a_payment",
        sentence="Only a succeeded payment is refunded.",
        query="""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('charge %s, refund %s %s', c.status, r.id, r.status) AS details
            FROM charges_refund r
            JOIN charges_charge c ON c.id = r.charge_id JOIN orders_order o ON o.id = c.order_id
            WHERE c.status <> 'succeeded'
        """,
        next_step="Look up the payment at Stripe. If it exists, resend its event; otherwise the refund had no payment.",
    ),
    Invariant(
        name="refunded_order_has_its_refunds",
        sentence="The status of a refunded order fits the sum of its succeeded refunds.",
        query="""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('order %s, %s of %s %s refunded',
                          o.status, coalesce(r.amount, 0), c.amount, c.currency) AS details
            FROM orders_order o
            JOIN charges_charge c ON c.order_id = o.id AND c.status = 'succeeded'
            LEFT JOIN (
                SELECT charge_id, sum(amount) AS amount FROM charges_refund WHERE status = 'succeeded'
                GROUP BY charge_id
            ) r ON r.charge_id = c.id
            WHERE o.status = 'refunded' AND coalesce(r.amount, 0) < c.amount
               OR o.status = 'partially_refunded' AND (coalesce(r.amount, 0) = 0 OR r.amount >= c.amount)
        """,
        next_step="Compare with the refunds of the payment at Stripe, and correct the status of the order.",
    ),
    Invariant(
        name="refund_reaches_its_order",
        sentence="An order that is paid or fulfilled has no succeeded refund.",
        query="""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('order %s, refund %s of %s %s succeeded', o.status, r.id, r.amount, c.currency) AS details
            FROM charges_refund r
            JOIN charges_charge c ON c.id = r.charge_id JOIN orders_order o ON o.id = c.order_id
            WHERE r.status = 'succeeded' AND o.status IN ('paid', 'fulfilled')
        """,
        next_step="Check that Stripe made the refund, then set the order to refunded or partially refunded.",
    ),
    Invariant(
        name="withdrawal_refunds_its_payments",
        sentence="After a withdrawal, each payment is refunded in full, unless it was shipped or disputed.",
        query="""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('%s of %s %s refunded after a withdrawal', c.amount_refunded, c.amount, c.currency) AS details
            FROM subscriptions_subscription s
            JOIN subscriptions_plan p ON p.id = s.plan_id
            JOIN orders_order o ON o.subscription_id = s.id JOIN charges_charge c ON c.order_id = o.id
            WHERE s.status = 'canceled' AND s.cancel_reason = 'withdrawal' AND c.status = 'succeeded'
              AND c.amount_refunded < c.amount AND (p.is_digital OR o.fulfilled_at IS NULL)
              AND o.period_start >= coalesce(
                  (SELECT max(h.at) FROM subscriptions_subscriptionchange h
                   WHERE h.subscription_id = s.id AND h.kind = 'reinstated'),
                  o.period_start
              )
              AND NOT EXISTS (SELECT FROM charges_dispute d WHERE d.charge_id = c.id AND NOT d.is_inquiry)
        """,
        next_step="Refund the rest within 14 days. If the bank returned a refund, find another way.",
    ),
)
