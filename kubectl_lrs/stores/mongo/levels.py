"""Which collections custom applications live in, by level of recovery. Pure.

Source: DataRobot, "Back up long running services": custom applications.
"""

from __future__ import annotations

from collections.abc import Mapping

MINIMUM = ("custom_applications", "longrunningservices")
"""Applications run again, without source editing and without what their users stored. The database is known by these."""

COMPLETE = (
    *MINIMUM,
    "custom_application_images",
    "custom_application_image_versions",
    "execute_docker_images",
    "workspace_items",
)

LEVELS: Mapping[str, tuple[str, ...]] = {"minimum": MINIMUM, "complete": COMPLETE}

NOT_COVERED = (
    "custom application templates of your own are not in these collections; where they are kept is not public: "
    "--mongo-collection NAME adds what holds them"
)
