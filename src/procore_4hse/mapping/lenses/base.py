"""What a lens is: a get/put pair between a vendor's raw values and the value that both sides mean.

A lens reads named keys of an image (`reads`), says what they mean (`get`), whether two meanings agree, and which
raw values to write (`put`) so that `get` gives the meaning back while everything it does not speak about stays.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from procore_4hse.mapping.paths import at
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.models import Image, Side

# The `@` keeps facts that we add to an image apart from every name that a vendor may send.
ZONE = "@zone"
"""tz database name of the project."""
INJURED = "@injured"
"""True or False: whether the incident has an injury; None while the record lists are not complete."""
RECORDED = "@recorded"
"""The kinds of records that it has, as the list of categories calls them; None while the lists are not complete."""
UNNAMED = "@unnamed"
"""What its records that name nobody tell, by kind; a kind is missing while its list is not complete."""
NO_RECORDS: Mapping[str, Any] = {INJURED: False, RECORDED: []}
"""What an incident shows of its records before it has any."""
ACTIONS = "@actions"
"""What an incident's actions tell, empty when there are none; None while their list is not complete."""
TIED = "@tied"
"""What a 4HSE incident is tied to, by the list that tells it; a list is missing while it is not complete."""
STATUS_AT = "@status_at"
"""The instant at which the present status was first seen."""


@dataclass(frozen=True)
class Known:
    value: Any
    """Text, date, word or None, never an empty text; equal meanings are equal values unless the lens says otherwise."""


@dataclass(frozen=True)
class Held:
    """The meaning cannot be told: an unknown word (`word`), or evidence that is not complete (`word` is None)."""

    reason: str
    word: str | None = None
    file: str = field(default="", repr=False, compare=False)
    """The list of the mapping's folder in which the word is missing. Told to people; no digest covers it."""
    meanings: tuple[str, ...] = field(default=(), repr=False, compare=False)
    """What a word of that list may mean on the other side, for those who are asked what this one means."""


Reading = Known | Held
SEVERAL = (Mapping, list, bool)
"""What stands where a single value should."""
LONGEST_WORD = 80
"""An odd value is shown in a question up to this many characters."""


def unreadable(side: Side, image: Image, *names: str) -> Held | None:
    """Why none of these values can be read when one is a list, an object or a yes or no; None for single values."""
    for name in names:
        value = at(image, name)
        # Nearly every value is a text, and this is asked of each value several times in a cycle.
        if not isinstance(value, str) and isinstance(value, SEVERAL):
            return odd_value(side, name, value)
    return None


def odd_value(side: Side, name: str, raw: Any) -> Held:
    """A value that means nothing where it stands."""
    return Held(f"{side.label} shows something in `{name}` that cannot be read", word=str(raw)[:LONGEST_WORD])


class Unwritable(Exception):
    """This value has no form on that side; the message says why, `field` of which row, where that is known."""

    field = ""


class Lens(Protocol):
    @property
    def equivalence(self) -> str:
        """What counts as equal, in one clause; `mapping show` prints it."""

    def reads(self, side: Side) -> tuple[str, ...]: ...

    def names(self, side: Side) -> tuple[str, ...]:
        """The keys that `put` may write; Procore takes an id where it shows an object."""

    def get(self, side: Side, image: Image) -> Reading: ...

    def put(self, side: Side, value: Any, current: Image, facts: Image) -> dict[str, Any]:
        """The raw values to write over `current` (empty for a new record). Raises Unwritable.

        `facts` holds ZONE, and STATUS_AT of the record that the value comes from.
        """

    def agree(self, procore: Any, fourhse: Any) -> bool: ...

    def is_rewrite(self, sent: Any, stored: Any) -> bool:
        """True when a server may store `stored` for `sent` and mean the same."""

    def writes(self, side: Side) -> bool:
        """False when this lens never writes to that side; a change there that cannot cross is a conflict."""


class ByValue:
    """What most lenses have in common: equal meanings agree, a server stores what was sent, both sides are written."""

    def agree(self, procore: Any, fourhse: Any) -> bool:
        return bool(procore == fourhse)

    def is_rewrite(self, sent: Any, stored: Any) -> bool:
        return bool(sent == stored)

    def writes(self, side: Side) -> bool:
        return True


@dataclass(frozen=True)
class Columns(ByValue):
    procore: str
    fourhse: str

    def key(self, side: Side) -> str:
        return self.procore if side is Side.PROCORE else self.fourhse

    def reads(self, side: Side) -> tuple[str, ...]:
        return (self.key(side),)

    def names(self, side: Side) -> tuple[str, ...]:
        return tuple(key for key in self.reads(side) if not key.startswith("@"))


class NeedsLists(ABC):
    """A lens that can be told what the systems' own lists hold now. A class, for it is asked for with every row."""

    @abstractmethod
    def bound(self, picklists: Picklists) -> Lens: ...
