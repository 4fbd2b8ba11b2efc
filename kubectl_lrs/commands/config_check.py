"""`config check`: every door that the settings of a call name is tried, and for each it is said what works and what to do."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_lrs import render
from kubectl_lrs.commands.accounts import refuse_token
from kubectl_lrs.commands.backup_ import STORE_OPTIONS as BACKUP_OPTIONS
from kubectl_lrs.commands.backup_ import Flags as BackupFlags
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.prune_ import Keep
from kubectl_lrs.commands.prune_run import rules_if_any
from kubectl_lrs.commands.run_ import Nightly
from kubectl_lrs.commands.shared import Tables
from kubectl_lrs.consistency import Unchecked
from kubectl_lrs.model.errors import ExitCode, LrsError
from kubectl_lrs.model.flags import flags_of
from kubectl_lrs.model.stores import NONE, levels
from kubectl_lrs.model.units import limit_of_age
from kubectl_lrs.repository import open_repository
from kubectl_lrs.stores.deployments.connect import api_accesses, api_clients, api_is_given
from kubectl_lrs.stores.deployments.flags import AlsoOptions
from kubectl_lrs.stores.deployments.inventory import look_up
from kubectl_lrs.stores.lrs.connect import Target, connect, require_namespace, served
from kubectl_lrs.usecases import doors
from kubectl_lrs.usecases.check_sources import SourceOptions, named_for_every_call, sources
from kubectl_lrs.usecases.doors import Door, DoorReport, DoorState


def run(given: Given) -> ExitCode:
    """Try them all, one failure is no reason not to try the next."""
    found = given.installation
    report = DoorReport(str(found.path) if found else "", list(_all(given)))
    render.show(render.doors_view(report), given.of(Tables).output)
    return report.exit_code()


def _all(given: Given) -> Iterator[Door]:
    target: Target | None = None
    namespace: str | None = None

    def cluster() -> str:
        nonlocal target, namespace
        kube = connect(given.kube, given.cancel)
        identity = kube.identity()
        namespace = None if given.of(BackupFlags).all_namespaces else kube.connection.namespace
        told = " is the file's" if given.installation else ""
        said = f"{kube.connection.server} ({identity.version}): cluster {identity.uid or 'without a uid that may be read'}{told}"
        if namespace:
            require_namespace(kube, namespace)
        target = Target(kube, served(kube, ""))
        return f"{said}; it serves LRS {target.resource.version}"

    yield doors.tried("cluster", cluster)
    if target is None:
        yield from (
            Door(name, DoorState.UNUSED, "the cluster must be reached first") for name in ("rights", "MongoDB", "registries")
        )
    else:
        at: Target = target
        yield doors.tried("rights", lambda: doors.rights(at.kube, at.resource, namespace))
        yield from _behind(given, at, namespace)
    yield _api(given)
    flags = given.of(BackupFlags)
    yield doors.tried("backups", lambda: doors.repository(open_repository(*flags.where)))
    yield _retention(given)


def _retention(given: Given) -> Door:
    """No door; but what is wrong in it shows at night otherwise, when the backup is made and nothing is removed."""
    keep = given.of(Keep)
    said = [(flag.key.rpartition(".")[2], getattr(keep, name)) for name, flag in flags_of(Keep) if getattr(keep, name)]

    def look() -> str:
        rules_if_any(keep)
        limit_of_age(given.of(Nightly).fresh, what="--fresh")
        return ", ".join(f"{key} {' '.join(value) if isinstance(value, tuple) else value}" for key, value in said)

    if [key for key, _ in said] == ["minimum"]:
        return Door("retention", DoorState.UNUSED, "nothing says which backups are kept, so none is removed")
    return doors.tried("retention", look)


def _behind(given: Given, target: Target, namespace: str | None) -> Iterator[Door]:
    """The stores beside it, as far as a backup or check needs them."""
    options = SourceOptions.of(given.of)
    said = {name: getattr(given.of(kind), "level", None) for name, kind in BACKUP_OPTIONS.items()}
    profile = given.of(BackupFlags).profile
    wanted = {name for name, level in levels(profile, said).items() if level != NONE} | set(named_for_every_call(options))
    wanted |= {name for name, kind in BACKUP_OPTIONS.items() if given.all_given((kind,))}
    try:
        found = sources(
            target,
            namespace,
            options,
            wanted=wanted,
            asked=(),
            accounts=(),
            backups=open_repository("."),
            stale_after=doors.A_DAY,
        )
    except LrsError as error:
        yield Door("stores", DoorState.SHUT, str(error), error.hint, error.exit_code)
        return
    mongo, images, storage = found.mongo, found.images, found.storage
    yield (
        _missing("MongoDB", mongo)
        if isinstance(mongo, Unchecked)
        else doors.tried("MongoDB", lambda: doors.mongo(mongo, options.mongo.database))
    )
    if isinstance(images, Unchecked):
        yield _missing("registries", images)
    else:
        try:
            yield from doors.registries(target.kube, target.resource, namespace, images, doors.SILENT)
        except LrsError as error:
            yield Door("registries", DoorState.SHUT, str(error), error.hint, error.exit_code)
    yield _missing("files", storage) if isinstance(storage, Unchecked) else doors.tried("files", lambda: doors.storage(storage))


def _missing(name: str, part: Unchecked) -> Door:
    if part.failed:
        return Door(name, DoorState.SHUT, part.why, f"it is about {part.flag}", ExitCode.USAGE)
    return doors.unused(name, part)


def _api(given: Given) -> Door:
    options = given.of(AlsoOptions)
    if options.with_deployments is False or not api_is_given(options):
        return Door("API", DoorState.UNUSED, "the application's API is not named", "api.url and api.tokenFiles name it")
    refuse_token(given)

    def look() -> str:
        found = api_accesses(options, ask=None)
        return doors.api(look_up(api_clients(found, given.kube_alone.request_timeout, given.cancel)))

    return doors.tried("API", look)
