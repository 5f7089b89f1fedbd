"""Stand-ins for Stripe, Brevo, Dixa and Amazon SQS over HTTP on loopback, for development, tests and benchmarks.

Production never imports this package, and this package imports nothing of the shop: they communicate over HTTP only.
``python -m integrations.sandbox`` starts Stripe, Brevo and Dixa; ``python -m integrations.sandbox.sqs_api`` starts SQS.
Tests embed the former with ``integrations.sandbox.app.create_app``.
"""
