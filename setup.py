"""Only the compiled extension; everything else is in pyproject.toml."""

import os

from Cython.Build import cythonize
from setuptools import Extension, setup

# SYNAPSE_DEBUG_BUILD=1 keeps every bounds and None check, for the tests that hunt memory errors.
debug = os.environ.get("SYNAPSE_DEBUG_BUILD") == "1"

setup(
    ext_modules=cythonize(
        [Extension("synapse._dlp", ["synapse/_dlp.pyx"], extra_compile_args=["-O1", "-g"] if debug else ["-O3"])],
        compiler_directives={
            "language_level": "3str",
            "boundscheck": debug,
            "wraparound": False,
            "cdivision": True,
            "embedsignature": True,
            "freethreading_compatible": False,
        },
    )
)
