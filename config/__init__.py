"""The composition root: it connects the apps, and no app imports it.

This module imports nothing: ``config.development`` starts the services that the settings need, so it must load first.
"""
