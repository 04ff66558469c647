"""Load tests with a guard: `python -m loadtests`."""
