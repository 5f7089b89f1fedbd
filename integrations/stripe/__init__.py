"""Stripe as we use it: one function per call, our own small results, every failure mapped at the edge.

The SDK is imported when the first call is made, so that processes which never talk to Stripe do not pay for
it.
"""
