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
from kubectl_lrs.commands.command import kube_flags, verb
from kubectl_lrs.stores.lrs import connect as wiring

REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}


@verb("whoami")
@click.option("--times", type=int, default=1)
def command(ctx: click.Context, times: int) -> None:
    """Ask the server who this is."""
    kube = wiring.connect(kube_flags(ctx))
    for _ in range(times):
        answer = kube._send("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=json.dumps(REVIEW).encode())
        user = json.loads(answer)["status"]["userInfo"]
        click.echo(json.dumps({"server": kube.connection.server, "namespace": kube.connection.namespace, "user": user}))


if __name__ == "__main__":
    cli.VERBS["whoami"] = "Ask the server who this is."
    sys.modules["kubectl_lrs.commands.whoami_"] = cast("Any", SimpleNamespace(command=command))
    cli.main()
