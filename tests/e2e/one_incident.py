"""The life of one incident, run on both simulated systems: every value that docs/one-incident.md shows.

`python tests/e2e/one_incident.py` writes the values of this run into the document.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import structlog

TESTS = Path(__file__).parents[1]
DOCUMENT = TESTS.parent / "docs" / "one-incident.md"
BLOCK = re.compile(r"(<!-- run: (?P<name>[\w-]+) -->\n```\w*\n)(?P<text>.*?)(```\n)", re.DOTALL)

if __name__ == "__main__":
    sys.path.insert(0, str(TESTS))

from procore_4hse.cli.questions import advice  # noqa: E402
from procore_4hse.engine.report import Report  # noqa: E402
from procore_4hse.mapping.images import image_of  # noqa: E402
from procore_4hse.mapping.lenses.records import FIELDS  # noqa: E402
from procore_4hse.models import Act, Action, Kind, Link, RecordRef, Side  # noqa: E402
from procore_4hse.reconcile.diff import diff, display  # noqa: E402
from world import PROJECT, World  # noqa: E402  (the tests' folder is on the path only now)

TITLE = 'Fall from ladder, "Block <A>"'
RAW = ("id", "number", "title", "description", "event_date", "time_unknown", "status", "records_count", "updated_at")


def blocks(folder: Path) -> dict[str, str]:
    """Each block of the document by its name, from a run with a store in `folder`."""
    return dict(Life(World.build(f"sqlite:///{folder}/sync.db")).told())


class Life:
    """One incident from the site, through both systems, to its deletion and back."""

    def __init__(self, world: World) -> None:
        self.world = world

    def told(self) -> Iterator[tuple[str, str]]:
        yield from self._born()
        yield from self._corrected()
        yield from self._disputed()
        yield from self._deleted()

    # Chapters -----------------------------------------------------------------------------------------------------

    def _born(self) -> Iterator[tuple[str, str]]:
        world = self.world
        made = world.on_site(TITLE, date(2026, 2, 9), hour=23, description="A rung broke.")
        world.procore.hand_create("injury", PROJECT, incident_id=int(made))
        yield "raw", _json({name: self._site(made)[name] for name in RAW})
        planned = self._planned()
        report = world.sync()
        yield "pulled", _lines(f"{side.label}: {report.pulled[side.value]} records" for side in Side)
        yield "staged", self._staged(made)
        yield "mapped", self._mapped(made)
        yield "plan", planned
        yield "journal", self._journal(made)
        yield "office", _json(self._kept(self._office()))
        yield "link", self._link()
        yield "base", self._base()
        yield "report", _report(report)
        yield "quiet", _report(world.sync())

    def _corrected(self) -> Iterator[tuple[str, str]]:
        link, world = self._only_link(), self.world
        world.fourhse.hand_edit("incident", link.fourhse_id, date_incident="2026-02-10")
        planned = self._planned()
        yield "three-way", self._verdicts(link)
        yield "update", planned
        world.sync()

    def _disputed(self) -> Iterator[tuple[str, str]]:
        link, world = self._only_link(), self.world
        world.procore.hand_edit("incident", int(link.procore_id), title="Fall from ladder, rung broke")
        world.fourhse.hand_edit("incident", link.fourhse_id, name="Fall from height")
        report = world.sync()
        yield "conflict", self._asked()
        yield "conflict-report", _report(report)
        world.answer(world.inbox()[0].id, "resolve", use="procore")
        yield "resolved", self._planned()
        world.sync()

    def _deleted(self) -> Iterator[tuple[str, str]]:
        link, world = self._only_link(), self.world
        world.procore.hand_delete("incident", int(link.procore_id))
        world.sync()
        yield "deletion", self._asked()
        world.answer(world.inbox()[0].id, "approve")
        yield "deleted", self._planned()
        world.sync()
        yield "ended", self._link()
        world.procore.hand_restore("incident", int(link.procore_id))
        yield "restored", self._planned()
        world.sync()
        yield "alive", self._link()
        yield "story", self._journal(link.procore_id)

    def _planned(self) -> str:
        """What the next cycle intends, as `procore-4hse plan` would tell it."""
        return _lines(_action(action) for action in self.world.sync(dry=True).plan.actions)

    # What is there ------------------------------------------------------------------------------------------------

    def _site(self, record_id: str) -> dict[str, Any]:
        return self.world.site()[record_id]

    def _office(self) -> dict[str, Any]:
        return next(iter(self.world.office().values()))

    def _kept(self, row: dict[str, Any]) -> dict[str, Any]:
        names = ("office_incident_id", "name", "description_event", "date_incident", "category", "status")
        return {name: row[name] for name in names}

    def _only_link(self) -> Link:
        (link,) = self.world.links()
        return link

    def _link(self) -> str:
        link = self._only_link()
        origin = link.origin.label if link.origin else "matched"
        return _columns(
            ("Procore", link.procore_id),
            ("4HSE", link.fourhse_id),
            ("state", link.state.value),
            ("generation", str(link.generation)),
            ("born in", origin),
        )

    def _base(self) -> str:
        """What each side showed when both last agreed, field by field."""
        lines = []
        for key, base in sorted(self._only_link().base.items()):
            lines += [
                key,
                f"  procore  {json.dumps(dict(base.procore))}",
                f"  fourhse  {json.dumps(dict(base.fourhse))}",
            ]
        return _lines(lines)

    def _staged(self, record_id: str) -> str:
        with self.world.store.read() as unit:
            staged = unit.staging(self.world.route.key).find(RecordRef(Side.PROCORE, Kind.INCIDENT, record_id))
        assert staged is not None
        return _columns(
            ("record", f"{staged.record.side.value} {staged.record.kind.value} {staged.record.id}"),
            ("present", "yes" if staged.present else "no"),
            ("status seen", str(staged.status_at)),
        )

    def _image(self, side: Side, record_id: str) -> Any:
        with self.world.store.read() as unit:
            staged = unit.staging(self.world.route.key).find(RecordRef(side, Kind.INCIDENT, record_id))
        assert staged is not None
        lists: Any = (
            {"recorded": ["injury"], "unnamed": {**dict.fromkeys(FIELDS.values(), ""), "injuries": "1"}}
            if side is Side.PROCORE
            else {}
        )
        return image_of(staged, self.world.zone, **lists)

    def _mapped(self, record_id: str) -> str:
        image = self._image(Side.PROCORE, record_id)
        readings = [(row.label, row.lens.get(Side.PROCORE, image)) for row in self.world.route.mapping.fields]
        return _columns(*((label, told) for label, one in readings if (told := display(getattr(one, "value", None)))))

    def _verdicts(self, before: Link) -> str:
        """The comparison that a cycle makes of what is staged, against the base."""
        images = self._image(Side.PROCORE, before.procore_id), self._image(Side.FOURHSE, before.fourhse_id)
        differences = diff(self.world.route.mapping.fields, *images, dict(before.base), {})
        return _columns(*((each.field.label, each.verdict.value, each.reason) for each in differences))

    def _asked(self) -> str:
        (entry,) = self.world.inbox()
        item = entry.item
        rows = [("kind", item.kind.value), ("about", item.title), ("why", item.reason)]
        values = (("Procore", item.procore_value), ("4HSE", item.fourhse_value), ("before", item.base_value))
        rows += [(name, value) for name, value in values if value is not None]
        return _columns(*rows, ("advice", advice(entry)))

    def _journal(self, record_id: str) -> str:
        with self.world.store.read() as unit:
            story = unit.journal(self.world.route.key).story(record_id)
        return _columns(
            *(
                (f"{intent.made_at:%H:%M}", f"{intent.action.act.value} in {intent.action.side.label}", intent.outcome,
                 intent.action.reason)
                for intent in story
            )
        )  # fmt: skip


# As text ---------------------------------------------------------------------------------------------------------


def _action(action: Action) -> str:
    target = "" if action.act is Act.CREATE else f" {action.target_id}"
    said = f"{action.act.value} in {action.side.label}:{target} ({action.reason})"
    return said + "".join(f"\n  {name} = {json.dumps(value)}" for name, value in action.fields.items())


def _report(report: Report) -> str:
    written = {side.label: report.written[side.value] for side in Side}
    counts = "; ".join(
        f"{side} " + ", ".join(f"{n} {word}" for word, n in each.items()) for side, each in written.items()
    )
    waiting = ", ".join(f"{count} {kind}" for kind, count in report.inbox.items() if count)
    return _columns(
        ("outcome", f"{report.outcome}, exit code {report.exit_code}"),
        ("written", counts),
        ("waiting", waiting or "nothing"),
    )


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _lines(lines: Any) -> str:
    return "\n".join(lines) + "\n"


def _columns(*rows: tuple[str, ...]) -> str:
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]) - 1)]
    return _lines("  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[-1]]) for row in rows)


def written_into(document: str, values: dict[str, str]) -> str:
    """The document with each block's text replaced by the value of its name."""
    return BLOCK.sub(lambda found: found[1] + values[found["name"]] + found[4], document)


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as folder:
        values = blocks(Path(folder))
    DOCUMENT.write_text(written_into(DOCUMENT.read_text(encoding="utf-8"), values), encoding="utf-8")


if __name__ == "__main__":
    main()
