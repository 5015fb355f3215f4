"""4HSE may refuse to take an incident as closed at once: what is sent then, and how it is told apart."""

from __future__ import annotations

from typing import Any

from procore_4hse.models import Image

NEW: Image = {"status": "new"}
OPEN: Image = {"status": "open"}


def is_closed(image: Image) -> bool:
    return image.get("status") == "closed"


def is_new(image: Image) -> bool:
    return image.get("status") == "new"


def as_new(fields: Image) -> dict[str, Any]:
    """The same incident as one that nobody has worked on."""
    return {**{name: value for name, value in fields.items() if name != "date_closed"}, **NEW}
