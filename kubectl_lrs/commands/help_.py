"""`kubectl lrs help`: the help of a verb, or a page about what several verbs share."""

from __future__ import annotations

import click

from kubectl_lrs import render
from kubectl_lrs.commands.command import PAGES, HelpContext, group_of
from kubectl_lrs.model.errors import UsageError

ABOUT: dict[str, str] = {
    "mongo": """Flags of backup, restore and check that say where the application's MongoDB is, and how it is reached.

Where none of them is given and LRS_MONGO_URI is not set, it is the one in the cluster: its Service, with the password out of
its Secret, through a forwarded port of the kubeconfig's connection. A password never stands on the command line: a URI that
holds one comes from --mongo-uri-file or LRS_MONGO_URI.""",
    "storage": """Flags of all commands that ask for backups: how the storage is reached that --backup-dir or LRS_BACKUP_DIR
names by a URL. They say nothing where the backups are on a path.

S3 is reached as the AWS tools do it: credentials by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or the machine's
role; AWS_REGION; AWS_ENDPOINT_URL.""",
}
"""Page → what stands above its flags."""

MAN = "man"
"""The page for man: `kubectl lrs help man | man -l -`."""


@click.command("help")
@click.argument("topic", required=False, default="")
@click.pass_context
def command(ctx: click.Context, topic: str) -> None:
    """Show the help of a verb, or a page: mongo, storage, man."""
    group = ctx.parent
    if not topic or group is None:
        render.answer(f"{(group or ctx).get_help()}\n")
    elif topic == MAN:
        render.answer(roff(group), is_data=True)
    elif topic in ABOUT:
        render.answer(page(ctx, topic))
    else:
        render.answer(f"{_verb(group, topic)}\n")


command.context_class = HelpContext


def _verb(group: click.Context, name: str) -> str:
    """The same as `NAME --help`."""
    verbs = group.command
    found = verbs.get_command(group, name) if isinstance(verbs, click.Group) else None
    if found is None:
        from difflib import get_close_matches

        known = [*(verbs.list_commands(group) if isinstance(verbs, click.Group) else ()), *ABOUT, MAN]
        near = get_close_matches(name, known, 3)
        raise UsageError(
            f"there is no help on {name!r}",
            hint=f"did you mean {' or '.join(near)}?" if near else f"it is on: {', '.join(known)}",
        )
    with found.context_class(found, info_name=name, parent=group) as ctx:
        return found.get_help(ctx)


def roff(group: click.Context) -> str:
    """The man page."""
    from kubectl_lrs.commands.manual import manual

    return manual(group, ABOUT.items())


def page(ctx: click.Context, name: str) -> str:
    """One page: what it is about, and its flags."""
    from kubectl_lrs.commands.flags import parameters
    from kubectl_lrs.commands.shared import Backups
    from kubectl_lrs.stores.mongo.flags import DatabaseOptions

    group = next(group for group, (page, _) in PAGES.items() if page == name)
    formatter = ctx.make_formatter()
    for number, paragraph in enumerate(ABOUT[name].split("\n\n")):
        if number:
            formatter.write_paragraph()
        formatter.write_text(paragraph)
    options = [
        each for each in parameters([DatabaseOptions, Backups]) if isinstance(each, click.Option) and group_of(each) is group
    ]
    with formatter.section(group.value):
        formatter.write_dl([record for each in options if (record := each.get_help_record(ctx))])
    return f"{formatter.getvalue().rstrip()}\n"
