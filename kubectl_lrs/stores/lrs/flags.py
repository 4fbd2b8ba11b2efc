"""What can be said of restoring LRS on a command line. Pure data."""

from __future__ import annotations

from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.flags import Group, Options, Source, flag

DEFAULT_WORKERS = 16
VALIDATIONS = {"strict": "Strict", "true": "Strict", "warn": "Warn", "ignore": "Ignore", "false": "Ignore"}
"""As kubectl's --validate has it → as the API server does."""


class Mapping(Options):
    """Which namespaces objects go to."""

    maps: tuple[str, ...] = flag(
        "--map-namespace",
        default=(),
        metavar="OLD=NEW",
        group=Group.OBJECTS,
        source=Source.NAMESPACES,
        help="What was saved in OLD goes into NEW; may be repeated. -n and names mean namespaces as they were saved.",
    )

    @property
    def namespaces(self) -> dict[str, str]:
        """OLD → NEW; UsageError where one of them is no mapping."""
        from kubectl_lrs.stores.common.namespaces import namespace_map  # when it is asked: help does not wait for it

        return namespace_map(self.maps)


class TargetOptions(Mapping):
    """What is made in the cluster that objects go to."""

    create_namespaces: bool = flag(
        "--create-namespaces", default=False, group=Group.OBJECTS, help="Make the namespaces that are not there."
    )
    install_crd: bool = flag(
        "--install-crd",
        default=False,
        group=Group.OBJECTS,
        help="Install the CRD that the backup holds, where the cluster has none.",
    )
    parallel: int = flag(
        "--parallel",
        key="restore.parallel",
        default=DEFAULT_WORKERS,
        least=1,
        most=64,
        shown=True,
        group=Group.HOW,
        help="Objects that are written or asked about at once.",
    )


class RestoreFlags(TargetOptions):
    """What becomes of objects."""

    existing: Existing = flag(
        "--existing",
        default=Existing.SKIP,
        choices=(Existing.SKIP, Existing.UPDATE, Existing.REPLACE, Existing.RECREATE, Existing.FAIL),
        shown=True,
        group=Group.OBJECTS,
        help="With an object that is there and differs: leave it (skip), set what the backup has (update), put the saved one in"
        " its place (replace), delete and create it (recreate), or write nothing at all (fail).",
    )
    accept_unmapped: bool = flag(
        "--accept-unmapped",
        default=False,
        group=Group.OBJECTS,
        help="Accept that something still names a namespace or registry that was mapped: no exit status 3 for that.",
    )
    restore_status: bool = flag("--restore-status", default=False, group=Group.OBJECTS, help="Set the saved status too.")
    validate: str = flag(
        "--validate",
        key="restore.validate",
        default="strict",
        choices=tuple(VALIDATIONS),
        shown=True,
        group=Group.OBJECTS,
        help="What the server does with fields it does not know.",
    )
    pause_operator: bool = flag(
        "--pause-operator",
        default=False,
        group=Group.OBJECTS,
        help="Scale the LRS operator to 0 while objects are written, and back.",
    )
    operator: str = flag(
        "--operator",
        key="operator",
        default="",
        metavar="NAMESPACE/NAME",
        group=Group.OBJECTS,
        help="The operator's Deployment, where it is not found by itself.",
    )
    operator_replicas: int | None = flag(
        "--operator-replicas",
        default=None,
        least=0,
        metavar="N",
        group=Group.OBJECTS,
        help="What the operator is scaled to afterwards; needed where it is at 0 now.",
    )
    force: bool = flag(
        "--force",
        default=False,
        group=Group.HOW,
        help="While a deactivation is open: also write LRS of which nothing tells whose deployment they are.",
    )


class RehearseFlags(Mapping):
    """Where objects are rehearsed."""

    scratch_namespace: str = flag(
        "--scratch-namespace",
        default="",
        metavar="NAMESPACE",
        group=Group.OBJECTS,
        source=Source.NAMESPACES,
        help="Create objects in this namespace, which no operator watches, compare and remove them; else the server is asked.",
    )
