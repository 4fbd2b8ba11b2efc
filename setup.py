"""The man page is made when the product is built, from what its help is made of. All else is in setup.cfg."""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build import build


class BuildWithManual(build):
    """Makes the page first: what is installed beside the packages is looked for when they are built."""

    def run(self) -> None:
        """As setuptools does, and the page."""
        super().run()
        sys.path.insert(0, str(Path(__file__).resolve().parent))
        from kubectl_lrs.cli import manual_page

        page = Path(self.build_base) / "kubectl-lrs.1"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(manual_page(), encoding="ascii")
        self.distribution.data_files = [("share/man/man1", [str(page)])]


setup(cmdclass={"build": BuildWithManual})
