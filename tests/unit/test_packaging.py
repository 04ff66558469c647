"""What is installed is what works: the source package builds, and the wheel has everything and nothing else."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = {
    "synapse/py.typed",
    "synapse/_dlp.pyi",
    "synapse/dlp/rules/finance.toml",
    "synapse/postgres/queries.sql",
    "synapse/postgres/migrations/0001_control.sql",
    "synapse/api/static/index.html",
}


@pytest.mark.timeout(300)  # it compiles the extension twice
def test_a_wheel_built_from_the_source_package_is_whole(tmp_path: Path) -> None:
    source = tmp_path / "source"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path / "dist")]
    subprocess.run([*build, "--sdist", str(source)], check=True, capture_output=True)
    (sdist,) = (tmp_path / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    subprocess.run([*build, "--wheel", str(unpacked)], check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("synapse_gateway-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert names >= NEEDED
    assert any(name.startswith("synapse/_dlp.") and name.endswith(".so") for name in names)
    assert not [name for name in names if name.endswith((".c", ".pyx", ".pxi"))]
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "loadtests/"))]
    assert any(name.endswith("licenses/NOTICE") for name in names)
