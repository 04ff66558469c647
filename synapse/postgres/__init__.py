"""Edge down: PostgreSQL."""
