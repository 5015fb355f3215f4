"""What a project and an office say about themselves."""

from __future__ import annotations

from procore_4hse.mapping.lenses.days import zone_name
from procore_4hse.models import Image

NO_ZONE = "Procore does not say which time zone the project is in; set it in the project's settings in Procore."


def project_zone(project: Image) -> str | None:
    """The tz database name of a Procore project's zone; None when it does not say one that we know."""
    return zone_name(project.get("tz_name"), project.get("time_zone"))


def inactive_status(project: Image) -> str | None:
    """The status of a 4HSE project that does not work; None for one that does (H6)."""
    status = project.get("status")
    return None if status in (None, "active") else str(status)


def has_ended(office: Image) -> bool:
    """Whether a 4HSE office is closed, so that its incidents may be hidden (H6)."""
    # Flags come as booleans, numbers or text (H4).
    return any(office.get(name) in (False, 0, "0") for name in ("owned_active", "parent_active"))
