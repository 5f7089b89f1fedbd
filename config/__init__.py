"""The composition root: it wires the apps together, and nobody imports it.

Nothing is imported here: ``config.development`` starts what the settings need, so it must load without them.
"""
