#!/usr/bin/env python3
"""Builds everything that a release publishes, in one folder: wheel, source distribution, krew archives, manifest, sums.

python3 krew/release.py              of a commit that is tagged with its version, in a clean work tree
python3 krew/release.py --dry-run    of the work tree as it is; says what would stand in the way

It publishes nothing; README.md says which file goes where.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from krew import build
from krew.pack import EPOCH
from tests.bed import toolchain

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SOURCES = ("LICENSE", "README.md", "kubectl_lrs", "pyproject.toml", "setup.cfg", "setup.py")
"""What the wheel and the source distribution are made of."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the release, or say why not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="build from whatever is there")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", metavar="DIR", help="where to put it (default: dist)")
    options = parser.parse_args(arguments)
    obstacles = _obstacles()
    for obstacle in obstacles:
        print(f"{'note' if options.dry_run else 'error'}: {obstacle}", file=sys.stderr)
    if obstacles and not options.dry_run:
        return 1
    try:
        names = release(options.output)
    except build.BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("".join(f"{options.output / name}\n" for name in names), end="")
    return 0


def release(output: Path) -> list[str]:
    """Everything, in the folder `output`, which may hold nothing else; the names of the files."""
    if output.exists() and any(output.iterdir()):
        raise build.BuildError(f"{output} is not empty")
    files = build.build(output)
    made = [*packages(output), *(name for name in files if name.endswith(".tar.gz"))]
    build.write_sums(output, made)
    return sorted({*made, *files})


def packages(output: Path) -> list[str]:
    """The source distribution and the wheel, in the folder `output`; their names."""
    with tempfile.TemporaryDirectory() as temporary:
        tree = Path(temporary) / "kubectl-lrs"
        tree.mkdir()
        for name in SOURCES:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(source, tree / name)
        for path in tree.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        return [run_backend(tree, hook, output) for hook in ("build_sdist", "build_wheel")]


def run_backend(tree: Path, hook: str, output: Path) -> str:
    """One hook of the build back end on a source tree; the name of the file that it made in `output`.

    A wheel is the same bytes each time; a source distribution holds the time at which it was made.
    """
    script = f"import sys; from setuptools import build_meta; print('made', build_meta.{hook}(sys.argv[1]))"
    environment = {**os.environ, "PYTHONPATH": str(_backend()), "SOURCE_DATE_EPOCH": str(EPOCH)}
    output.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [str(toolchain.venv()), "-W", "ignore", "-c", script, str(output.resolve())],
        cwd=tree, env=environment, umask=0o022, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise build.BuildError(f"{hook}: {done.stderr}")
    return done.stdout.splitlines()[-1].removeprefix("made ")


def _backend() -> Path:
    """The build back end of `backend.txt`, in the cache."""
    place = toolchain.cache() / f"backend-{build.sum_of(HERE / 'backend.txt')[:16]}"
    with toolchain.held("backend"):
        if not place.exists():
            part = place.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            requirement = ["--requirement", str(HERE / "backend.txt")]
            toolchain.pip(["install", "--quiet", "--no-deps", "--require-hashes", "--target", str(part), *requirement])
            part.rename(place)
    return place


def _obstacles() -> list[str]:
    """Why this work tree is no release."""
    found = []
    if changed := _git("status", "--porcelain"):
        found.append(f"{len(changed.splitlines())} files differ from the commit")
    if build.version() not in _git("tag", "--points-at", "HEAD").split():
        found.append(f"the commit is not tagged {build.version()}")
    return found


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
