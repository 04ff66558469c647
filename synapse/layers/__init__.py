"""The five layers: pure decisions, no I/O, none imports another."""
