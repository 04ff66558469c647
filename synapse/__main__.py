"""`python -m synapse` is `synapse`."""

from .cli import main

main()
