"""Pages for staff that read all apps. Only the composition root may do that."""
