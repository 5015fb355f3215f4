"""A base whose values were removed on request: a fingerprint still tells whether a side has changed since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from procore_4hse.mapping.rules import Field
from procore_4hse.models import Base, Image, Side

PRINT, SALT = "@print", "@salt"


def redact_base(base: Base, salt: str) -> Base:
    """The same agreement without a value; what is forgotten already stays as it is."""
    return replace(base, procore=_redact(base.procore, salt), fourhse=_redact(base.fourhse, salt))


def is_redacted(values: Image) -> bool:
    return PRINT in values


def restore_base(field: Field, base: Base | None, now: Mapping[Side, Image]) -> Base | None:
    """The base with its values again on every side that still shows them."""
    if base is None or not any(is_redacted(base.of(side)) for side in Side):
        return base
    kept = {
        side: _restore(base.of(side), field.slice(side, now[side])) if side in now else base.of(side) for side in Side
    }
    return replace(base, procore=kept[Side.PROCORE], fourhse=kept[Side.FOURHSE])


def _redact(values: Image, salt: str) -> Image:
    return values if is_redacted(values) else {SALT: salt, PRINT: _print(values, salt)}


def _restore(values: Image, display: Image) -> Image:
    return display if values.get(PRINT) == _print(display, str(values.get(SALT))) else values


def _print(values: Image, salt: str) -> str:
    salted: Any = [salt, dict(values)]
    return hashlib.sha256(json.dumps(salted, sort_keys=True, default=str).encode()).hexdigest()
