"""Collect an order that is not paid, from its first failed payment to the end of the schedule. See docs/adr/0010.

A run has one planned step at a time. The step's message waits in the outbox until the step is due. A step charges the
saved payment method again if the bank may answer differently by now. If only the customer can help (a hard decline, an
authentication, too many attempts), it reminds the customer instead. The next step is planned from the time at which a
step was taken. So after our own outage there is one attempt, never several at once.

If the customer gives a new payment method, it is charged at once and takes no step of the schedule.
"""
