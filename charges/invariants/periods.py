"""Billing periods of subscriptions, and the orders for them."""

from __future__ import annotations

from charges.invariants.invariant import Invariant

ORDER = """(
    SELECT o.number FROM orders_order o WHERE o.subscription_id = s.id ORDER BY o.period_start DESC LIMIT 1
) AS order_number"""

PERIODS = (
    Invariant(
        name="periods_tile",
        sentence="The periods of a subscription are numbered from 0, and each begins when the one before it ends.",
        query=f"""
            SELECT {ORDER}, NULL::uuid AS charge_id,
                   format('subscription %s: period %s from %s, after period %s until %s', s.id,
                          p.number, p.start, coalesce(p.last_number::text, 'none'), p.last_end) AS details
            FROM (
                SELECT subscription_id, number, start, lag(number) OVER earlier AS last_number,
                       lag("end") OVER earlier AS last_end
                FROM subscriptions_billingperiod
                WINDOW earlier AS (PARTITION BY subscription_id ORDER BY number)
            ) p JOIN subscriptions_subscription s ON s.id = p.subscription_id
            WHERE p.number <> coalesce(p.last_number + 1, 0) OR p.start <> p.last_end
        """,
        next_step="Find out from the changes of the subscription what moved its periods. Tell the developers.",
    ),
    Invariant(
        name="current_period_is_the_last",
        sentence="The current period of a subscription is the last one that is recorded.",
        query=f"""
            SELECT {ORDER}, NULL::uuid AS charge_id,
                   format('subscription %s: period %s until %s, recorded: %s until %s', s.id, s.period_number,
                          s.current_period_end, coalesce(p.number::text, 'none'), p."end") AS details
            FROM subscriptions_subscription s
            LEFT JOIN LATERAL (
                SELECT number, start, "end" FROM subscriptions_billingperiod p
                WHERE p.subscription_id = s.id ORDER BY number DESC LIMIT 1
            ) p ON true
            WHERE (s.period_number, s.current_period_start, s.current_period_end)
                  IS DISTINCT FROM (p.number, p.start, p."end")
        """,
        next_step="Compare the orders of the subscription with its periods. Tell the developers.",
    ),
    Invariant(
        name="order_has_the_dates_of_its_period",
        sentence="The first order and each renewal have a period of their subscription, and its dates.",
        # If a subscription is canceled within a period and reinstated, the period ended with the cancellation.
        # A change to another interval ends the period before the time for which its order was placed.
        query="""
            SELECT o.number AS order_number, NULL::uuid AS charge_id,
                   format('%s order from %s to %s, period %s from %s to %s', o.kind, o.period_start, o.period_end,
                          coalesce(p.number::text, 'missing'), p.start, p."end") AS details
            FROM orders_order o LEFT JOIN subscriptions_billingperiod p ON p.id = o.period_id
            WHERE (o.kind <> 'change' OR o.period_id IS NOT NULL)
              AND (o.subscription_id, o.period_start, o.period_end)
                  IS DISTINCT FROM (p.subscription_id, p.start, p."end")
              AND NOT ((o.subscription_id, o.period_start) = (p.subscription_id, p.start) AND o.period_end > p."end"
                       AND EXISTS (
                           SELECT FROM subscriptions_subscriptionchange r
                           WHERE r.subscription_id = o.subscription_id AND r.kind = 'reinstated'
                             AND r.details->>'ended_period' = p.number::text
                           UNION ALL
                           SELECT FROM orders_order c
                           WHERE c.subscription_id = o.subscription_id AND c.kind = 'change'
                             AND c.period_id IS NOT NULL AND c.period_start = p."end"
                       ))
        """,
        next_step="Find out which period the customer paid for, and correct the order.",
    ),
    Invariant(
        name="one_order_per_period",
        sentence="A period has at most one order, apart from changes within the period.",
        query="""
            SELECT o.number AS order_number, NULL::uuid AS charge_id,
                   format('%s orders for one period', twice.orders) AS details
            FROM (
                SELECT period_id, count(*) AS orders FROM orders_order WHERE period_id IS NOT NULL
                GROUP BY period_id HAVING count(*) > 1
            ) twice JOIN orders_order o ON o.period_id = twice.period_id
        """,
        next_step="Cancel or refund the wrong order. Tell the developers: a unique constraint is missing.",
    ),
    Invariant(
        name="billed_period_has_its_order",
        sentence="A billed period and a trial have an order. A period that was not billed has none.",
        query=f"""
            SELECT {ORDER}, NULL::uuid AS charge_id,
                   format('subscription %s: period %s is %s, its order is %s', s.id, p.number, p.outcome,
                          coalesce(o.number, 'missing')) AS details
            FROM subscriptions_billingperiod p
            JOIN subscriptions_subscription s ON s.id = p.subscription_id
            LEFT JOIN orders_order o ON o.period_id = p.id
            WHERE p.outcome IN ('billed', 'trial') AND o.id IS NULL
               OR p.outcome NOT IN ('billed', 'trial', 'due') AND o.id IS NOT NULL
        """,
        next_step="Find out whether the customer was to pay for this period. If not, cancel or refund the order.",
    ),
    Invariant(
        name="subscription_has_a_price_of_its_plan",
        sentence="The price of a subscription is a version of its plan's price.",
        query=f"""
            SELECT {ORDER}, NULL::uuid AS charge_id,
                   format('subscription %s: plan %s, price of plan %s', s.id, s.plan_id, p.plan_id) AS details
            FROM subscriptions_subscription s JOIN subscriptions_price p ON p.id = s.price_id
            WHERE s.plan_id <> p.plan_id
        """,
        next_step="Find out which plan the customer chose, and move the subscription to the right price.",
    ),
)
