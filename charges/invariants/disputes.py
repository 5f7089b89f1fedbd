"""Disputed payments, and the subscriptions that rest meanwhile."""

from __future__ import annotations

from charges.invariants.invariant import Invariant

DISPUTES = (
    Invariant(
        name="disputed_payment_was_made",
        sentence="Only a payment that was made is disputed.",
        query="""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('dispute %s, charge %s', d.stripe_id, c.status) AS details
            FROM charges_dispute d JOIN charges_charge c ON c.id = d.charge_id JOIN orders_order o ON o.id = c.order_id
            WHERE c.status <> 'succeeded'
        """,
        next_step="Look the payment up at Stripe. If it is there, resend its latest event from there.",
    ),
    Invariant(
        name="disputed_at_most_what_was_paid",
        sentence="A dispute is over no more than was paid.",
        # In another currency it is not comparable.
        query="""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('dispute %s over %s, charge %s %s', d.stripe_id, d.amount, c.amount, c.currency) AS details
            FROM charges_dispute d JOIN charges_charge c ON c.id = d.charge_id JOIN orders_order o ON o.id = c.order_id
            WHERE d.currency = c.currency AND d.amount > c.amount
        """,
        next_step="Compare with the dispute at Stripe: banks do round exchanged money up. If it is more, object to it.",
    ),
    Invariant(
        name="disputed_subscription_rests",
        sentence="A subscription that a dispute paused or canceled does not go on while the dispute is open.",
        query="""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('dispute %s is open, subscription %s is %s', d.stripe_id, s.id, s.status) AS details
            FROM charges_dispute d
            JOIN charges_charge c ON c.id = d.charge_id
            JOIN orders_order o ON o.id = c.order_id
            JOIN subscriptions_subscription s ON s.id = o.subscription_id
            WHERE d.closed_at IS NULL AND d.policy_applied IN ('pause', 'cancel')
              AND s.status IN ('active', 'past_due', 'trialing')
        """,
        next_step="Find out who took it up again; pause it until the dispute is decided.",
    ),
)
