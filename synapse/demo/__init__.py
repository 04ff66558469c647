"""The built-in OpenAI-compatible model server: for `synapse serve --demo`, tests, load tests and benchmarks."""

from .behaviour import DemoOptions
from .server import DemoServer

__all__ = ["DemoOptions", "DemoServer"]
