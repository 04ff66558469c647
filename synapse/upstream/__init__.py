"""Edge out: the models."""
