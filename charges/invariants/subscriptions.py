"""Subscriptions, their holds and their changes."""

from __future__ import annotations

from charges.invariants.invariant import Invariant

SUBSCRIPTIONS = (
    Invariant(
        name="paused_subscription_has_an_open_hold",
        sentence="A subscription is paused exactly while a hold is open.",
        query="""
            SELECT NULL AS order_number, NULL::uuid AS charge_id,
                   format('subscription %s is %s, open holds: %s', s.id, s.status, count(h.id)) AS details
            FROM subscriptions_subscription s
            LEFT JOIN subscriptions_hold h ON h.subscription_id = s.id AND h.lifted_at IS NULL
            WHERE s.status = 'paused' OR h.id IS NOT NULL
            GROUP BY s.id, s.status
            HAVING (s.status = 'paused') <> (count(h.id) > 0)
        """,
        next_step="Tell the developers which part of the shop changed the subscription last; its changes name it.",
    ),
    Invariant(
        name="last_change_names_the_status",
        sentence="The last change of a subscription led to the status that it has.",
        query="""
            SELECT NULL AS order_number, NULL::uuid AS charge_id,
                   format('subscription %s is %s, its last change led to %s', s.id, s.status, last.to_status) AS details
            FROM (
                SELECT DISTINCT ON (subscription_id) subscription_id, to_status
                FROM subscriptions_subscriptionchange
                ORDER BY subscription_id, id DESC
            ) AS last
            JOIN subscriptions_subscription s ON s.id = last.subscription_id
            WHERE s.status <> last.to_status
        """,
        next_step="Something changed the status without an operation. Tell the developers.",
    ),
    Invariant(
        name="held_subscription_is_not_billed",
        sentence="A period that begins while a hold is open has no order, apart from changes within a period.",
        query="""
            SELECT o.number AS order_number, NULL::uuid AS charge_id,
                   format('period from %s, hold %s from %s until %s', o.period_start, h.reason, h.placed_at,
                          coalesce(h.lifted_at::text, 'none')) AS details
            FROM subscriptions_hold h
            JOIN orders_order o ON o.subscription_id = h.subscription_id AND o.kind <> 'change'
            JOIN subscriptions_billingperiod p ON p.id = o.period_id
            WHERE p.start > h.placed_at AND p.at > h.placed_at AND (h.lifted_at IS NULL OR p.start < h.lifted_at)
        """,
        next_step="Cancel or refund the order, unless the customer wants it. Tell the developers.",
    ),
    Invariant(
        name="skipped_period_is_not_billed",
        sentence="A period that the customer skips is recorded as skipped when it has begun.",
        query="""
            SELECT NULL AS order_number, NULL::uuid AS charge_id,
                   format('subscription %s: period %s is %s', p.subscription_id, p.number, p.outcome) AS details
            FROM subscriptions_skip s
            JOIN subscriptions_billingperiod p
              ON p.subscription_id = s.subscription_id AND p.number = s.period_number
            WHERE p.outcome <> 'skipped'
        """,
        next_step="Cancel or refund the order of this period. Tell the developers.",
    ),
    Invariant(
        name="new_price_waits_for_its_notice",
        sentence="A change that was announced for a later day is not applied before it, nor to an earlier period.",
        query="""
            SELECT NULL AS order_number, NULL::uuid AS charge_id,
                   format('subscription %s: planned for %s, applied at %s', c.subscription_id, c.not_before,
                          c.closed_at) AS details
            FROM subscriptions_pendingchange c
            WHERE c.outcome = 'applied' AND (c.not_before > c.closed_at OR EXISTS (
                SELECT FROM subscriptions_billingperiod p
                WHERE p.subscription_id = c.subscription_id AND p.outcome IN ('due', 'billed')
                  AND p.start < c.not_before AND p.at >= c.closed_at AND p."end" > c.closed_at
            ))
        """,
        next_step="Refund the difference of the orders since then. Tell the developers.",
    ),
)
