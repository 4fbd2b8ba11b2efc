"""What is noted can be asked for."""

from __future__ import annotations

from pathlib import Path

from kubectl_lrs import commands
from kubectl_lrs.commands.history_ import HELP, VERBS

ENDING = "_run.py"


def test_every_verb_that_is_noted_is_one_of_them() -> None:
    (folder,) = commands.__path__
    noting = [path for path in Path(folder).glob(f"*{ENDING}") if "given.note(" in path.read_text()]
    verbs = {path.name.removesuffix(ENDING).replace("_", "-") for path in noting}
    assert {"backup", "schedule", "image"} <= verbs
    assert verbs <= {*VERBS}
    assert all(verb in HELP for verb in VERBS)
