"""Only the compiled extension; everything else is in pyproject.toml."""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

# SYNAPSE_DEBUG_BUILD=1 keeps every bounds and None check, for the tests that hunt memory errors.
debug = os.environ.get("SYNAPSE_DEBUG_BUILD") == "1"
# SYNAPSE_SANITIZE=1 adds the compiler's checks of addresses and undefined behaviour to the code as it ships, without
# those checks; libasan then has to be preloaded.
sanitize = os.environ.get("SYNAPSE_SANITIZE") == "1"
sanitizers = (
    ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"] if sanitize else []
)
optimized = ["-O1", "-g"] if debug or sanitize else ["-O3"]

# Their names have to be told, or a change in one of them would not be noticed.
parts = sorted(map(str, Path("synapse/dlp/compiled").glob("*.pxi")))

setup(
    ext_modules=cythonize(
        [
            Extension(
                "synapse._dlp",
                ["synapse/_dlp.pyx"],
                depends=parts,
                extra_compile_args=[*optimized, *sanitizers],
                extra_link_args=sanitizers,
            )
        ],
        # A build with other checks is another C file; it must not take the place of the usual one.
        build_dir=os.environ.get("SYNAPSE_BUILD_FOLDER"),
        compiler_directives={
            "language_level": "3str",
            "boundscheck": debug,
            "nonecheck": debug,
            "wraparound": False,
            "cdivision": True,
            "embedsignature": True,
            "freethreading_compatible": False,
        },
    )
)
