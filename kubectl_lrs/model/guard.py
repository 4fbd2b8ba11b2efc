"""Which cluster settings are of: they are refused for any other one. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Guard:
    """`uids`: of kube-system and of the namespace of the LRS, as far as the file has them; a namespace is in one cluster alone.

    `namespace`: that of the LRS, empty for the connection's. `file`: what says so. `names_system`, `names_own`: which of the
    two the file has; what it does not have tells nothing. `system`: that of kube-system.
    """

    uids: frozenset[str]
    file: str
    names_system: bool = True
    names_own: bool = True
    namespace: str = ""
    system: str = ""
