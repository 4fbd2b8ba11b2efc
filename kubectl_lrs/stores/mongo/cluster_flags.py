"""The flags that say where in the cluster MongoDB is; their defaults are the vendor's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.names import is_object_name

F = TypeVar("F", bound=Callable[..., Any])


def _name(_ctx: click.Context, param: click.Parameter, value: str) -> str:
    """A name that may stand in a path of the API server's; empty only where that means something."""
    if not (is_object_name(value) or (value == "" and param.default == "")):
        raise UsageError(f"{param.opts[0]} {value!r}: not a name that Kubernetes accepts")
    return value


_OPTIONS = (
    click.option(
        "--mongo-namespace", default="", metavar="NAMESPACE", callback=_name, help="Namespace of MongoDB; else that of the LRS."
    ),
    click.option(
        "--mongo-service",
        default="pcs-mongo-headless",
        metavar="NAME",
        callback=_name,
        show_default=True,
        help="Service of MongoDB in the cluster.",
    ),
    click.option(
        "--mongo-secret",
        default="pcs-mongo",
        metavar="NAME",
        callback=_name,
        show_default=True,
        help="Secret with its password.",
    ),
    click.option(
        "--mongo-secret-key",
        default="mongodb-root-password",
        metavar="KEY",
        show_default=True,
        help="The password's key in the Secret.",
    ),
    click.option("--mongo-user", default="pcs-mongodb", metavar="NAME", show_default=True, help="The password's user."),
    click.option(
        "--mongo-auth-source", default="admin", metavar="DB", show_default=True, help="The database that knows the user."
    ),
    click.option(
        "--mongo-port",
        default=0,
        type=click.IntRange(0, 65535),
        metavar="PORT",
        help="Port of MongoDB in its pods; else the one that the Service names.",
    ),
    click.option("--mongo-tls", is_flag=True, help="MongoDB in the cluster speaks TLS; certificates must name their pods."),
    click.option("--mongo-ca-file", default="", metavar="FILE", help="Certificate file of MongoDB's authority, for --mongo-tls."),
    click.option(
        "--mongo-certificate-key-file",
        default="",
        metavar="FILE",
        help="Our own certificate and key for MongoDB, in one file, for --mongo-tls.",
    ),
)


def mongo_cluster_options(function: F) -> F:
    """All of them."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def refuse_beside_uri(ctx: click.Context, source: str) -> None:
    """UsageError where one of these flags was given although `source` (a flag or variable) names a URI, which says it all."""
    for param in ctx.command.params:
        is_ours = param.name in NAMES and isinstance(param, click.Option)
        if is_ours and ctx.get_parameter_source(str(param.name)) is click.core.ParameterSource.COMMANDLINE:
            raise UsageError(
                f"{param.opts[0]} is about the MongoDB in the cluster, and {source} names another way",
                hint=f"leave out one of the two; TLS and users of a URI stand in the URI (unset {source} to reach the cluster's)",
            )


NAMES = frozenset(
    (
        "mongo_namespace",
        "mongo_service",
        "mongo_secret",
        "mongo_secret_key",
        "mongo_user",
        "mongo_auth_source",
        "mongo_port",
        "mongo_tls",
        "mongo_ca_file",
        "mongo_certificate_key_file",
    )
)
"""Of the values that these flags set."""
