"""What users install has all it needs, and the source archive makes the same wheel again."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def built(kind: str, source: Path, folder: Path) -> Path:
    """Return the archive of a kind that is built from a source tree."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (archive,) = folder.iterdir()
    return archive


@pytest.fixture(name="wheel", scope="module")
def _wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a wheel built from the sources as they are."""
    return built("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_vocabularies_licence_types_and_the_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entry = next(name for name in names if name.endswith("entry_points.txt"))
        assert "dssm = dssmcli.cli:main" in archive.read(entry).decode()
    assert "dssmcli/py.typed" in names and any("LICENSE" in name for name in names)
    for name in ("letter-trigrams.txt", "zh-chars.txt", "symbols.txt"):
        assert f"dssmcli/vocab/{name}" in names
    assert [name for name in names if name.endswith(".data/data/share/man/man1/dssm.1")]
    assert not [name for name in names if name.startswith(("tests", "examples", "benchmarks"))]


def test_an_unpacked_wheel_tokenizes_with_the_shipped_vocabularies(
    wheel: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    program = (
        "import sys, dssmcli, dssmcli.cli; print(dssmcli.__file__);"
        "sys.exit(dssmcli.cli.run(['tokenize', '--tokenizer', 'auto', 'go 宝']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    where, *lines = done.stdout.splitlines()
    assert where.startswith(str(tmp_path))
    assert lines[0].startswith("go\t#go go#\t") and lines[1].startswith("宝\t宝\t")
    # Rows of the lists come before the buckets: 49,284 trigrams, 8,836 characters, 220 symbols.
    ids = [int(number) for line in lines[:2] for number in line.split("\t")[2].split()]
    assert all(0 < number <= 49_284 + 8_836 + 220 for number in ids)


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_source_archive_holds_the_project_and_makes_the_same_wheel(
    wheel: Path, tmp_path: Path
) -> None:
    archive = built("sdist", ROOT, tmp_path / "sdist")
    with tarfile.open(archive) as packed:
        # Releases of 3.10 and 3.11 before their last ones know no filters; 3.12 warns without one.
        safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        packed.extractall(tmp_path, **safe)
    source = tmp_path / archive.name.removesuffix(".tar.gz")
    for name in ("README.md", "LICENSE", "CHANGELOG.md", "Makefile", "constraints.txt"):
        assert (source / name).is_file()
    for name in ("tests", "vocab", "docs", "examples", "benchmarks"):
        tracked, there = (
            sorted(p.name for p in f.glob("*.*")) for f in (ROOT / name, source / name)
        )
        assert there == tracked and len(there) >= 4
    assert contents(built("wheel", source, tmp_path / "again")) == contents(wheel)
