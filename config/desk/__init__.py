"""Pages for support staff that show data of all apps. Only the composition root may read all apps."""
