"""Orders, charges, attempts and subscriptions."""

from __future__ import annotations

from charges.invariants.invariant import Invariant

PAID = "('paid', 'fulfilled', 'refunded', 'partially_refunded')"
COUNTED = "('pending', 'succeeded')"
OPEN = "('started', 'unknown', 'processing', 'requires_action')"

PAYMENTS = (
    Invariant(
        name="paid_order_has_its_payment",
        sentence="An order that is paid, fulfilled or refunded has a succeeded charge, unless it costs nothing.",
        query=f"""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('order %s, charge %s', o.status, coalesce(c.status, 'missing')) AS details
            FROM orders_order o LEFT JOIN charges_charge c ON c.order_id = o.id
            WHERE o.status IN {PAID} AND o.amount > 0
              AND NOT EXISTS (SELECT FROM charges_charge s WHERE s.order_id = o.id AND s.status = 'succeeded')
        """,
        next_step="Look up the payment at Stripe. If it does not exist, stop the delivery and set the order to unpaid.",
    ),
    Invariant(
        name="order_paid_once",
        sentence="An order has at most one succeeded charge.",
        query="""
            SELECT o.number AS order_number, NULL::uuid AS charge_id,
                   format('%s succeeded charges', twice.charges) AS details
            FROM (
                SELECT order_id, count(*) AS charges FROM charges_charge WHERE status = 'succeeded'
                GROUP BY order_id HAVING count(*) > 1
            ) twice JOIN orders_order o ON o.id = twice.order_id
        """,
        next_step="Refund the later payment at Stripe, then tell the developers: a unique constraint is missing.",
    ),
    Invariant(
        name="no_money_for_a_canceled_order",
        sentence="The payment of a canceled order is refunded, or being refunded.",
        query="""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('canceled order was paid: %s %s', c.amount, c.currency) AS details
            FROM charges_charge c JOIN orders_order o ON o.id = c.order_id
            WHERE c.status = 'succeeded' AND o.status = 'canceled' AND c.amount_refunded < c.amount
        """,
        next_step="Refund the payment, or restore the order if the customer wants it.",
    ),
    Invariant(
        name="payment_reaches_its_order",
        sentence="An order whose charge succeeded is paid.",
        query=f"""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('order %s, charge succeeded', o.status) AS details
            FROM charges_charge c JOIN orders_order o ON o.id = c.order_id
            WHERE c.status = 'succeeded' AND o.status NOT IN {PAID} AND o.status <> 'canceled'
        """,
        next_step="Check that Stripe has the money, then mark the order paid so that it is fulfilled.",
    ),
    Invariant(
        name="paid_order_is_started",
        sentence="An hour after its payment, an order is being fulfilled, or is completely refunded.",
        # Uses the partial index of orders whose fulfillment never started, so it reads few rows of a million.
        query="""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('order %s, paid at %s, fulfillment never started', o.status, o.paid_at) AS details
            FROM orders_order o LEFT JOIN charges_charge c ON c.order_id = o.id
            WHERE o.status IN ('paid', 'partially_refunded') AND o.fulfillment_started_at IS NULL
              AND o.paid_at < now() - interval '1 hour'
        """,
        next_step="If it was to be refunded, refund it again. Otherwise send orders.start_fulfillment for it again.",
    ),
    Invariant(
        name="order_follows_its_charge",
        sentence="The status of an unpaid order fits the status of its charge.",
        # While a charge is attempted again, its order keeps the status of the last failure. If Stripe rejected our
        # request because of our mistake, the order keeps its status, too.
        query=f"""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('order %s, charge %s', o.status, c.status) AS details
            FROM charges_charge c JOIN orders_order o ON o.id = c.order_id
            WHERE c.status <> 'succeeded' AND o.status NOT IN {PAID} AND o.status <> 'canceled'
              AND (c.status, o.status) NOT IN (
                  ('pending', 'pending_payment'), ('pending', 'payment_failed'),
                  ('processing', 'pending_payment'), ('processing', 'payment_failed'),
                  ('processing', 'requires_action'),
                  ('requires_action', 'requires_action'),
                  ('failed', 'payment_failed'), ('canceled', 'payment_failed')
              )
              AND NOT (
                  c.status = 'failed' AND o.status IN ('pending_payment', 'requires_action')
                  AND (SELECT a.status FROM charges_chargeattempt a
                       WHERE a.charge_id = c.id ORDER BY a.number DESC LIMIT 1) = 'rejected'
              )
        """,
        next_step="Read the payment's state at Stripe, and resend its latest event from there.",
    ),
    Invariant(
        name="outcome_has_a_charge",
        sentence="An order whose payment failed or waits for the customer has a charge.",
        query="""
            SELECT o.number AS order_number, NULL::uuid AS charge_id, format('order %s, no charge', o.status) AS details
            FROM orders_order o
            WHERE o.status IN ('requires_action', 'payment_failed')
              AND NOT EXISTS (SELECT FROM charges_charge c WHERE c.order_id = o.id)
        """,
        next_step="Look for the order's payment at Stripe by its metadata, and tell the developers.",
    ),
    Invariant(
        name="charge_has_the_amount_of_its_order",
        sentence="A charge has the amount and the currency of its order.",
        query="""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('order %s %s, charge %s %s', o.amount, o.currency, c.amount, c.currency) AS details
            FROM charges_charge c JOIN orders_order o ON o.id = c.order_id
            WHERE (c.amount, c.currency) IS DISTINCT FROM (o.amount, o.currency)
        """,
        next_step="Find out which amount the customer agreed to. Refund the excess.",
    ),
    Invariant(
        name="order_is_the_sum_of_its_lines",
        sentence="An order's amount is the sum of its lines.",
        query="""
            SELECT o.number AS order_number, NULL::uuid AS charge_id,
                   format('order %s, lines %s', o.amount, coalesce(lines.amount, 0)) AS details
            FROM orders_order o
            LEFT JOIN (SELECT order_id, sum(amount) AS amount FROM orders_orderline GROUP BY order_id) lines
                   ON lines.order_id = o.id
            WHERE o.amount <> coalesce(lines.amount, 0)
        """,
        next_step="Compare with the customer's order confirmation. Refund the excess.",
    ),
    Invariant(
        name="one_succeeded_attempt",
        sentence="At most one attempt at a charge succeeded.",
        query="""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('%s succeeded attempts', twice.attempts) AS details
            FROM (
                SELECT charge_id, count(*) AS attempts FROM charges_chargeattempt WHERE status = 'succeeded'
                GROUP BY charge_id HAVING count(*) > 1
            ) twice JOIN charges_charge c ON c.id = twice.charge_id JOIN orders_order o ON o.id = c.order_id
        """,
        next_step="Count the payments at Stripe. If there are two, refund the second.",
    ),
    Invariant(
        name="one_open_attempt",
        sentence="At most one attempt at a charge is open.",
        query=f"""
            SELECT o.number AS order_number, c.id AS charge_id, format('%s open attempts', twice.attempts) AS details
            FROM (
                SELECT charge_id, count(*) AS attempts FROM charges_chargeattempt WHERE status IN {OPEN}
                GROUP BY charge_id HAVING count(*) > 1
            ) twice JOIN charges_charge c ON c.id = twice.charge_id JOIN orders_order o ON o.id = c.order_id
        """,
        next_step="Read the payment at Stripe: it is paid at most once. Then tell the developers.",
    ),
    Invariant(
        name="success_has_evidence",
        sentence="A succeeded charge has a succeeded attempt, or the customer paid in a browser after one ended.",
        # An intent exists only after a first attempt. A payment in a browser leaves Stripe's charge id; the card of a
        # trial is saved without a charge at Stripe.
        query="""
            SELECT o.number AS order_number, c.id AS charge_id,
                   'no attempt succeeded, and nothing shows a payment in a browser' AS details
            FROM charges_charge c JOIN orders_order o ON o.id = c.order_id
            WHERE c.status = 'succeeded'
              AND NOT EXISTS (SELECT FROM charges_chargeattempt a WHERE a.charge_id = c.id AND a.status = 'succeeded')
              AND (
                  c.stripe_charge_id = '' AND c.amount > 0
                  OR NOT EXISTS (SELECT FROM charges_chargeattempt a WHERE a.charge_id = c.id)
              )
        """,
        next_step="Look up the payment at Stripe. If it does not exist, stop the delivery and set the order to unpaid.",
    ),
    Invariant(
        name="succeeded_attempt_pays_its_charge",
        sentence="A charge with a succeeded attempt has succeeded, by the payment that the attempt names.",
        query="""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('charge %s by "%s", attempt %s by "%s"',
                          c.status, c.stripe_charge_id, a.number, a.stripe_charge_id) AS details
            FROM charges_chargeattempt a
            JOIN charges_charge c ON c.id = a.charge_id JOIN orders_order o ON o.id = c.order_id
            WHERE a.status = 'succeeded' AND (c.status <> 'succeeded' OR c.stripe_charge_id <> a.stripe_charge_id)
        """,
        next_step="Compare with the payment at Stripe. If there are two, refund the second.",
    ),
    Invariant(
        name="open_attempt_fits_its_charge",
        sentence="The status of an open attempt fits the status of its charge.",
        query=f"""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('charge %s, attempt %s %s', c.status, a.number, a.status) AS details
            FROM charges_chargeattempt a
            JOIN charges_charge c ON c.id = a.charge_id JOIN orders_order o ON o.id = c.order_id
            WHERE a.status IN {OPEN}
              AND (c.status, a.status) NOT IN (
                  ('pending', 'started'), ('pending', 'unknown'),
                  ('processing', 'started'), ('processing', 'unknown'), ('processing', 'processing'),
                  ('requires_action', 'requires_action')
              )
        """,
        next_step="Read the payment's state at Stripe, and tell the developers which of the two is right.",
    ),
    Invariant(
        name="intent_of_one_charge",
        sentence="A PaymentIntent belongs to one charge.",
        query="""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('%s belongs to %s charges', twice.payment_intent_id, twice.charges) AS details
            FROM (
                SELECT payment_intent_id, count(*) AS charges FROM charges_charge WHERE payment_intent_id IS NOT NULL
                GROUP BY payment_intent_id HAVING count(*) > 1
            ) twice
            JOIN charges_charge c ON c.payment_intent_id = twice.payment_intent_id
            JOIN orders_order o ON o.id = c.order_id
        """,
        next_step="One of these orders was not paid: the intent's metadata at Stripe names the one that was.",
    ),
    Invariant(
        name="payment_of_one_charge",
        sentence="A payment at Stripe pays one charge.",
        query="""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('%s pays %s charges', twice.stripe_charge_id, twice.charges) AS details
            FROM (
                SELECT stripe_charge_id, count(*) AS charges FROM charges_charge
                WHERE status = 'succeeded' AND stripe_charge_id <> ''
                GROUP BY stripe_charge_id HAVING count(*) > 1
            ) twice
            JOIN charges_charge c ON c.stripe_charge_id = twice.stripe_charge_id AND c.status = 'succeeded'
            JOIN orders_order o ON o.id = c.order_id
        """,
        next_step="One of these orders was not paid: the payment's metadata at Stripe names the one that was.",
    ),
    Invariant(
        name="paid_order_starts_its_subscription",
        sentence="The subscription of a paid order is not incomplete, unless it was reinstated after the payment.",
        query=f"""
            SELECT o.number AS order_number, NULL::uuid AS charge_id,
                   format('order %s, subscription %s incomplete', o.status, s.id) AS details
            FROM subscriptions_subscription s JOIN orders_order o ON o.subscription_id = s.id
            WHERE s.status = 'incomplete' AND o.status IN {PAID}
              AND NOT EXISTS (
                  SELECT FROM subscriptions_subscriptionchange r
                  WHERE r.subscription_id = s.id AND r.kind = 'reinstated' AND r.at >= o.paid_at
              )
        """,
        next_step="The customer has paid: activate the subscription.",
    ),
    Invariant(
        name="active_subscription_was_paid",
        sentence="An active subscription has an order that was paid.",
        query="""
            SELECT (
                       SELECT o.number FROM orders_order o WHERE o.subscription_id = s.id
                       ORDER BY o.period_start DESC LIMIT 1
                   ) AS order_number,
                   NULL::uuid AS charge_id, format('subscription %s active, never paid', s.id) AS details
            FROM subscriptions_subscription s
            WHERE s.status = 'active'
              AND NOT EXISTS (
                  SELECT FROM orders_order o WHERE o.subscription_id = s.id AND o.paid_at IS NOT NULL
              )
        """,
        next_step="Find out who activated it. Set it to incomplete until it is paid.",
    ),
    Invariant(
        name="order_of_its_subscriptions_customer",
        sentence="An order and its subscription have the same customer.",
        query="""
            SELECT o.number AS order_number, NULL::uuid AS charge_id,
                   format('order of customer %s, subscription of %s', o.customer_id, s.customer_id) AS details
            FROM orders_order o JOIN subscriptions_subscription s ON s.id = o.subscription_id
            WHERE o.customer_id <> s.customer_id
        """,
        next_step="One customer may have paid for another: find out whose card was charged. Refund it if necessary.",
    ),
    Invariant(
        name="payment_comes_to_an_outcome",
        sentence="After three days every payment has an outcome, unless its subscription is paused.",
        # Until then the check of unknown outcomes and the sweep work on it. After that, a person must.
        query="""
            SELECT o.number AS order_number, c.id AS charge_id,
                   format('order %s of %s, charge %s', o.status, o.placed_at, coalesce(c.status, 'missing')) AS details
            FROM orders_order o JOIN subscriptions_subscription s ON s.id = o.subscription_id
            LEFT JOIN charges_charge c ON c.order_id = o.id
            WHERE o.status = 'pending_payment' AND o.placed_at < now() - interval '3 days'
              AND c.status IS DISTINCT FROM 'processing' AND s.status <> 'paused'
              AND NOT EXISTS (
                  SELECT FROM charges_chargeattempt a
                  WHERE a.charge_id = c.id AND a.started_at >= now() - interval '3 days'
              )
            UNION ALL
            SELECT o.number, c.id, format('attempt %s %s since %s', a.number, a.status, a.started_at)
            FROM charges_chargeattempt a
            JOIN charges_charge c ON c.id = a.charge_id JOIN orders_order o ON o.id = c.order_id
            WHERE a.status IN ('started', 'unknown') AND a.started_at < now() - interval '3 days'
              AND o.status <> 'pending_payment'
        """,
        next_step="Look for the cause in the charge. Then send charges.capture_payment for this order again.",
    ),
)
