"""What can be said of the application's MongoDB on a command line. Pure data."""

from __future__ import annotations

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.flags import Group, Options, Source, flag, flags_of
from kubectl_lrs.model.names import is_object_name
from kubectl_lrs.model.stores import STORES

MONGO, WHERE = Group.MONGO, Group.CONNECTION
LEVELS = STORES["mongo"].levels

IN_CLUSTER = ("namespace", "service", "secret", "secret-key", "user", "auth-source", "port", "tls", "ca-file")
OTHER_WAYS = (
    "--mongo-uri",
    "--mongo-uri-file",
    "LRS_MONGO_URI",
    *(f"--mongo-{name}" for name in (*IN_CLUSTER, "certificate-key-file")),
)
"""What names a way to MongoDB for this call; a URI of the installation file is another one, and does not count beside it."""


class ClusterOptions(Options):
    """Where in the cluster MongoDB is; the defaults are the vendor's."""

    namespace: str = flag(
        "--mongo-namespace",
        key="mongo.namespace",
        default="",
        metavar="NAMESPACE",
        group=WHERE,
        source=Source.NAMESPACES,
        help="Namespace of MongoDB; else that of the LRS.",
    )
    service: str = flag(
        "--mongo-service",
        key="mongo.service",
        default="pcs-mongo-headless",
        metavar="NAME",
        shown=True,
        group=WHERE,
        help="Service of MongoDB in the cluster.",
    )
    secret: str = flag(
        "--mongo-secret",
        key="mongo.secret",
        default="pcs-mongo",
        metavar="NAME",
        shown=True,
        group=WHERE,
        help="Secret with its password.",
    )
    secret_key: str = flag(
        "--mongo-secret-key",
        key="mongo.secretKey",
        default="mongodb-root-password",
        metavar="KEY",
        shown=True,
        group=WHERE,
        help="The password's key in the Secret.",
    )
    user: str = flag(
        "--mongo-user",
        key="mongo.user",
        default="pcs-mongodb",
        metavar="NAME",
        shown=True,
        group=WHERE,
        help="The password's user.",
    )
    auth_source: str = flag(
        "--mongo-auth-source",
        key="mongo.authSource",
        default="admin",
        metavar="DB",
        shown=True,
        group=WHERE,
        help="The database that knows the user.",
    )
    port: int = flag(
        "--mongo-port",
        key="mongo.port",
        default=0,
        least=0,
        most=65535,
        metavar="PORT",
        group=WHERE,
        help="Port of MongoDB in its pods; else the one that the Service names.",
    )
    tls: bool = flag(
        "--mongo-tls",
        key="mongo.tls",
        default=False,
        group=WHERE,
        help="MongoDB in the cluster speaks TLS; certificates must name their pods.",
    )
    ca_file: str = flag(
        "--mongo-ca-file",
        key="mongo.caFile",
        default="",
        metavar="FILE",
        source=Source.FILE,
        group=WHERE,
        help="Certificate file of MongoDB's authority, for --mongo-tls.",
    )
    certificate_key_file: str = flag(
        "--mongo-certificate-key-file",
        key="mongo.certificateKeyFile",
        default="",
        metavar="FILE",
        source=Source.FILE,
        group=WHERE,
        help="Our own certificate and key for MongoDB, in one file, for --mongo-tls.",
    )

    def __post_init__(self) -> None:
        """The names may stand in paths of the API server's; empty only where that means something."""
        flags = dict(flags_of(type(self)))
        for name in ("namespace", "service", "secret"):
            known, value = flags[name], getattr(self, name)
            if not (is_object_name(value) or (value == "" and known.default == "")):
                raise UsageError(f"{known.word} {value!r}: not a name that Kubernetes accepts")


class ServerOptions(ClusterOptions):
    """Where MongoDB is: a URI, or the one in the cluster."""

    uri: str = flag(
        "--mongo-uri",
        key="mongo.uri",
        variable="LRS_MONGO_URI",
        yields=OTHER_WAYS,
        default="",
        metavar="URI",
        group=WHERE,
        help="MongoDB of the application, without a password, which others could see here; else the one in the cluster.",
    )
    uri_file: str = flag(
        "--mongo-uri-file",
        key="mongo.uriFile",
        yields=OTHER_WAYS,
        default="",
        metavar="FILE",
        source=Source.FILE,
        group=WHERE,
        help="File with the MongoDB URI, password and all; else LRS_MONGO_URI.",
    )


class DatabaseOptions(ServerOptions):
    """Where MongoDB is, and in which database the application is."""

    database: str = flag(
        "--mongo-db",
        key="mongo.db",
        default="",
        metavar="NAME",
        group=WHERE,
        help="The application's database; else it is found by its collections.",
    )


class BackupOptions(DatabaseOptions):
    """What of MongoDB a backup takes."""

    level: str | None = flag(
        "--mongo",
        key="mongo.level",
        default=None,
        choices=LEVELS,
        group=MONGO,
        help=f"How much of the {STORES['mongo'].holds} to take; else what --profile says.",
    )
    added: tuple[str, ...] = flag(
        "--mongo-collection",
        key="mongo.collections",
        default=(),
        metavar="NAME",
        group=MONGO,
        help="Take this collection too; may be repeated.",
    )
    may_lack: tuple[str, ...] = flag(
        "--mongo-allow-missing",
        default=(),
        metavar="NAME",
        group=MONGO,
        help="Accept that there is no such collection; may be repeated.",
    )
    consistency: str = flag(
        "--mongo-consistency",
        key="mongo.consistency",
        default="snapshot",
        choices=("snapshot", "none"),
        shown=True,
        group=MONGO,
        help="Whether all collections are read as they were at one instant.",
    )


class CheckOptions(DatabaseOptions):
    """Whether `check` looks at MongoDB."""

    wanted: bool | None = flag(
        "--mongo",
        key="check.mongo",
        off="--no-mongo",
        default=None,
        group=MONGO,
        help="Look at the MongoDB too; by default as --profile says, or where flags name it.",
    )


class RestoreOptions(DatabaseOptions):
    """What a restore does with MongoDB."""

    only: tuple[str, ...] = flag(
        "--mongo-collection", default=(), metavar="NAME", group=MONGO, help="Restore only this collection; may be repeated."
    )
    ids: tuple[str, ...] = flag(
        "--mongo-id",
        default=(),
        metavar="COLLECTION/ID",
        group=MONGO,
        help="Restore only this document, and nothing else; may be repeated.",
    )
    existing: Existing = flag(
        "--mongo-existing",
        default=Existing.MERGE,
        choices=(Existing.MERGE, Existing.REPLACE, Existing.DROP),
        shown=True,
        group=MONGO,
        help="With a collection that is there: add documents that it lacks, or replace the whole of it (drop); with --app or "
        "--mongo-id also: replace documents that differ, one by one.",
    )
    allow_running_app: bool = flag(
        "--allow-running-app",
        default=False,
        group=MONGO,
        help="Replace collections although the application or others use them.",
    )
    ignore_keys: bool = flag(
        "--ignore-keys",
        default=False,
        group=MONGO,
        help="Restore although the encryption keys are other ones than at backup.",
    )


class RehearseOptions(ServerOptions):
    """On which MongoDB a rehearsal makes its database."""


BACKUP, RESTORE, CHECK, REHEARSE = BackupOptions, RestoreOptions, CheckOptions, RehearseOptions
