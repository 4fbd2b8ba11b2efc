"""Import, as `import_` is told."""

from __future__ import annotations

from kubectl_lrs import render
from kubectl_lrs.commands.confirm import HeldSignals
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.import_ import Flags
from kubectl_lrs.commands.shared import Quiet, Tables, Trusting
from kubectl_lrs.model.errors import ExitCode, UsageError
from kubectl_lrs.sources.others import OthersBackup
from kubectl_lrs.sources.place import open_to_read
from kubectl_lrs.usecases.importing import import_source
from kubectl_lrs.usecases.making import Destination


def run(given: Given) -> ExitCode:
    """Read the source, seal it, report."""
    flags, quiet = given.of(Flags), given.of(Quiet).quiet
    if not flags.source:
        raise UsageError("import needs a SOURCE: what others saved", hint="import lrs_backup_2026_11_23_08_16")
    repository = open_to_read(*flags.where)
    destination = Destination(repository=repository, name=flags.name, trust=given.of(Trusting).trust)
    if repository.has(flags.source):
        raise UsageError(f"{flags.source} is a backup already", hint=f"copy it with: copy FROM TO {flags.source}")
    source = repository.elsewhere.opened(flags.source) if repository.elsewhere else None
    if not isinstance(source, OthersBackup):
        hint = (
            "name a folder of manifests, a file of them, a Velero backup or a mongodump; with ./ before a name that tells nothing"
        )
        raise UsageError(f"{flags.source}: nothing that others saved is there", hint=hint)
    for line in () if quiet else render.of_others(source):
        render.say(line)
    location, catalog = import_source(source, destination, render.progress(quiet=quiet), HeldSignals())
    if catalog.missing or not given.is_silent:
        render.show(render.made(location, catalog), given.of(Tables).output)
    for line in render.remarks(catalog, quiet=quiet):
        render.say(line)
    return ExitCode.PARTIAL if catalog.missing else ExitCode.DONE
