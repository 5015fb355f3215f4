"""The hooks of a world: made as the command makes them, and received with or without a port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from procore_4hse.operations.hints import Hints
from procore_4hse.operations.webhooks import RouteHook, Seals
from procore_4hse.route import Route
from procore_4hse.simulator.procore_hook_board import Hook, HookSender
from procore_4hse.store.schedule import Slot
from procore_4hse.web.hooks import receiving
from procore_4hse.web.keys import Keys
from world import World

KEYS = Keys(b"a secret of the test")
SEALS = Seals(KEYS.hashed, KEYS.digest)
URL = "https://sync.example.com/procore"


@dataclass
class HookStand:
    """`sender` is Procore's; what it sends is taken by `hints` without a port in between."""

    world: World
    hints: Hints
    sender: HookSender

    @classmethod
    def of(cls, world: World, routes: Sequence[Route] = ()) -> HookStand:
        hints = Hints(world.store, KEYS.hashed, {each.procore_project: each for each in routes or (world.route,)})
        return cls(world, hints, HookSender(world.procore.hooks, post_to(hints)))

    def hook(self, route: Route | None = None, *, url: str = URL, seals: Seals = SEALS) -> RouteHook:
        chosen = route or self.world.route
        return RouteHook(self.world.store, chosen, self.world.runtime.apis(chosen)[0].webhooks(), url, seals)

    @property
    def made(self) -> Hook:
        """The one hook that Procore has."""
        (hook,) = self.world.procore.hooks.hooks.values()
        return hook

    def slot(self) -> Slot:
        with self.world.store.read() as unit:
            slot = unit.schedule.slot(self.world.route.key)
        assert slot is not None
        return slot

    @contextmanager
    def listening(self) -> Iterator[str]:
        """A real port; gives its address, path and all."""
        with receiving(self.hints, "127.0.0.1", 0, "/procore") as url:
            yield url


def post_to(hints: Hints):  # type: ignore[no-untyped-def]
    def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
        project = hints.sender(headers.get("Authorization", ""))
        if project is None:
            return 401
        try:
            hints.take(project, body)
        except ValueError:
            return 400
        return 204

    return post
