"""Erase a customer, step by step, with a certificate. See docs/adr/0023-an-erasure-is-a-saga-of-repeatable-steps.md."""
