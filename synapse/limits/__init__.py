"""Exact limits across the workers of one node, in shared memory."""
