"""What must hold when a route has come to rest: everything crossed, or waits, or stays home for a stated reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from oracle_partners import PartnerWatch
from oracle_people import PeopleWatch
from oracle_watch import FIELDS, ITEM_FIELD, LINES, OTHER, SHARED, WORDS, Meaning, Objection, SyncStatus, Watch, alike
from scenario_world import ScenarioWorld

HELD = {field: name for name, field in ITEM_FIELD.items()}


def _others(item: Any) -> list[str]:
    """Whoever else a question names: those who may be the same, and those who show the same unknown word."""
    return [*item.facts.get("candidates", ()), *item.facts.get("incidents", ())]


@dataclass
class Rest:
    scenario: ScenarioWorld
    watch: Watch
    people: PeopleWatch
    report: Any
    odd: SyncStatus | None = None
    """The record of which something cannot be read."""
    partners: PartnerWatch | None = None

    def check(self) -> None:
        problems = [*self._outcome(), *self._records(), *self._population(), *self._calls()]
        if problems:
            raise Objection("; ".join(problems))

    def _outcome(self) -> Iterator[str]:
        refused = any(entry.item.kind == "refused" for entry in self.scenario.inbox())
        if self.report.outcome not in ("ok", "stopped") and not refused:
            yield f"at rest, the outcome is {self.report.outcome}: {self.report.reason}"
        if self.report.outcome == "ok" and any(action.act.value != "link" for action in self.report.plan.actions):
            yield f"nothing was written, and this was planned: {self.report.plan.actions}"

    def _calls(self) -> Iterator[str]:
        """A custom field that Procore does not know is sent because the mapping says so.

        A server that keeps nothing of some titles takes them for blank, whoever sends them.
        """
        excused = ["is not a custom field"]
        excused += ["title: can't be blank"] if "procore" in self.watch.partial else []
        broken = [one for one in self.scenario.procore.refused if not any(words in one for words in excused)]
        yield from (f"a call broke Procore's contract: {one}" for one in broken)

    # Every record ---------------------------------------------------------------------------------------------------

    def _records(self) -> Iterator[str]:
        if self.report.outcome == "stopped" and self._holds_all():
            return
        # A deletion's question is folded into the one about what was entered anew, where the survivor is a candidate.
        self.waiting = {
            one
            for entry in self._waiting()
            for one in (entry.item.procore_id, entry.item.fourhse_id, *_others(entry.item))
        }
        for side in ("procore", "fourhse"):
            for key in self.watch.now[side]:
                standing = (side, key)
                other = self.watch.partner.get(standing)
                if other in self.watch.now[OTHER[side]]:
                    yield from self._pair(key, other or "") if side == "procore" else ()
                elif reason := self._alone(standing, other):
                    yield reason
        yield from self._partners()

    def _partners(self) -> Iterator[str]:
        """Only where both sides are written: 4HSE gets whoever was hurt on site."""
        if self.partners is None or self.watch.read_only == "fourhse":
            return
        people = {entry.item.who.id for entry in self._waiting() if entry.item.who is not None}
        yield from self.partners.problems(self.waiting | people | self._out() | {e.item.key for e in self._waiting()})

    def _out(self) -> set[str]:
        """Incidents that stay home."""
        standing = [(side, key) for side in self.watch.now for key in self.watch.now[side]]
        return {one[1] for one in standing if self._is_out(one)}

    def _waiting(self) -> list[Any]:
        return list(self.scenario.inbox())

    def _holds_all(self) -> bool:
        names = ("first-meeting", "emptied", "regress", "scope", "zone", "mapping", "replaced")
        return any(
            entry.item.key.startswith(tuple(f"guard:{name}" for name in names)) for entry in self.scenario.inbox()
        )

    def _alone(self, standing: SyncStatus, other: str | None) -> str | None:
        if standing[1] in self.waiting | self.watch.refused or self._stays_home(standing):
            return None
        if standing[1] in self._candidates():
            return None  # A survivor too: it is asked about together with what may have been entered anew.
        if other is None:
            return None if standing[1] in self.watch.unlinked else f"{standing} never reached the other side"
        if self._is_left_alone(standing) or self.watch.policy in ("ignore", "close"):
            return None
        return f"{standing} lost its partner {other}, and nobody is asked"

    def _candidates(self) -> set[str]:
        return {one for entry in self._waiting() for one in entry.item.facts.get("candidates", ())}

    def _is_left_alone(self, standing: SyncStatus) -> bool:
        """A person kept it, or asked for what this route may not do: a write on the side that it only reads."""
        verdict = self.watch.verdicts.get(self.watch._procore(standing))
        forbidden = {standing[0]: "approve", OTHER[standing[0]]: "restore"}.get(self.watch.read_only or "")
        return verdict is not None and verdict in ("reject", forbidden)

    def _stays_home(self, standing: SyncStatus) -> bool:
        """Privacy, a category that is not shared, and a route that goes the other way."""
        side, key = standing
        if side == "procore":
            hidden = self.scenario.route.private == "skip" and bool(self.scenario.site()[key]["private"])
            return hidden or self.watch.read_only == "fourhse"
        return self.watch.now[side][key]["category"] not in SHARED or self.watch.read_only == "procore"

    def _pair(self, procore_id: str, fourhse_id: str) -> Iterator[str]:
        left, right = ("procore", procore_id), ("fourhse", fourhse_id)
        ours, theirs = self.watch.now["procore"][procore_id], self.watch.now["fourhse"][fourhse_id]
        if self._is_out(left) or self._is_out(right):
            return
        if self.odd in (left, right) and not {procore_id, fourhse_id} & self.waiting:
            yield f"{self.odd} shows something that cannot be read, and nobody is asked"
        for name in FIELDS:
            if not alike(name, ours[name], theirs[name], self.watch.injury) and not self._is_told(left, right, name):
                yield f"{name} of {left} is {ours[name]!r} and of {right} {theirs[name]!r}, and nobody is asked"
        if not self._has_followed(ours, theirs, procore_id, fourhse_id):
            yield f"{right} stands under {theirs['category']}, a word of ours, and {left} records {ours['kinds']}"
        if not {procore_id, fourhse_id, *self.people.children(procore_id, fourhse_id)} & self.waiting:
            yield from self.people.differences(procore_id, fourhse_id)

    def _has_followed(self, ours: Meaning, theirs: Meaning, procore_id: str, fourhse_id: str) -> bool:
        """A word that we wrote and that still stands is the one of what is recorded, unless less is recorded since.

        What a person linked may be a copy of ours of which we had no answer; who answered about a changed mapping may
        have left the words; and who came back to a word of ours has chosen it. Whose word it is that was found there
        after an answer was lost, nobody knows.
        """
        watch = self.watch
        if watch.ours.get(fourhse_id) != theirs["category"] or watch.word(ours["kinds"]) == theirs["category"]:
            return True
        left = {procore_id, fourhse_id} & (self.waiting | watch.unlinked | watch.lessened | watch.reworded)
        left |= {fourhse_id} & self.scenario.found_there()
        return bool(left) or (procore_id, fourhse_id) in watch.joined or watch.words != WORDS

    def _is_out(self, standing: SyncStatus) -> bool:
        if standing[0] == "procore":
            return self.scenario.route.private == "skip" and bool(self.scenario.site()[standing[1]]["private"])
        return self.watch.now["fourhse"][standing[1]]["category"] not in SHARED

    def _is_told(self, left: SyncStatus, right: SyncStatus, name: str) -> bool:
        named = [e for e in self._waiting() if e.item.procore_id == left[1] or e.item.fourhse_id == right[1]]
        if any(not e.item.field or name in [HELD.get(f) for f in e.item.field.split(", ")] for e in named):
            return True
        if name == "text" and any(e.item.field == "title" for e in named):
            return True
        if name in LINES and any((e.item.kind, e.item.field) == ("word", "description") for e in named):
            return True  # A description that cannot be read shows no line either.
        if name == "title" and OTHER.get(self.watch.rule or "") == (self.watch.read_only or "both"):
            return True  # The mapping says whose title holds, and the route never writes the other's.
        if name == "category" and self.watch.read_only == "fourhse":
            return True  # Procore's are its injuries, which no row writes.
        if (left[1], name) in self.watch.settled() or (name == "day" and self.watch.moved) or self.watch.rebased:
            return True
        if self._is_unfilled(left, right, name) or (left[1], name) in self.watch.left:
            return True
        local = {"procore": right, "fourhse": left}.get(self.watch.read_only or "")
        return any((local, one) in self.watch.fresh for one in (name, "title" if name == "text" else name))

    def _is_unfilled(self, left: SyncStatus, right: SyncStatus, name: str) -> bool:
        """A new link fills empty values, and on a one-way route only those of the side that it writes."""
        source = {"procore": left, "fourhse": right}.get(self.watch.read_only or "")
        return (
            source is not None
            and not self.watch.now[source[0]][source[1]][name]
            and not self.watch.agreed[source, name]
        )

    # The count ------------------------------------------------------------------------------------------------------

    def _population(self) -> Iterator[str]:
        if self.report.outcome != "ok":
            return
        unseen = self._unseen()
        for side, records in self.watch.now.items():
            counted = sum(self.report.population[side].values())
            if counted != len(records) + unseen[side]:
                yield f"{side} holds {len(records)} incidents, {unseen[side]} are missing, and {counted} were counted"

    def _unseen(self) -> dict[str, int]:
        """Linked records that are not there, and of which nothing proves that they were deleted."""
        links = [link for link in self.scenario.links() if link.kind == "incident"]
        site = [link.procore_id for link in links if self._may_be_there(link, "procore")]
        office = [link.fourhse_id for link in links if self._may_be_there(link, "fourhse")]
        return {
            "procore": len(set(site) - self.watch.now["procore"].keys()),
            "fourhse": len(set(office) - self.watch.now["fourhse"].keys()),
        }

    def _may_be_there(self, link: Any, side: str) -> bool:
        """For proof of a survivor's deletion nobody looks: it was answered that it is left alone."""
        if link.state in ("ignored", "closed-by-policy"):
            return self.scenario.deleted_images(link) != side
        return link.state in ("live", f"gone-{OTHER[side]}")
