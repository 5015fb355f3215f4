"""When are two worlds the same? Ids, moments, tokens and numbers of runs have no meaning of their own here."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

UNSTEADY = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # ids of 4HSE and of the journal
    r"|\b85899\d{5}\b"  # ids of Procore
    r"|\b[0-9a-f]{32,64}\b"  # digests and keys
    r"|20[2-9]\d-(?:0[3-9]|1[0-2])-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?"  # moments since the start
    r"|datetime\.datetime\([^()]*(?:\([^()]*\))?[^()]*\)"
    r"|\b1[789]\d{8}\b"  # the same in seconds
)
COLUMNS = {
    "link": ("kind", "procore_id", "fourhse_id", "state", "base", "parent", "generation", "born", "removed"),
    "apart": ("procore_id", "fourhse_id"),
    "route": ("scope", "zone", "mapping", "ever_linked", "meeting_approved", "memory"),
    "inbox": ("key", "state", "item", "facts", "answer"),
    "raw_record": ("side", "kind", "id", "parent_id", "minimal", "absent"),
    "journal": ("act", "side", "kind", "target_id", "source_id", "fields", "outcome", "looks"),
    "refusal": ("key", "side", "fingerprint", "tries"),
    "tombstone": ("side", "kind", "record_id", "image", "evidence"),
}
"""What of each table decides how the product goes on. What a record says stands in the registers, which every cycle
reads anew; the other tables are the record of the product's runs."""


class Names:
    """What is unsteady gets a number where it appears first."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def learn(self, text: str) -> str:
        return UNSTEADY.sub(lambda found: self._number(found[0]), text)

    def steady(self, text: str) -> str:
        """What has no number yet is told apart from nothing else."""
        return UNSTEADY.sub(lambda found: self.known.get(found[0], "?"), text)

    def _number(self, word: str) -> str:
        if is_moment(word):
            return "?"
        return self.known.setdefault(word, f"#{len(self.known)}")


def _sorted(value: Any) -> Any:
    """JSON whose keys were written in another order is the same."""
    is_object = isinstance(value, str) and value.startswith("{")
    return json.dumps(json.loads(value), sort_keys=True, ensure_ascii=False) if is_object else value


def is_moment(word: str) -> bool:
    return word.startswith(("20", "datetime", "1")) and not re.fullmatch(r"[0-9a-f-]{32,}", word)


def key_of(registers: Iterable[str], stored: Mapping[str, list[dict[str, Any]]], memories: Iterable[Any]) -> str:
    """`registers` in the order in which their records were made; `stored` rows of the store's tables by column."""
    names = Names()
    parts = [names.learn(text) for text in registers]
    for table in ("link", *sorted(COLUMNS.keys() - {"link"})):
        told = [repr([_sorted(row[name]) for name in COLUMNS[table]]) for row in stored[table]]
        is_first = table == "link"
        parts += [names.learn(one) for one in told] if is_first else sorted({names.steady(one) for one in told})
    for memory in memories:
        parts += sorted(names.steady(repr(one)) for one in memory)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
