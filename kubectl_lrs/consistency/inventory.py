"""What is known of an installation, or of the moment that a backup stands for. Each part is known, or not, with the reason.

The fields of Mongo documents are not public. An application and what belongs to it are held together by the
application's id alone; a status is a word that is only held against `RUNNING`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

T = TypeVar("T")

RUNNING = "running"
"""How the application's API calls the status of a custom application that serves."""


@dataclass(frozen=True)
class Unchecked:
    """A part that nobody looked at, or that could not be had. `flag`: what would make it known. `failed`: it was asked for."""

    why: str
    flag: str = ""
    failed: bool = False


Part: TypeAlias = "Sequence[T] | Unchecked"


def known(part: Part[T]) -> Sequence[T]:
    """What is known of a part: nothing where it is not."""
    return () if isinstance(part, Unchecked) else part


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A custom application. `lrs`: the id of its LRS where the API names one. `status`: as it is shown, empty where not known.

    `in_database`: MongoDB has its document; None where that was not looked at.
    """

    id: str
    name: str = ""
    status: str = ""
    lrs: str = ""
    in_database: bool | None = None

    @property
    def ids(self) -> frozenset[str]:
        """By which its LRS is known."""
        return frozenset((self.id, self.lrs)) - {""}

    @property
    def is_running(self) -> bool:
        """Whether its users are told that it runs."""
        return self.status.strip().lower() == RUNNING


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document of `longrunningservices`: its id, and the ids that it speaks of."""

    id: str
    mentions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class LrsObject:
    """An LRS in the cluster. `ids`: every id in its name, labels, annotations and spec. `is_going`: it is being deleted."""

    namespace: str
    name: str
    type: str
    ids: frozenset[str] = frozenset()
    is_going: bool = False
    state: str = ""

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class SparkSession:
    """A Spark session that is older than one should be. `age`: in words."""

    namespace: str
    name: str
    age: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A deployment, as the application's API shows it. `is_custom`: it serves a custom model, which runs as an LRS."""

    id: str
    label: str
    status: str
    is_custom: bool


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Where something is named. `store`: `lrs` or a collection. `ids`: those that tell whose it is."""

    store: str
    id: str
    field: str
    ids: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.store} {self.id} {self.field}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageAt:
    """An image that is named. `problem`: what nobody could tell of it; `is_missing`: its registry surely does not have it."""

    reference: str
    is_missing: bool = False
    problem: str = ""
    places: tuple[Occurrence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LostFile:
    """A file that is referred to and that the storage does not have. `problem`: why a backup lacks one that it may have."""

    path: str
    place: Occurrence
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The encryption keys held against those of a backup. `changed`: what is another one now, empty where nothing is."""

    backup: str
    secret: str
    changed: str = ""


@dataclass(frozen=True, kw_only=True)
class NoneThere:
    """There is no LRS at all where they were looked for. `elsewhere`: namespace → how many there are, as far as may be seen.

    `is_named`: the user has said which namespace.
    """

    elsewhere: Mapping[str, int]
    is_named: bool


@dataclass(kw_only=True)
class Inventory:
    """Everything that is known. `scope`: where LRS were looked for, in words; `files`: only those that are lost.

    `partly`: by part, why what is known of it may not be all of it.
    `none_there`: what is missing then is told once, and not of each application.
    """

    scope: str
    objects: Part[LrsObject]
    applications: Part[Application]
    documents: Part[Document]
    deployments: Part[Deployed]
    sessions: Part[SparkSession]
    images: Part[ImageAt]
    files: Part[LostFile]
    keys: Part[Keys]
    partly: Mapping[str, Unchecked] = field(default_factory=dict)
    none_there: NoneThere | None = None
    stale_after: str = "24h"
    counts: dict[str, int] = field(default_factory=dict)
    """How many of each were looked at, where that is not the length of the part."""
