"""Trials: nothing is charged, the card is saved, and the proof that the person had one is kept."""

from __future__ import annotations

from charges.invariants.invariant import Invariant

TRIALS = (
    Invariant(
        name="trial_costs_nothing",
        sentence="The order of a trial is a first order of 0, and only a trial has one.",
        query="""
            SELECT o.number AS order_number, NULL::uuid AS charge_id,
                   format('%s order of %s, period %s is %s', o.kind, o.amount, p.number, p.outcome) AS details
            FROM orders_order o JOIN subscriptions_billingperiod p ON p.id = o.period_id
            WHERE (p.outcome = 'trial') <> (o.kind = 'first' AND o.amount = 0)
        """,
        next_step="Find out whether the customer was promised a trial. If so, refund what was charged for it.",
    ),
    Invariant(
        name="trial_has_its_saved_card",
        sentence="A trial that began has a saved card: a succeeded charge of 0.",
        query="""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('order %s of a trial, charge %s', o.status, coalesce(c.status, 'missing')) AS details
            FROM orders_order o
            JOIN subscriptions_billingperiod p ON p.id = o.period_id LEFT JOIN charges_charge c ON c.order_id = o.id
            WHERE p.outcome = 'trial' AND o.paid_at IS NOT NULL AND o.amount = 0
              AND c.status IS DISTINCT FROM 'succeeded'
        """,
        next_step="Look up the order's setup intent at Stripe. If no card is saved, ask the customer for one.",
    ),
    Invariant(
        name="trial_has_its_proof",
        sentence="A trial that began is remembered by the address with which it was ordered.",
        query="""
            SELECT o.number AS order_number, NULL::uuid AS charge_id,
                   format('trial of subscription %s without a proof', o.subscription_id) AS details
            FROM orders_order o JOIN subscriptions_billingperiod p ON p.id = o.period_id
            WHERE p.outcome = 'trial' AND o.paid_at IS NOT NULL
              AND NOT EXISTS (
                  SELECT FROM subscriptions_trialuse u
                  WHERE u.subscription_id = o.subscription_id AND u.kind = 'address'
              )
        """,
        next_step="The person could have a second trial. Find out what deleted the row, and tell the developers.",
    ),
)
