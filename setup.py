"""Only the compiled extension; everything else is in pyproject.toml."""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

# SYNAPSE_DEBUG_BUILD=1 keeps every bounds and None check, for the tests that hunt memory errors.
debug = os.environ.get("SYNAPSE_DEBUG_BUILD") == "1"

# Their names have to be told, or a change in one of them would not be noticed.
parts = sorted(map(str, Path("synapse/dlp/compiled").glob("*.pxi")))

setup(
    ext_modules=cythonize(
        [
            Extension(
                "synapse._dlp",
                ["synapse/_dlp.pyx"],
                depends=parts,
                extra_compile_args=["-O1", "-g"] if debug else ["-O3"],
            )
        ],
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
