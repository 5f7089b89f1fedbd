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
)
