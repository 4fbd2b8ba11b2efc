"""What a restore of LRS is asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.stores.common.image_names.mapping import RegistryMap
from kubectl_lrs.stores.lrs.decide import LeftAlone


@dataclass(frozen=True, kw_only=True)
class RestoreOptions:
    """What the user asked for. `crd`: the saved CRD, to be installed first. `operator`: NAMESPACE/NAME, empty to look for it.

    `try_each`: the server will be asked about every object, so neither the schema nor samples decide beforehand.
    """

    selection: Selection
    names: tuple[str, ...] = ()
    existing: Existing = Existing.SKIP
    namespace_map: Mapping[str, str] = field(default_factory=dict)
    registry_map: RegistryMap = field(default_factory=RegistryMap)
    create_namespaces: bool = False
    crd: Manifest | None = None
    validation: str = "Strict"
    restore_status: bool = False
    accept_unmapped: bool = False
    operator: str = ""
    pause_operator: bool = False
    operator_replicas: int | None = None
    try_each: bool = False
    left_alone: LeftAlone = lambda _manifest: None

    @property
    def what_is_mapped(self) -> str:
        """What the user has mapped, in words."""
        maps = {"namespace": self.namespace_map, "registry": self.registry_map}
        return " or ".join(name for name, given in maps.items() if given)
