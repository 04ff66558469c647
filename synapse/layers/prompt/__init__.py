"""The parts of layer two: finding the strings of a body, and what only shows when some are put together."""
