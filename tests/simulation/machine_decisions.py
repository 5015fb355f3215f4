"""The person who answers the inbox, and tells the witness what was answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from machine_moves import Move
from oracle_partners import PartnerWatch
from oracle_people import PeopleWatch
from oracle_watch import ITEM_FIELD, Watch
from scenario_world import ScenarioWorld

from procore_4hse.operations.remembered import forget, remembered
from procore_4hse.store.decisions import Decider

PEOPLE = ("injury", "near_miss", "person")
FIELD = {field: name for name, field in ITEM_FIELD.items()}


@dataclass
class InboxPerson:
    scenario: ScenarioWorld
    watch: Watch
    people: PeopleWatch
    partners: PartnerWatch
    done: Any

    def sit_down(self, move: Move) -> None:
        if move.what == "withdraw":
            self._withdraw(move)
        elif move.what == "forget":
            self.take_back()
        elif entries := self.scenario.inbox():
            self.answer(entries[move.which % len(entries)], move.value)

    def answer_all(self, value: int) -> int:
        entries = self.scenario.inbox()
        for entry in entries:
            self.answer(entry, value + entry.id)
        return len(entries)

    def answer(self, entry: Any, value: int) -> None:
        item = entry.item
        if item.who is not None:
            self._who(entry, value)
            return
        how = {
            "conflict": self._difference if item.field else self._deletion,
            "drift": self._difference,
            "deletion": self._deletion,
            "match": self._match,
            "guard": self._guard,
            "missing": self._missing,
            "refused": self._retry,
            "word": self._word,
        }[item.kind.value]
        how(entry, value)

    def _say(self, entry: Any, verb: str, **options: Any) -> None:
        self.done("answer", f"{verb} a {entry.item.kind}")
        self.scenario.answer(entry.id, verb, **options)

    def _withdraw(self, move: Move) -> None:
        item = self.scenario.withdraw(move.which)
        if item is not None:
            self.forget(item)

    def take_back(self) -> None:
        """Who somebody is was told wrongly, and is forgotten."""
        store, route = self.scenario.store, self.scenario.route
        with store.read() as unit:
            told = [
                one for one in remembered(unit, route) if one.kind in ("partner", "never-copied") and one.procore_id
            ]
        for one in told[:1]:
            forget(store, self.scenario.runtime.holder, (route,), one.id, Decider("anna", "cli"))
            self.scenario.asked = None
            self.partners.forget()
            self.done("answer", f"forget: {one.kind}")

    def forget(self, item: Any) -> None:
        """An answer was taken back."""
        record = item.key.record
        if item.who is not None:
            self.partners.forget()
            return
        if record is None or record.kind == "incident":
            self._unsay(item)
        elif record.id in self.people.whose:
            _, incident, who = self.people.whose[record.id]
            self.people.verdicts.pop((incident, who), None)
            self.people.chosen.pop(record.id, None)
            self.people.apart.discard(who)

    def forget_about(self, *records: str | None) -> None:
        """What was said about these two, or about the person whom they name, is said no more."""
        self.watch.refused -= {one for one in records if one}
        for one in records:
            self.watch.verdicts.pop(one or "", None)
            if one in self.people.whose:
                self.people.verdicts.pop(self.people.whose[one][1:], None)
                self.people.apart.discard(self.people.whose[one][2])

    def _unsay(self, item: Any) -> None:
        self.watch.verdicts.pop(item.procore_id, None)
        self.watch.chosen.pop((item.procore_id, FIELD.get(item.field or "", "")), None)

    def _difference(self, entry: Any, value: int) -> None:
        item = entry.item
        record = item.key.record
        if record.kind != "incident":
            self.people.chosen[record.id] = use = "procore" if value % 2 else "fourhse"
            self._say(entry, "resolve", use=use)
            return
        use = "procore" if value % 2 or item.field == "category" else "fourhse"
        shown = {"procore": item.procore_value, "fourhse": item.fourhse_value}
        if item.field in FIELD:  # What is said on a named line is no meaning of its own.
            self.watch.chosen[item.procore_id, FIELD[item.field]] = (use, shown)
        self._say(entry, "resolve", use=use)

    def _deletion(self, entry: Any, value: int) -> None:
        verb, restore = (("approve", False), ("reject", False), ("reject", True))[value % 3]
        record = entry.item.key.record
        if record.kind == "incident":
            self.watch.verdicts[record.id] = "restore" if restore else verb
            self.watch.answered_as_gone.add(("fourhse", entry.item.fourhse_id))
        elif record.id in self.people.whose:
            _, incident, who = self.people.whose[record.id]
            # A survivor in 4HSE may name somebody else by now.
            left = {
                name for (_, one, name), many in self.people.survivors.items() if one == entry.item.fourhse_id and many
            }
            for name in {who, *left}:
                self.people.verdicts[incident, name] = "restore" if restore else verb
        self._say(entry, verb, restore=restore)

    def _match(self, entry: Any, value: int) -> None:
        item = entry.item
        if item.key.record.kind in PEOPLE:
            self._person(entry, value)
            return
        candidates = item.facts.get("candidates", [])
        if not candidates or value % 2:
            self.watch.told_apart((item.key.record.side.value, item.key.record.id), candidates)
            self._say(entry, "reject")
            return
        one = candidates[value % len(candidates)]
        pair = (item.procore_id, one) if item.procore_id else (one, item.fourhse_id)
        self.watch.joined.add(pair)
        self._say(entry, "approve", with_id=one)

    def _who(self, entry: Any, value: int) -> None:
        """Somebody is taken for the right one, for a wrong one, or is never copied."""
        if value % 7 == 0 and entry.item.kind == "match":
            self.partners.never_copy()
            self._say(entry, "reject")
            return
        self.partners.name(self.partners.office[value % 2], there=entry.item.kind == "drift")
        self.done("answer", "name a partner")
        self._say(entry, "approve", with_id=self.partners.told)

    def _person(self, entry: Any, value: int) -> None:
        """A record of somebody who may stand on the other side already."""
        candidates = entry.item.facts.get("candidates", [])
        if candidates and not value % 2:
            self._say(entry, "approve", with_id=candidates[0])
        elif entry.item.key.record.id in self.people.whose:
            self.people.apart.add(self.people.whose[entry.item.key.record.id][2])
            self._say(entry, "reject")

    def _guard(self, entry: Any, value: int) -> None:
        use = ("procore", "fourhse", "base")[value % 3] if entry.item.key == "guard:mapping" else None
        if entry.item.key in ("guard:mapping", "guard:zone"):
            self.watch.rebased.append(use or "base")
        if entry.item.key.guarded == "emptied":
            held = entry.item.facts["actions"]
            self.watch.copied |= {one["source_id"] for one in held if one["act"] == "create"}
        if entry.item.key == "guard:replaced":
            self.watch.fill((entry.item.facts["side"], entry.item.facts["record"]))
        self._say(entry, "approve", use=use)

    def _missing(self, entry: Any, value: int) -> None:
        """Only a third are told to be deleted; the others are left until they are seen again."""
        if value % 3 == 0:
            side = entry.item.key.split(":")[2]
            self.watch.told_gone.add((side, entry.item.procore_id if side == "procore" else entry.item.fourhse_id))
            self._say(entry, "approve")

    def _retry(self, entry: Any, value: int) -> None:
        """Of a text that a side did not keep as a whole a person may say that it is left so."""
        item = entry.item
        if "lost_on" in item.facts and item.field in ("title", "description") and value % 2:
            self.watch.left.add((item.procore_id, FIELD[item.field]))
            self.done("loss", "left")
            self._say(entry, "approve")
        else:
            self._say(entry, "retry")

    def _word(self, entry: Any, value: int) -> None:
        """A person corrects the word in 4HSE; the item closes by itself. What else cannot be read is left as it is."""
        one = entry.item.fourhse_id
        if entry.item.field == "category" and one in self.watch.now["fourhse"]:
            self.done("answer", "correct a word")
            self.scenario.fourhse.hand_edit("incident", one, category="NON_COMPLIANCE")
            self.watch.human(("fourhse", one), "category")
