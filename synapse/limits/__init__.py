"""Exact limits across the workers of one node, in a file that all of them map into memory."""

from .limiter import SharedLimiter
from .segment import SegmentError
from .tickets import SharedTicket

__all__ = ["SegmentError", "SharedLimiter", "SharedTicket"]
