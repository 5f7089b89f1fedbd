"""Changes of plan or quantity, and the balances of subscriptions."""

from __future__ import annotations

from charges.invariants.invariant import Invariant

PAID = "('paid', 'fulfilled', 'refunded', 'partially_refunded')"

CHANGES = (
    Invariant(
        name="paid_change_was_applied",
        sentence="A change of plan or quantity is applied exactly if its order is paid.",
        # A separate message cancels the order of a change that was closed, and may be a little late.
        query=f"""
            SELECT o.number AS order_number, NULL::uuid AS charge_id,
                   format('order %s, its change is %s', o.status, p.outcome) AS details
            FROM orders_order o JOIN subscriptions_pendingchange p ON p.id = o.pending_change_id
            WHERE (o.status IN {PAID}) <> (p.outcome = 'applied')
               OR o.status NOT IN {PAID} AND o.status <> 'canceled'
                  AND p.closed_at < now() - interval '1 hour'
               OR o.status = 'canceled' AND p.outcome = 'waiting'
        """,
        next_step="Compare the subscription with the order. Apply the change, or refund the order.",
    ),
    Invariant(
        name="change_has_its_quoted_amounts",
        sentence="The order of a change has the amount and the lines of its quote.",
        query="""
            SELECT o.number AS order_number, NULL::uuid AS charge_id,
                   format('order %s, quote %s; lines %s %s %s, quoted %s %s %s', o.amount, q.amount, l.unused, l.debit,
                          l.balance, q.unused, q.debit, q.balance) AS details
            FROM orders_order o
            LEFT JOIN orders_quote q ON q.pending_change_id = o.pending_change_id
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(amount) FILTER (WHERE kind = 'unused'), 0) AS unused,
                       coalesce(sum(amount) FILTER (WHERE kind IN ('debit', 'period')), 0) AS debit,
                       coalesce(sum(amount) FILTER (WHERE kind = 'balance'), 0) AS balance
                FROM orders_orderline WHERE order_id = o.id
            ) l
            WHERE o.kind = 'change'
              AND (o.amount, o.currency, l.unused, l.debit, l.balance)
                  IS DISTINCT FROM (q.amount, q.currency, q.unused, q.debit, q.balance)
        """,
        next_step="The customer agreed to the quote. Refund what was charged beyond it.",
    ),
    Invariant(
        name="balance_line_has_its_entry",
        sentence="The balance line of an order changed the balance by its amount; a canceled order gave it back.",
        query="""
            SELECT o.number AS order_number, NULL::uuid AS charge_id,
                   format('order %s: balance line %s, entries %s', o.status, l.amount, e.amount) AS details
            FROM orders_order o
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(amount), 0) AS amount FROM orders_orderline
                WHERE order_id = o.id AND kind = 'balance'
            ) l
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(amount), 0) AS amount FROM orders_balanceentry WHERE order_id = o.id
            ) e
            WHERE e.amount <> CASE WHEN o.status = 'canceled' THEN 0 ELSE l.amount END
        """,
        next_step="Give the subscription an entry for the difference, and tell the developers.",
    ),
    Invariant(
        name="credit_is_at_most_what_was_paid",
        sentence="The balance of a subscription is at most what was paid for it, and what staff gave.",
        query=f"""
            SELECT NULL AS order_number, NULL::uuid AS charge_id,
                   format('subscription %s: balance %s, paid %s', b.subscription_id, b.balance, paid.amount) AS details
            FROM (
                SELECT subscription_id, sum(amount) AS balance,
                       coalesce(sum(amount) FILTER (WHERE reason = 'staff'), 0) AS given
                FROM orders_balanceentry GROUP BY subscription_id
            ) b
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(o.amount), 0) AS amount FROM orders_order o
                WHERE o.subscription_id = b.subscription_id AND o.status IN {PAID}
            ) paid
            WHERE b.balance > paid.amount + greatest(b.given, 0)
        """,
        next_step="Do not pay it out. Find the change that gave too much, and tell the developers.",
    ),
    Invariant(
        name="withdrawal_takes_the_credit_back",
        sentence="A subscription whose payments were refunded by a withdrawal has no credit from them.",
        query="""
            SELECT NULL AS order_number, NULL::uuid AS charge_id,
                   format('subscription %s: %s refunded, %s taken back, balance %s', s.id, w.refunded, b.taken,
                          b.balance) AS details
            FROM subscriptions_subscription s
            CROSS JOIN LATERAL (
                SELECT coalesce(sum((details->>'refunded')::bigint), 0) AS refunded
                FROM subscriptions_subscriptionchange
                WHERE subscription_id = s.id AND kind = 'canceled' AND reason = 'withdrawal'
            ) w
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(amount), 0) AS balance,
                       coalesce(-sum(amount) FILTER (WHERE reason = 'refund'), 0) AS taken
                FROM orders_balanceentry WHERE subscription_id = s.id
            ) b
            WHERE s.status = 'canceled' AND s.cancel_reason = 'withdrawal' AND b.balance > 0 AND b.taken < w.refunded
        """,
        next_step="Take back the credit that the refunds have paid out, with an entry. Tell the developers.",
    ),
    Invariant(
        name="balance_has_one_currency",
        sentence="The balance of a subscription is in the currency of its price.",
        query="""
            SELECT NULL AS order_number, NULL::uuid AS charge_id,
                   format('subscription %s in %s, entry %s in %s', s.id, p.currency, e.amount, e.currency) AS details
            FROM orders_balanceentry e
            JOIN subscriptions_subscription s ON s.id = e.subscription_id
            JOIN subscriptions_price p ON p.id = s.price_id
            WHERE e.currency <> p.currency
        """,
        next_step="Find out how the currency of the subscription changed. Tell the developers.",
    ),
)
