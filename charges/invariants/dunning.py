"""Unpaid orders and their dunning."""

from __future__ import annotations

from charges.invariants.invariant import Invariant

UNPAID = "('pending_payment', 'requires_action', 'payment_failed')"

DUNNING = (
    Invariant(
        name="unpaid_order_is_dunned",
        sentence="An order whose payment failed or waits for the customer has a dunning run, except for a change.",
        query="""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('order %s, charge %s, no dunning', o.status, c.status) AS details
            FROM orders_order o JOIN charges_charge c ON c.order_id = o.id
            WHERE o.status IN ('payment_failed', 'requires_action') AND c.status <> 'succeeded' AND o.kind <> 'change'
              AND NOT EXISTS (SELECT FROM charges_dunningrun r WHERE r.order_id = o.id)
        """,
        next_step="Ask the customer for another payment method, and tell the developers.",
    ),
    Invariant(
        name="dunning_ends_with_its_order",
        sentence="Dunning is active only while its order awaits payment.",
        # A separate message stops the dunning of a canceled order, and may be a little late.
        query=f"""
            SELECT o.number AS order_number, NULL::uuid AS charge_id,
                   format('order %s, dunning %s', o.status, r.status) AS details
            FROM charges_dunningrun r JOIN orders_order o ON o.id = r.order_id
            WHERE r.status = 'active' AND o.status NOT IN {UNPAID}
              AND NOT (o.status = 'canceled' AND o.canceled_at > now() - interval '1 hour')
        """,
        next_step="Nothing will be charged, because each attempt checks the order first. Tell the developers.",
    ),
    Invariant(
        name="dunning_goes_on",
        sentence="Active dunning has a planned step, or an attempt under way.",
        query="""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('dunning active, charge %s, no step planned', c.status) AS details
            FROM charges_dunningrun r
            JOIN orders_order o ON o.id = r.order_id LEFT JOIN charges_charge c ON c.order_id = o.id
            WHERE r.status = 'active' AND c.status IS DISTINCT FROM 'pending' AND c.status IS DISTINCT FROM 'processing'
              AND NOT EXISTS (SELECT FROM charges_dunningstep s WHERE s.run_id = r.id AND s.status = 'planned')
        """,
        next_step="Ask the customer for another payment method, and tell the developers.",
    ),
    Invariant(
        name="attempt_of_its_own_order",
        sentence="A dunning step attempts the charge of its own order.",
        query="""
            SELECT o.number AS order_number, a.charge_id AS charge_id,
                   format('step %s attempted the charge of another order', s.number) AS details
            FROM charges_dunningstep s
            JOIN charges_dunningrun r ON r.id = s.run_id JOIN orders_order o ON o.id = r.order_id
            JOIN charges_chargeattempt a ON a.id = s.attempt_id JOIN charges_charge c ON c.id = a.charge_id
            WHERE c.order_id <> r.order_id
        """,
        next_step="Find out which order was charged. Refund it if it was not due.",
    ),
    Invariant(
        name="past_due_subscription_owes",
        sentence="A past-due subscription has an unpaid order.",
        query=f"""
            SELECT (
                       SELECT o.number FROM orders_order o WHERE o.subscription_id = s.id
                       ORDER BY o.period_start DESC LIMIT 1
                   ) AS order_number,
                   NULL::uuid AS charge_id, format('subscription %s past due, nothing unpaid', s.id) AS details
            FROM subscriptions_subscription s
            WHERE s.status = 'past_due'
              AND NOT EXISTS (
                  SELECT FROM orders_order o WHERE o.subscription_id = s.id AND o.status IN {UNPAID}
              )
        """,
        next_step="The customer owes nothing: set the subscription active.",
    ),
    Invariant(
        name="canceled_subscription_owes_nothing",
        sentence="An hour after its end a subscription has no order that awaits payment.",
        # A separate message cancels its orders, and may be a little late.
        query=f"""
            SELECT o.number AS order_number, NULL::uuid AS charge_id,
                   format('order %s, subscription canceled at %s', o.status, s.canceled_at) AS details
            FROM orders_order o JOIN subscriptions_subscription s ON s.id = o.subscription_id
            WHERE o.status IN {UNPAID} AND s.status = 'canceled' AND s.canceled_at < now() - interval '1 hour'
        """,
        next_step="Nothing will be charged. Send orders.cancel_unpaid_orders for this subscription again.",
    ),
)
