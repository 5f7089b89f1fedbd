"""Disputed payments and their subscriptions."""

from __future__ import annotations

from charges.invariants.invariant import Invariant

DISPUTES = (
    Invariant(
        name="disputed_payment_was_made",
        sentence="Only a succeeded payment is disputed.",
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
        sentence="The amount of a dispute is at most the paid amount.",
        # Amounts in two currencies cannot be compared.
        query="""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('dispute %s of %s, charge %s %s', d.stripe_id, d.amount, c.amount, c.currency) AS details
            FROM charges_dispute d JOIN charges_charge c ON c.id = d.charge_id JOIN orders_order o ON o.id = c.order_id
            WHERE d.currency = c.currency AND d.amount > c.amount
        """,
        next_step="Compare with the dispute at Stripe: banks round up converted amounts. If it is more, contest it.",
    ),
    Invariant(
        name="order_knows_what_was_disputed",
        sentence="An order knows the amount that the bank has taken back of its payment.",
        query="""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('%s charged back by the order, %s by the disputes', o.amount_charged_back, taken.amount)
                   AS details
            FROM orders_order o JOIN charges_charge c ON c.order_id = o.id
            JOIN (
                SELECT d.charge_id,
                       sum(CASE WHEN d.funds <> 'withdrawn' THEN 0 WHEN d.currency = c.currency THEN d.amount
                                ELSE c.amount END) AS amount
                FROM charges_dispute d JOIN charges_charge c ON c.id = d.charge_id GROUP BY d.charge_id
            ) taken ON taken.charge_id = c.id
            WHERE o.amount_charged_back <> least(o.amount, taken.amount)
        """,
        next_step="Resend the latest event of the dispute from Stripe. Tell the developers.",
    ),
    Invariant(
        name="disputed_subscription_is_paused",
        sentence="A subscription that a dispute paused or canceled stays so while the dispute is open.",
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
        next_step="Find out who resumed it. Pause it until the dispute is decided.",
    ),
)
