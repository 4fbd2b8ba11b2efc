"""The product with one more verb, `whoami`: which server it talks to, in which namespace, and as whom that server sees it.

Everything but the verb is the product's own: flags, kubeconfig, credentials, transport, errors, exit status.
"""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any, cast

import click

from kubectl_lrs import cli
from kubectl_lrs.clients.kubernetes import sender
from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.model.flags import Options, flag
from kubectl_lrs.runtime.retry import Policy
from kubectl_lrs.stores.lrs.connect import connect

REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}


class Flags(Options):
    """How often the server is asked."""

    times: int = flag("--times", default=1, least=1)
    once: bool = flag("--once", default=False, help="Nothing is sent again.")


HELP = "Ask the server who this is."
command = lrs_command("whoami", Flags, help=HELP)


def run(given: Given) -> None:
    """Ask, as often as is said."""
    if given.of(Flags).once:
        sender.POLICY = Policy(attempts=1)
    kube = connect(given.kube)
    for _ in range(given.of(Flags).times):
        answer = kube._sender.send("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=json.dumps(REVIEW).encode())
        user = json.loads(answer)["status"]["userInfo"]
        click.echo(json.dumps({"server": kube.connection.server, "namespace": kube.connection.namespace, "user": user}))


if __name__ == "__main__":
    cli.VERBS["whoami"] = HELP
    sys.modules["kubectl_lrs.commands.whoami_"] = cast("Any", SimpleNamespace(command=command))
    sys.modules["kubectl_lrs.commands.whoami_run"] = cast("Any", SimpleNamespace(run=run))
    cli.main()
