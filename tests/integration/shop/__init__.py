"""Tests of the whole shop as real processes. This is a package, so that all of its modules share one running shop."""
