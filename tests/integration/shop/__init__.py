"""Drills on the whole shop as real processes. A package, so that pytest starts them once for all of its modules."""
