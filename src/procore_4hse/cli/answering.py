"""One answer to one question, to several, or to all of one kind: each is checked and told by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from procore_4hse.cli.context import CliContext
from procore_4hse.cli.text import counted
from procore_4hse.errors import UsageError
from procore_4hse.models import ItemKind
from procore_4hse.route import Route
from procore_4hse.store.inbox import Entry
from procore_4hse.store.repository import Store

Act = Callable[[Store, int, str | None], tuple[str, str]]
"""Does it to one question, by its number and the digest that was seen: what is told, and the route's name."""


@dataclass(frozen=True)
class Chosen:
    """Which questions a command is about: those with these numbers, or all of a kind, of some routes or of all."""

    numbers: Sequence[int]
    kind: ItemKind | None = None
    every: bool = False
    routes: Sequence[str] = ()
    yes: bool = False
    shown: str | None = None

    def check(self) -> None:
        """Raises UsageError unless it says which questions are meant, and says it once."""
        if self.every == bool(self.numbers):
            raise UsageError("Say which questions: their IDs, or --kind KIND --all for every one of a kind.")
        if self.every != (self.kind is not None) or (self.routes and not self.every):
            raise UsageError("--kind, --all and --route choose questions together: --kind KIND --all [--route NAME].")
        if self.shown is not None and len(self.numbers) != 1:
            raise UsageError("--shown says what one question showed; give one ID with it.")


def answer_each(context: CliContext, chosen: Chosen, act: Act, *, state: str = "open") -> set[str]:
    """Does it to each of the questions; gives the names of the routes where something was done.

    `state` is what those must be in that are chosen by their kind. Raises UsageError when one was refused, after all
    were tried.
    """
    chosen.check()
    routes: set[str] = set()
    refused: dict[int, UsageError] = {}
    with context.runtime() as runtime:
        wanted = _wanted(context, runtime.store, chosen, state)
        for number, shown in wanted.items():
            try:
                told, route = act(runtime.store, number, shown)
            except UsageError as error:
                refused[number] = error
                continue
            routes.add(route)
            context.out.print(told, style="green", soft_wrap=True)
    _tell_refused(context, refused, len(wanted))
    return routes


def _tell_refused(context: CliContext, refused: dict[int, UsageError], of_all: int) -> None:
    if not refused:
        return
    if of_all == 1:
        raise next(iter(refused.values()))
    for error in refused.values():
        context.err.print(str(error), style="bold red")
    listed = ", ".join(map(str, refused))
    raise UsageError(f"{len(refused)} of {of_all} could not be done: {listed}. The others are done.")


def _wanted(context: CliContext, store: Store, chosen: Chosen, state: str) -> dict[int, str | None]:
    """The questions' numbers, each with the digest that counts for what was seen of it."""
    if not chosen.every:
        return dict.fromkeys(chosen.numbers, chosen.shown)
    found = _of_kind(store, context.named(chosen.routes), chosen, state)
    context.err.print(_counted(found, chosen), soft_wrap=True)
    if found:
        context.confirm("Go on with all of them?", yes=chosen.yes)
    # What comes up or moves while somebody thinks about it was not among what was counted.
    return {entry.id: entry.item.shown for entry in found}


def _of_kind(store: Store, routes: Iterable[Route], chosen: Chosen, state: str) -> list[Entry]:
    with store.read() as unit:
        entries = [entry for route in routes for entry in unit.inbox(route.key).entries(states=(state,))]
        return [entry for entry in entries if entry.item.kind is chosen.kind and not entry.is_snoozed(unit.now)]


def _counted(found: Sequence[Entry], chosen: Chosen) -> str:
    """How many there are, and how many of each cause where there is more than one."""
    causes = Counter(entry.item.field or entry.item.key.guarded or entry.item.key.topic for entry in found)
    parts = [f"{count} about {cause}" for cause, count in causes.most_common()] if len(causes) > 1 else []
    told = counted(len(found), f"question of kind {chosen.kind}", f"questions of kind {chosen.kind}")
    return f"{told}: {', '.join(parts)}." if parts else f"{told}."
