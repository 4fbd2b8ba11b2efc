#!/usr/bin/env python3
"""Builds the krew archives, their sums and the plugin's manifest. The same commit gives the same bytes, on any machine.

python3 krew/build.py                       all of it, into dist/krew
python3 krew/build.py --check DIR           what lies in DIR is what this commit gives
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from krew.base import HERE, PLATFORMS, PYTHON, Platform, base, host, pack

ROOT = HERE.parent
PACKAGE = "kubectl_lrs"
TEMPLATE = HERE / "lrs.template.yaml"
SUMS = "SHA256SUMS"
ABOUT = "__init__.py"
"""Of the product, which is carried as byte code: the file that says its version stays as it is, for who reads it unstarted."""

_URI = re.compile(r'\{\{addURIAndSha "(?P<uri>[^"]+)" \.TagName \}\}')


class BuildError(Exception):
    """The archives and the manifest do not fit each other; the message says where."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, or check; 0 or 1."""
    options = _options(arguments)
    try:
        if options.check is None:
            names = build(options.output, name=options.name, base_url=options.base_url)
            print("".join(f"{options.output / name}\n" for name in names), end="")
            return 0
        different = check(options.check, name=options.name, base_url=options.base_url)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for name in different:
        print(f"error: {options.check / name} is not what this commit gives", file=sys.stderr)
    return 1 if different else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--output", type=Path, default=ROOT / "dist" / "krew", metavar="DIR", help="where to put it (default: dist/krew)"
    )
    parser.add_argument("--check", type=Path, metavar="DIR", help="build anew and compare with what lies in DIR")
    parser.add_argument("--base-url", metavar="URL", help="where the archives will be found, for a mirror of one's own")
    parser.add_argument("--name", default="lrs", help="the plugin's name in the index, as in kubectl NAME (default: lrs)")
    return parser.parse_args(arguments)


def version() -> str:
    """The product's version with krew's leading v, read without importing it."""
    match = re.search(r'^__version__ = "([^"]+)"$', (ROOT / PACKAGE / "__init__.py").read_text(), re.MULTILINE)
    if not match:
        raise BuildError(f"{PACKAGE}/__init__.py has no __version__")
    return f"v{match[1]}"


def archive_name(platform: Platform) -> str:
    """The file that holds the plugin for a platform."""
    return f"kubectl-lrs_{version()}_{platform.os}_{platform.arch}.tar.gz"


def build(output: Path, *, name: str = "lrs", base_url: str | None = None) -> list[str]:
    """The archives, SHA256SUMS and the manifest, in the folder `output`; the names of the files."""
    sums = archives(output)
    text = manifest(TEMPLATE.read_text(), version=version(), sums=sums, name=name, base_url=base_url)
    (output / f"{name}.yaml").write_text(text)
    return [*sorted(sums), SUMS, f"{name}.yaml"]


def archives(output: Path, platforms: Sequence[Platform] = PLATFORMS) -> dict[str, str]:
    """The archives of some platforms and SHA256SUMS, in the folder `output`; the sum of each."""
    output.mkdir(parents=True, exist_ok=True)
    places = base()
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(max_workers=2) as pool:
        product = Path(temporary)
        _stage_product(product, places / host().name)
        list(pool.map(lambda platform: _archive(platform, places, product, output / archive_name(platform)), platforms))
    return write_sums(output, [archive_name(platform) for platform in platforms])


def write_sums(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """SHA256SUMS for files of the folder, as `sha256sum -c` reads it; the sum of each."""
    sums = {name: sum_of(folder / name) for name in sorted(names)}
    (folder / SUMS).write_text("".join(f"{value}  {name}\n" for name, value in sums.items()))
    return sums


def check(folder: Path, *, name: str = "lrs", base_url: str | None = None) -> list[str]:
    """The files in `folder` that are not what a fresh build gives; the sums there may be of more files than these."""
    with tempfile.TemporaryDirectory() as temporary:
        fresh = Path(temporary)
        names = build(fresh, name=name, base_url=base_url)
        return [each for each in names if not _is_same(fresh / each, folder / each)]


def _is_same(fresh: Path, given: Path) -> bool:
    if not given.is_file():
        return False
    if fresh.name == SUMS:
        return set(fresh.read_text().splitlines()) <= set(given.read_text().splitlines())
    return sum_of(fresh) == sum_of(given)


def manifest(template: str, *, version: str, sums: Mapping[str, str], name: str, base_url: str | None) -> str:
    """The template of krew-release-bot, filled as that bot does it, but with the sums of the archives at hand.

    Every archive must be named in the template, and nothing else.
    """
    unused = set(sums)

    def fill(match: re.Match[str]) -> str:
        uri = match["uri"].replace("{{ .TagName }}", version)
        file = uri.rpartition("/")[2]
        if file not in sums:
            raise BuildError(f"{TEMPLATE.name} names {file}, which is not built")
        unused.discard(file)
        return f"uri: {f'{base_url}/{file}' if base_url else uri}\n    sha256: {sums[file]}"

    text = _URI.sub(fill, template).replace("{{ .TagName }}", version)
    text = re.sub(r"^  name: \S+$", f"  name: {name}", text, count=1, flags=re.MULTILINE)
    if unused:
        raise BuildError(f"{TEMPLATE.name} does not name {', '.join(sorted(unused))}")
    if "{{" in text:
        raise BuildError(f"{TEMPLATE.name} has a placeholder that is not known")
    return text


def _stage_product(stage: Path, python: Path) -> None:
    """What is the same on every platform: the product as byte code, the licences."""
    shutil.copytree(ROOT / PACKAGE, stage / "packages" / PACKAGE, ignore=shutil.ignore_patterns("__pycache__", "py.typed"))
    pack(python, "compile", stage)
    (stage / "packages" / PACKAGE / ABOUT).with_suffix(".pyc").unlink()
    shutil.copyfile(ROOT / PACKAGE / ABOUT, stage / "packages" / PACKAGE / ABOUT)
    shutil.copyfile(HERE / "launcher" / "start.py", stage / "start.py")
    shutil.copyfile(ROOT / "LICENSE", stage / "LICENSE")
    shutil.copyfile(HERE / "third-party.md", stage / "THIRD-PARTY.md")
    _make_manual(python, stage)


def _make_manual(python: Path, stage: Path) -> None:
    """The man page, by the Python that is carried and what it is carried with."""
    page = stage / "share" / "man" / "man1" / "kubectl-lrs.1"
    page.parent.mkdir(parents=True)
    run = f"import sys; sys.path[:0] = [{str(stage / 'packages')!r}, {str(python / 'packages')!r}]"
    command = [
        str(python / "bin" / PYTHON),
        "-I",
        "-S",
        "-B",
        "-c",
        f"{run}; from kubectl_lrs.cli import manual_page as p; print(p(), end='')",
    ]
    with page.open("wb") as file:
        subprocess.run(command, check=True, stdout=file, stdin=subprocess.DEVNULL, env={"LC_ALL": "C"})


def _archive(platform: Platform, places: Path, product: Path, output: Path) -> None:
    """One archive: the base of its platform, the product and the launcher."""
    with tempfile.TemporaryDirectory() as temporary:
        launcher = (HERE / "launcher" / "kubectl-lrs").read_text().replace("@LOADER@", platform.loader)
        Path(temporary, "kubectl-lrs").write_text(launcher)
        pack(places / host().name, "archive", output, places / platform.name, product, temporary)


def sum_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
