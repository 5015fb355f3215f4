"""The witness of the people of incidents: it sees who is named where, and who made each change, and objects.

Like `oracle_watch.py` it imports nothing of the product's reconciliation or mapping. People go by one name on both
sides; `names` gives it for a Procore party and for a 4HSE assignment.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from oracle_watch import OTHER, Objection, Watch

RESTRICTED = re.compile(r"^Restricted days: *([0-9]+)$", re.MULTILINE)


class Named(NamedTuple):
    """One record of a person: its incident, whom it names, days of absence. A near miss has none."""

    incident: str
    who: str
    days: int | None
    has_days: bool


Records = dict[tuple[str, str], Named]
"""(side, record id) -> what it says."""
Person = tuple[str, str, str]
"""(side, incident id, name)."""


@dataclass
class PeopleWatch:
    """Who is named where. It stands beside a `Watch`, which knows which incidents are one."""

    watch: Watch
    names: Mapping[Any, str]
    policy: str = "ask"
    now: Records = field(default_factory=dict)
    whose: dict[str, Person] = field(default_factory=dict)
    """Record id -> whom it names, records that are gone included."""
    told: dict[Person, list[int | None]] = field(default_factory=dict)
    """Every number of days that a side has shown for a person."""
    removed: set[Person] = field(default_factory=set)
    """Whom people took out of an incident that itself is there."""
    fresh: dict[tuple[str, str], int | None] = field(default_factory=dict)
    """Days that a person wrote and the other side has not shown yet."""
    survivors: Counter[Person] = field(default_factory=Counter)
    """Records whose partner people took out. Where deletions are ignored each stands alone from then on."""
    verdicts: dict[tuple[str, str], str] = field(default_factory=dict)
    """(Procore's incident, name) -> what was answered about the deletion: approve, reject or restore."""
    chosen: dict[str, str] = field(default_factory=dict)
    """Procore record id -> the side whose days, or whose person, a person chose."""
    apart: set[str] = field(default_factory=set)
    """Names of which a person said that a record of theirs is not copied."""
    restricted: dict[tuple[str, str], int] = field(default_factory=dict)
    """The days with restrictions that a record says, none as 0; in 4HSE they stand on a line."""
    twice: set[str] = field(default_factory=set)
    """Names that a person chose for a record although another one beside it bears them."""

    def __post_init__(self) -> None:
        self.watch.listeners.append(self.human)

    def look(self) -> Records:
        seen: Records = {}
        for key, row in self.watch.site().items():
            for many in ("injuries", "near_misses"):
                for one in row[many]:
                    if one["deleted_at"] is None and (one["affected_party"] or {}).get("id") in self.names:
                        who, days = self.names[one["affected_party"]["id"]], one.get("work_days_absent")
                        seen["procore", str(one["id"])] = Named(key, who, days, many == "injuries")
                        self.restricted["procore", str(one["id"])] = one.get("work_days_restricted") or 0
        for key, row in self.watch.office().items():
            for one in row["persons"]:
                if one["person_office_id"] not in self.names:
                    continue  # Somebody whom the lists do not identify: `oracle_partners.py`.
                named = Named(key, self.names[one["person_office_id"]], one["days"], True)
                seen["fourhse", one["office_incident_person_id"]] = named
                told = RESTRICTED.search(str(one["description"] or ""))
                self.restricted["fourhse", one["office_incident_person_id"]] = int(told[1]) if told else 0
        return seen

    # Changes ------------------------------------------------------------------------------------------------------

    def human(self) -> None:
        """A person has acted."""
        before, self.now = self.now, self.look()
        for place, was in before.items():
            is_there = was.incident in self.watch.now[place[0]]
            if place not in self.now and is_there:
                self._left(place[0], was)
        for place, is_now in self.now.items():
            was_before = before.get(place)
            if was_before is None and self._is_back(place, is_now):
                continue
            if was_before is None or was_before.who != is_now.who:
                self._entered(place[0], is_now, was_before)
            elif was_before.days != is_now.days:
                self.fresh[place] = is_now.days
        self._remember()

    def machine(self) -> None:
        """A call of ours was carried out."""
        before, self.now = self.now, self.look()
        for place in before.keys() | self.now.keys():
            was, is_now = before.get(place), self.now.get(place)
            if was is None and is_now is not None:
                self._judge_entry(place, is_now)
            elif was is not None and is_now is None:
                self._judge_removal(place, was)
            elif was is not None and is_now is not None and was != is_now:
                self._judge_edit(place, was, is_now)
        self._remember()

    def cycle_ended(self) -> None:
        """What both sides show alike is news no more."""
        for place in list(self.fresh):
            named = self.now.get(place)
            if named is None or named.days in [one.days for one in self._others(place[0], named)]:
                del self.fresh[place]

    def _remember(self) -> None:
        for (side, record), named in self.now.items():
            person = (side, named.incident, named.who)
            self.whose[record] = person
            days = self.told.setdefault(person, [])
            if named.days not in days:
                days.append(named.days)

    def _is_back(self, place: tuple[str, str], named: Named) -> bool:
        """Whether a record came back with its incident: nobody entered anybody."""
        return place[1] in self.whose and (place[0], named.incident) in self.watch.returned

    def _left(self, side: str, was: Named) -> None:
        """Somebody was taken out; whoever stands for them on the other side has lost their partner.

        An incident without a partner has nobody to agree with: when it meets one, each gets whom the other names.
        """
        if not self._partner(side, was.incident):
            return
        if not self._count(side, was.incident, was.who):
            self.removed.add((side, was.incident, was.who))
        self.survivors[OTHER[side], self._partner(side, was.incident), was.who] += 1

    def _entered(self, side: str, named: Named, was: Named | None) -> None:
        """Whom people enter is there again, wherever they were taken out before, and answers about that are over."""
        if was is not None and self.survivors[side, was.incident, was.who] > self._count(side, *was[:2]):
            self.survivors[side, was.incident, was.who] -= 1  # It is the survivor that names somebody else now.
            self.survivors[side, named.incident, named.who] += 1
        self.survivors -= Counter([(OTHER[side], self._partner(side, named.incident), named.who)])
        self.removed = {one for one in self.removed if one[2] != named.who}
        for one, incident in self._both(side, named.incident):
            if one == "procore":
                self.verdicts.pop((incident, named.who), None)

    # Judging ------------------------------------------------------------------------------------------------------

    def _judge_entry(self, place: tuple[str, str], named: Named, *, days: bool = True) -> None:
        side, whole = place[0], f"{named.who} in {place[0]} {named.incident}"
        others = self._others(side, named)
        if not others and not self._was_named(OTHER[side], named):
            raise Objection(f"{whole} was made, and the other side names nobody like that")
        if named.who not in self.twice and self._count(side, named.incident, named.who) > max(len(others), 1):
            raise Objection(f"{whole} is counted twice")
        if (side, named.incident, named.who) in self.removed and self._verdict(side, named) != "restore":
            raise Objection(f"{whole} was taken out by a person and made again without a word")
        if days:
            self._judge_days(side, named)

    def _judge_removal(self, place: tuple[str, str], was: Named) -> None:
        side = place[0]
        if was.incident not in self.watch.now[side]:
            return  # It went with its incident, which the other witness judges.
        whole = f"{was.who} in {side} {was.incident}"
        partner = self._partner(side, was.incident)
        is_left = self._count(side, was.incident, was.who) > 0
        approved = self._verdict(side, was) == "approve"
        # A survivor may name somebody else by now than its partner did, which the person is shown.
        is_survivor = approved and self.survivors[side, was.incident, was.who] > 0
        if not is_left and not is_survivor and (OTHER[side], partner, was.who) not in self.removed:
            raise Objection(f"{whole} was removed, and nobody took them out of the other side")
        if not approved and not (side == "procore" and self.policy == "propagate"):
            raise Objection(f"{whole} was removed without a person's word")
        if not approved and place in self.fresh:
            raise Objection(f"{whole} was removed with days that the other side never showed")

    def _judge_edit(self, place: tuple[str, str], was: Named, named: Named) -> None:
        if was.who != named.who:
            if self._is_chosen(place, OTHER[place[0]]):
                self._chose(place[0], was, named)
            self._judge_entry(place, named, days=was.days != named.days)
        elif was.days != named.days:
            self._judge_days(place[0], named)
            mine = self.fresh.get(place, named.days)
            if mine != named.days and not self._is_chosen(place, OTHER[place[0]]):
                raise Objection(f"the days {mine} of {was.who} in {place[0]} were overwritten by {named.days}")
        self.fresh.pop(place, None)

    def _chose(self, side: str, was: Named, named: Named) -> None:
        """A person said whom a record names: they took out the one before, and were told who stands there twice."""
        if not self._count(side, was.incident, was.who):
            self.removed.add((side, was.incident, was.who))
        if self._count(side, named.incident, named.who) > 1:
            self.twice.add(named.who)

    def _judge_days(self, side: str, named: Named) -> None:
        partner = self._partner(side, named.incident)
        # What a side told itself comes back with a record that is brought back.
        said = self.told.get((OTHER[side], partner, named.who), []) + self.told.get((side, *named[:2]), [])
        if named.days is not None and named.days not in said:
            raise Objection(f"{named.who} in {side} got {named.days} days, and the other side never said so")

    # Who belongs to whom ------------------------------------------------------------------------------------------

    def _partner(self, side: str, incident: str) -> str:
        """The incident's partner, links that were made meanwhile included."""
        return self.watch._partner_of((side, incident)) or ""

    def _count(self, side: str, incident: str, who: str) -> int:
        return len([1 for place, one in self.now.items() if (place[0], one.incident, one.who) == (side, incident, who)])

    def _others(self, side: str, named: Named) -> list[Named]:
        """The records of this person in the partner of the incident."""
        partner = self._partner(side, named.incident)
        wanted = (OTHER[side], partner, named.who)
        return [one for place, one in self.now.items() if (place[0], one.incident, one.who) == wanted]

    def _was_named(self, side: str, named: Named) -> bool:
        return (side, self._partner(OTHER[side], named.incident), named.who) in self.told

    def _verdict(self, side: str, named: Named) -> str | None:
        return next((self.verdicts.get((i, named.who)) for s, i in self._both(side, named.incident) if s == "procore"))

    def _both(self, side: str, incident: str) -> Iterator[tuple[str, str]]:
        yield side, incident
        yield OTHER[side], self._partner(side, incident)

    def _is_chosen(self, place: tuple[str, str], winner: str) -> bool:
        if place[0] == "procore":
            return self.chosen.get(place[1]) == winner
        named = self.now[place]
        return any(self.chosen.get(record) == winner and self._is_pair(record, named) for record in self.chosen)

    def _is_pair(self, record: str, named: Named) -> bool:
        _, incident, who = self.whose.get(record, ("", "", ""))
        return who == named.who and self._partner("fourhse", named.incident) == incident

    # Rest ---------------------------------------------------------------------------------------------------------

    def differences(self, procore_id: str, fourhse_id: str) -> Iterator[str]:
        """What two incidents that are one say differently about their people, unless a person's word left it so."""
        ours, theirs = self._named("procore", procore_id), self._named("fourhse", fourhse_id)
        for who in sorted(ours.keys() | theirs.keys()):
            one, other = ours.get(who, []), theirs.get(who, [])
            if self._is_left(procore_id, fourhse_id, who) or self._stand_alone(procore_id, fourhse_id, who):
                continue
            if len(one) != len(other):
                counts = f"{len(one)} times in Procore {procore_id}, {len(other)} times in 4HSE {fourhse_id}"
                yield f"{who} stands {counts}, and nobody is asked"
            elif all(each.has_days for each in one) and Counter(o.days for o in one) != Counter(o.days for o in other):
                days = [[each.days for each in some] for some in (one, other)]
                yield f"{who} has {days[0]} days in Procore, {days[1]} in 4HSE, and nobody is asked"
            elif all(each.has_days for each in one) and not self._may_stay():
                yield from self._restricted_days(procore_id, fourhse_id, who)

    def _may_stay(self) -> bool:
        """Whether what one side says may stay there: by its route, by a person's word, or as far as it was kept."""
        return bool(self.watch.read_only or self.watch.rebased or self.watch.partial)

    def _restricted_days(self, procore_id: str, fourhse_id: str, who: str) -> Iterator[str]:
        here, there = (
            sorted(self.restricted[at] for at, one in self.now.items() if (at[0], *one[:2]) == (side, incident, who))
            for side, incident in (("procore", procore_id), ("fourhse", fourhse_id))
        )
        if here != there:
            yield f"{who} has {here} days with restrictions in Procore, {there} in 4HSE, and nobody is asked"

    def _is_left(self, procore_id: str, fourhse_id: str, who: str) -> bool:
        """Taken out of one side, and kept on the other by a person's word or the policy's."""
        places = {("procore", procore_id, who), ("fourhse", fourhse_id, who)}
        gone = places & self.removed | {place for place in places if self.survivors[place]}
        if who in self.apart | self.twice:
            return True
        return bool(gone) and (self.verdicts.get((procore_id, who)) == "reject" or self.policy == "ignore")

    def _stand_alone(self, procore_id: str, fourhse_id: str, who: str) -> bool:
        """Whether without some of the survivors of ignored deletions both sides name this person equally often."""
        places = ("procore", procore_id, who), ("fourhse", fourhse_id, who)
        most = [min(self.survivors[place], self._count(*place)) for place in places]
        if not any(most):
            return False
        ours, theirs = (
            range(self._count(*place) - alone, self._count(*place) + 1)
            for place, alone in zip(places, most, strict=True)
        )
        return bool({*ours} & {*theirs}) and self.policy == "ignore"

    def _named(self, side: str, incident: str) -> dict[str, list[Named]]:
        named: dict[str, list[Named]] = {}
        for place, one in self.now.items():
            if (place[0], one.incident) == (side, incident):
                named.setdefault(one.who, []).append(one)
        return named

    def children(self, *incidents: str) -> set[str]:
        """The records of these incidents' people, those that are gone included."""
        return {record for record, (_, incident, _) in self.whose.items() if incident in incidents}
