"""What a command line can say, as data: each flag is a field of the frozen options that the rest of the program is handed.

Pure: the library that reads command lines is not known here, nor is what a flag leads to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_settings: Any) -> Any:
        """What only the check of types knows."""
        return lambda kind: kind


T = TypeVar("T")
O = TypeVar("O", bound="Options")  # noqa: E741


class Group(str, Enum):
    """The headings under which a help lists flags, in this order."""

    MEANT = "What is meant"
    OTHER = "Flags"
    OBJECTS = "What objects become"
    HOW = "How it is done"
    OUTPUT = "Backups and output"
    MONGO = "Mongo"
    IMAGES = "Images"
    FILES = "Files"
    API = "Application's API"
    CREDENTIALS = "Credentials of pods"
    CONNECTION = "Connection to Mongo"
    STORAGE = "How a storage of backups is reached"


class Source(str, Enum):
    """Where the values of a flag are found, for the Tab key."""

    NONE = ""
    FILE = "file"
    DIRECTORY = "directory"
    TYPES = "types"
    BACKUPS = "backups"
    READABLE = "readable"
    BACKUP_NAMES = "backup-names"
    BACKUPS_OR_LIVE = "backups-or-live"
    BACKUPS_AND_LRS = "backups-and-lrs"
    APPLICATIONS = "applications"
    KINDS = "kinds"
    CONTEXTS = "contexts"
    CLUSTERS = "clusters"
    USERS = "users"
    NAMESPACES = "namespaces"


@dataclass(frozen=True, kw_only=True)
class Flag:
    """A flag, or an argument where `names` begin with no dash.

    `off`: what switches a boolean off. `choices`: all its values; `offered`: those that the Tab key offers. `least` and
    `most`: of a number. `commas`: several values may stand in one word. `alone`: what it means without a value, where it need
    not have one. `shown`: its default is told in the help. `many`: an argument that takes all that comes.

    A flag is a *setting* where it has a `key`: what it is called in an installation file, such as `mongo.uriFile`. All others
    are acts: only the command line says them. `variable`: of the environment, which says it too, before the file. `yields`:
    flags, arguments and variables beside which the file's value does not count, as it belongs to what they say otherwise.
    """

    names: tuple[str, ...]
    help: str = ""
    default: Any = None
    off: str = ""
    metavar: str = ""
    choices: tuple[Any, ...] = ()
    offered: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    commas: bool = False
    alone: str = ""
    shown: bool = False
    many: bool = False
    group: Group = Group.OTHER
    source: Source = Source.NONE
    key: str = ""
    variable: str = ""
    yields: tuple[str, ...] = ()

    @property
    def is_argument(self) -> bool:
        """Whether it stands for itself on the line."""
        return not self.names[0].startswith("-")

    @property
    def is_boolean(self) -> bool:
        """Whether it takes no value."""
        return isinstance(self.default, bool) or bool(self.off)

    @property
    def is_number(self) -> bool:
        """Whether its value is a whole number."""
        return self.least is not None or self.most is not None

    @property
    def is_repeated(self) -> bool:
        """Whether it may be given several times."""
        return isinstance(self.default, tuple)

    @property
    def word(self) -> str:
        """Its longest name, as messages name it."""
        return max(self.names, key=len)


def flag(
    *names: str,
    default: T,
    help: str = "",  # noqa: A002  the field's word
    off: str = "",
    metavar: str = "",
    choices: Collection[Any] = (),
    offered: Collection[str] = (),
    least: int | None = None,
    most: int | None = None,
    commas: bool = False,
    alone: str = "",
    shown: bool = False,
    group: Group = Group.OTHER,
    source: Source = Source.NONE,
    key: str = "",
    variable: str = "",
    yields: Collection[str] = (),
) -> T:
    """A field of options that a flag sets; what it is when the flag is not given."""
    made = Flag(
        names=names,
        default=default,
        help=help,
        off=off,
        metavar=metavar,
        choices=tuple(choices),
        offered=tuple(offered),
        least=least,
        most=most,
        commas=commas,
        alone=alone,
        shown=shown,
        group=group,
        source=source,
        key=key,
        variable=variable,
        yields=tuple(yields),
    )
    return cast("T", made)


def setting(field: T, key: str, *, yields: Collection[str] = ()) -> T:
    """The same field of other options, where it is a setting of this key."""
    from dataclasses import replace

    return cast("T", replace(cast("Flag", field), key=key, yields=tuple(yields)))


def argument(
    name: str,
    *,
    default: T,
    metavar: str,
    many: bool = False,
    choices: Collection[str] = (),
    offered: Collection[str] = (),
    source: Source = Source.NONE,
) -> T:
    """A field of options that an argument of the command sets."""
    made = Flag(
        names=(name,),
        default=default,
        metavar=metavar,
        many=many,
        choices=tuple(choices),
        offered=tuple(offered),
        source=source,
    )
    return cast("T", made)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(flag, argument, setting))
class _Frozen:
    """What a frozen dataclass is, and what types are checked by; but no code is made for each class of it.

    That takes half a millisecond for each, and a help that lists sixty flags is made of twenty of them.
    """

    given: frozenset[str]
    configured: frozenset[str]
    settings_file: str

    def __init__(
        self,
        *,
        given: frozenset[str] = frozenset(),
        configured: frozenset[str] = frozenset(),
        settings_file: str = "",
        **values: Any,
    ) -> None:
        known = {name: each.default for name, each in flags_of(type(self))}
        if unknown := values.keys() - known.keys():
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
        self.__dict__.update(known | values, given=given, configured=configured, settings_file=settings_file)
        self.__post_init__()

    def __post_init__(self) -> None:
        """UsageError where the values cannot be."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} is frozen")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


class Options(_Frozen):
    """What is asked of a part of the program. `given`: the flags among its own that stood on the command line.

    `configured`: those whose value is that of the installation file; `settings_file`: its path where there are any.
    """

    given: frozenset[str] = frozenset()
    configured: frozenset[str] = frozenset()
    settings_file: str = ""

    def first_given(self, kind: type[Options]) -> str:
        """The first flag of this kind of options that stood on the command line; empty where none did."""
        return next((each.word for _, each in flags_of(kind) if each.word in self.given), "")


def flags_of(kind: type[_Frozen]) -> Iterator[tuple[str, Flag]]:
    """(field, flag) of these options, those that they share with others first."""
    found = {}
    for each in reversed(kind.__mro__):
        found.update({name: value for name, value in vars(each).items() if isinstance(value, Flag)})
    return iter(found.items())
