"""Who may see and decide what: rights by route and by class of data."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from procore_4hse.errors import ConfigurationError, Problem
from procore_4hse.mapping.classes import FieldClass
from procore_4hse.models import PEOPLE_RECORDS, Action, Item, ItemKind, Kind
from procore_4hse.route import Route
from procore_4hse.settings.model import DeskSettings

Classes = frozenset[FieldClass]
ALWAYS = frozenset({FieldClass.PLAIN, FieldClass.LOCATION})
"""What everybody sees who may see a route at all."""
ALL = frozenset(FieldClass)
ABOUT_PEOPLE = frozenset({FieldClass.IDENTITY, FieldClass.HEALTH})
"""A record of a person says who was hurt and how; that there is one says it already."""
PEOPLE = frozenset({*PEOPLE_RECORDS, Kind.PERSON, Kind.DIRECTORY})


@dataclass(frozen=True)
class Grant:
    """A right on one route, or on all of them where `route` is None."""

    decides: bool
    route: str | None = None
    classes: Classes = ALWAYS


@dataclass(frozen=True)
class Visitor:
    """Somebody who is signed in. `who` is the system's or the identity provider's name of them."""

    who: str
    grants: tuple[Grant, ...]

    def classes(self, route: Route) -> Classes:
        return frozenset(each for grant in self._on(route) for each in grant.classes)

    def decides(self, route: Route) -> bool:
        return any(grant.decides for grant in self._on(route))

    def routes(self, routes: Iterable[Route]) -> tuple[Route, ...]:
        """Those of these routes that this person may see."""
        return tuple(route for route in routes if any(self._on(route)))

    def _on(self, route: Route) -> Iterable[Grant]:
        return [grant for grant in self.grants if grant.route in (None, route.name)]


def owner(who: str) -> Visitor:
    """Whoever may read the configuration, and so everything that the desk shows."""
    return Visitor(who, (Grant(decides=True, classes=ALL),))


# As a session keeps them -------------------------------------------------------------------------------------------


def grants_json(grants: Iterable[Grant]) -> list[dict[str, Any]]:
    return [
        {"decides": each.decides, "route": each.route, "classes": sorted(word.value for word in each.classes)}
        for each in grants
    ]


def grants_of(kept: Iterable[Any]) -> tuple[Grant, ...]:
    return tuple(
        Grant(each["decides"], each["route"], frozenset(FieldClass(word) for word in each["classes"])) for each in kept
    )


# Rules of the settings ---------------------------------------------------------------------------------------------

RULE = re.compile(r"(?P<name>\S.*?)(?: on (?P<route>\S.*?))?(?: sees (?P<classes>\S.*?))?")


@dataclass(frozen=True)
class Rule:
    """`name` is a person's name at the proxy, or a value of the role claim."""

    name: str
    grant: Grant


def rules_of(desk: DeskSettings, routes: Collection[str]) -> tuple[Rule, ...]:
    """The rules of the settings: `NAME`, `NAME on ROUTE`, `NAME on ROUTE sees CLASS, CLASS`.

    Raises ConfigurationError for a route or a class that does not exist.
    """
    texts = [("deciders", text) for text in desk.deciders] + [("viewers", text) for text in desk.viewers]
    rules = [(key, text, _rule(text, decides=key == "deciders")) for key, text in texts]
    if problems := tuple(_problem(key, text, routes) for key, text, rule in rules if not _is_known(rule, routes)):
        raise ConfigurationError(problems)
    return tuple(rule for _, _, rule in rules if rule is not None)


def _rule(text: str, *, decides: bool) -> Rule | None:
    match = RULE.fullmatch(text.strip())
    if match is None:
        return None
    words = re.findall(r"[^\s,]+", match["classes"] or "")
    if not set(words) <= set(FieldClass):
        return None
    return Rule(match["name"], Grant(decides, match["route"], ALWAYS | {FieldClass(word) for word in words}))


def _is_known(rule: Rule | None, routes: Collection[str]) -> bool:
    return rule is not None and (rule.grant.route is None or rule.grant.route in routes)


def _problem(key: str, text: str, routes: Collection[str]) -> Problem:
    what = f"`{text}` names a route or a class that does not exist"
    known = f"routes are {', '.join(routes)}; classes are {', '.join(FieldClass)}"
    return Problem(f"desk.{key}", what, f"Write NAME, NAME on ROUTE, or NAME on ROUTE sees CLASS, CLASS; {known}")


def visitor(who: str, names: Collection[str], rules: Sequence[Rule]) -> Visitor | None:
    """The person with the rights that the rules of these names give; None without any."""
    grants = tuple(rule.grant for rule in rules if rule.name in names)
    return Visitor(who, grants) if grants else None


# What a question or an action is about -----------------------------------------------------------------------------


def classes_of(item: Item, route: Route, private: Collection[str]) -> Classes:
    """The classes that somebody must have to see a question; `private` are the Procore incidents marked private."""
    if item.who is not None or _kind(item) in PEOPLE:
        return ABOUT_PEOPLE
    named = {item.procore_id, *map(str, item.facts.get("candidates", ()))}
    tells_of_people = bool(item.facts.get("goes_with")) or not named.isdisjoint(private)
    rows = (route.mapping.by_key.get(key) for key in (item.field or "").split(", "))
    fields = frozenset(row.privacy for row in rows if row is not None)
    return fields | ({FieldClass.HEALTH} if tells_of_people else frozenset())


def _kind(item: Item) -> Kind | None:
    """The kind of record that a question is about."""
    if call := item.key.call:
        return call.kind
    if item.kind is ItemKind.GUARD:
        return Kind(item.facts["kind"]) if "kind" in item.facts else None
    return item.key.record.kind if item.key.record else None


def classes_of_action(action: Action, route: Route) -> Classes:
    """The same of a write."""
    if action.kind in PEOPLE:
        return ABOUT_PEOPLE
    # What takes a write back carries no source: it names the field that it puts back.
    rows = (route.mapping.by_key.get(key) for key in (*action.sources, action.undoes.partition(":")[2]))
    return frozenset(row.privacy for row in rows if row is not None)
