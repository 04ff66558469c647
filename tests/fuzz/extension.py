"""Loads another build of `synapse._dlp` in place of the installed one, before anything of the engine is imported.

As a program it then runs pytest: `python tests/fuzz/extension.py BUILD_FOLDER [PYTEST_ARGUMENT …]`.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
NAME = "synapse._dlp"


def build(folder: Path, **options: str) -> None:
    """With `SYNAPSE_DEBUG_BUILD=1` or `SYNAPSE_SANITIZE=1` among the options, see setup.py."""
    command = [sys.executable, "setup.py", "-q", "build_ext", "--build-lib", str(folder), "--build-temp"]
    subprocess.run(
        [*command, str(folder / "objects")],
        cwd=ROOT,
        env={**os.environ, **options, "SYNAPSE_BUILD_FOLDER": str(folder)},
        check=True,
        capture_output=True,
    )


def load(folder: Path) -> ModuleType:
    (path,) = folder.glob("synapse/_dlp.*.so")
    spec = importlib.util.spec_from_file_location(NAME, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module
    spec.loader.exec_module(module)
    return module


def main() -> None:
    import pytest

    sys.path.insert(0, str(ROOT))
    loaded = load(Path(sys.argv[1]))
    status = pytest.main(sys.argv[2:])
    assert sys.modules[NAME] is loaded
    sys.exit(status)


if __name__ == "__main__":
    main()
