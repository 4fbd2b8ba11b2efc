"""An error that speaks of a flag names the variable that stands for it, too: out of the table of flags, for every message.

The user may have meant to set it, not know of it, or not know that it is set.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

from kubectl_lrs.commands.flags import Given
from kubectl_lrs.model.errors import LrsError

OTHERWISE: Mapping[str, str] = {
    "--mongo-uri-file": "LRS_MONGO_URI",
    "--url": "LRS_DATAROBOT_URL",
    "--org-token-file": "LRS_DATAROBOT_API_TOKEN",
}
"""Flags of which a variable says the same in another form."""


def name_variables(error: LrsError, given: Given) -> None:
    """Have an error name the variables of the flags that it speaks of, and whether they are what said it."""
    text = f"{error} {error.hint}"
    said = {*given.words, *given.configured()}  # by the call, or by the installation file
    for word, variable in _variables(given):
        if variable in text or word in said or not re.search(rf"(?<![\w-]){word}(?![\w-])", text):
            continue
        if not os.environ.get(variable, "").strip():
            error.with_hint(f"{variable} is not set either")
        elif str(error).startswith(f"{word} "):
            error.args = (f"{variable}{str(error).removeprefix(word)}",)
        else:
            error.with_hint(f"{variable} is set, and counts as {word}")


def name_settings(error: LrsError, given: Given) -> None:
    """Have an error of a command that goes by settings say what it says by a flag which that command does not have."""
    from kubectl_lrs.commands.installation import table_of  # of all commands

    own = {flag.word for flag in given.flags}
    said = _FLAG.findall(f"{error} {error.hint}")
    for key, flag in table_of(given.commands).items():
        if flag.word in said and flag.word not in own:
            variable = f", or {flag.variable}" if flag.variable else ""
            where = f"here {flag.word} is {key} of the installation file{variable}"
            if where not in error.hint:  # a step has said it, and the call ends with the same
                error.with_hint(where)


_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")


def _variables(given: Given) -> Iterator[tuple[str, str]]:
    for flag in given.flags:
        if variable := flag.variable or OTHERWISE.get(flag.word, ""):
            yield flag.word, variable
