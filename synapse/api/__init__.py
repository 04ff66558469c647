"""Edge in: HTTP."""
