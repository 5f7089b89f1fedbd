"""Stand-ins for Stripe, Brevo and Dixa over HTTP on loopback, for development, tests and benchmarks.

Production never imports this package, and this package imports nothing of the shop: the two meet over
HTTP only.
Start it with `python -m integrations.sandbox`; embed it with `integrations.sandbox.app.create_app`.
"""
