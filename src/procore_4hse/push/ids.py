"""The ids that we give to records in 4HSE."""

from __future__ import annotations

import uuid

from procore_4hse.models import Kind

NAMESPACE = uuid.UUID("6f1f6f0e-54a4-5e6c-9d4f-0d9f1c5b7a11")


def fourhse_id(route: str, kind: Kind, procore_id: str, generation: int) -> str:
    """The id that we give a record in 4HSE: the same for every try, another one after each deletion."""
    return str(uuid.uuid5(NAMESPACE, f"{route}/{kind.value}/{procore_id}/{generation}"))
