"""The gateway to Stripe: one function per call, small results, and each failure as one of ``integrations.errors``.

The first call imports the SDK, so that processes which never call Stripe start faster.
"""
