"""Synapse: a self-hosted AI gateway that governs every request. Read `pipeline.py` first."""

__version__ = "0.1.0"
