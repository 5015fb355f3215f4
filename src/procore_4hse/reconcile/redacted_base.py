"""A base whose values were removed on request: a fingerprint still tells whether a side has changed since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from procore_4hse.mapping.rules import Field
from procore_4hse.models import Agreement, Image, Side

PRINT, SALT = "@print", "@salt"


def forgotten(base: Agreement, salt: str) -> Agreement:
    """The same agreement without a value; what is forgotten already stays as it is."""
    return Agreement(_forget(base.procore, salt), _forget(base.fourhse, salt), base.settled)


def is_forgotten(values: Image) -> bool:
    return PRINT in values


def recalled(field: Field, base: Agreement | None, now: Mapping[Side, Image]) -> Agreement | None:
    """The base with its values again on every side that still shows them."""
    if base is None or not any(is_forgotten(base.of(side)) for side in Side):
        return base
    kept = {
        side: _recall(base.of(side), field.slice(side, now[side])) if side in now else base.of(side) for side in Side
    }
    return Agreement(kept[Side.PROCORE], kept[Side.FOURHSE], base.settled)


def _forget(values: Image, salt: str) -> Image:
    return values if is_forgotten(values) else {SALT: salt, PRINT: _print(values, salt)}


def _recall(values: Image, shown: Image) -> Image:
    return shown if values.get(PRINT) == _print(shown, str(values.get(SALT))) else values


def _print(values: Image, salt: str) -> str:
    told: Any = [salt, dict(values)]
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()
