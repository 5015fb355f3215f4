"""One answer to one question, to several, or to all of one kind: each is checked and told by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from procore_4hse.cli.context import CliContext
from procore_4hse.cli.text import counted, plain
from procore_4hse.errors import UsageError
from procore_4hse.models import ItemKind
from procore_4hse.operations.questions import Outline, grouped, outlined
from procore_4hse.route import Route
from procore_4hse.store.repository import Store


@dataclass(frozen=True)
class Wanted:
    """A question by its number, the digest that counts for what was seen of it, and its only candidate.

    `only_candidate` is told of pairs that show the same, where one answer to all of them can mean nothing else.
    """

    number: int
    shown: str | None = None
    only_candidate: str | None = None


Act = Callable[[Store, Wanted], tuple[str, str]]
"""Does it to one question: what is told, and the route's name."""


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
        for each in wanted:
            try:
                told, route = act(runtime.store, each)
            except UsageError as error:
                refused[each.number] = error
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


def _wanted(context: CliContext, store: Store, chosen: Chosen, state: str) -> list[Wanted]:
    if not chosen.every:
        return [Wanted(number, chosen.shown) for number in dict.fromkeys(chosen.numbers)]
    found = _of_kind(store, context.named(chosen.routes), chosen, state)
    for line in _counted(found, chosen):
        context.err.print(line, soft_wrap=True)
    if found:
        context.confirm("Go on with all of them?", yes=chosen.yes)
    # What comes up or moves while somebody thinks about it was not among what was counted.
    return [Wanted(each.id, each.item.shown, each.only_candidate if each.about else None) for each in found]


def _of_kind(store: Store, routes: Iterable[Route], chosen: Chosen, state: str) -> list[Outline]:
    with store.read() as unit:
        found = outlined(unit, list(routes), (state,))
        return [each for each in found if each.kind is chosen.kind and not each.entry.is_snoozed(unit.now)]


def _counted(found: Sequence[Outline], chosen: Chosen) -> Iterator[str]:
    """How many there are, and how many of each cause where there is more than one."""
    told = counted(len(found), f"question of kind {chosen.kind}", f"questions of kind {chosen.kind}")
    groups = grouped(found)
    if len(groups) < 2:
        about = groups[0].about if groups else ""
        yield f"{told}: {plain(about)}." if about else f"{told}."
        return
    yield f"{told}:"
    for group in groups:
        yield f"  {len(group.questions)}: {plain(group.about) or 'each by itself'}"
