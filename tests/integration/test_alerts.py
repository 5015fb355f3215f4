"""Who is told what: once for each cause, once more when it is over, whichever process looks; and of no person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import update

from configured import both_systems
from procore_4hse.apis import Quota
from procore_4hse.bootstrap import routes_of
from procore_4hse.models import Side
from procore_4hse.operations.alerts import Watch
from procore_4hse.operations.status import Terms
from procore_4hse.route import Route
from procore_4hse.settings.loader import load
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.store.repository import Store, Unit
from procore_4hse.store.tables import STANDING
from procore_4hse.store.timetable import Pace
from world import COMPANY, MAPPING, OFFICE, PROJECT, TENANT, World

pytestmark = pytest.mark.one_test_on_postgresql_in(8)

MINUTES, DAY = timedelta(minutes=1), timedelta(days=1)
MAIL, TEAM = ("mailto://site",), ("msteams://office",)
LINK = "https://desk.example.com"
HILLSIDE = {"name": "hillside", "procore_project": "1363618", "fourhse_office": "6c8f5a5e-1d39-4a7c-8f43-7b1d6f3a9e03"}


@dataclass
class Post:
    """What arrived, by channel: the sentences of each message, without where to look."""

    sent: list[tuple[tuple[str, ...], list[str]]] = field(default_factory=list)
    broken: bool = False
    whole: list[str] = field(default_factory=list)

    def __call__(self, channel: Sequence[str], title: str, text: str) -> bool:
        if not self.broken:
            self.whole += [title, text]
            self.sent.append((tuple(channel), text.split("\n\n")[0].splitlines()))
        return not self.broken

    def take(self, channel: tuple[str, ...] = MAIL) -> list[str]:
        """What came on this channel since the last time."""
        found = [sentence for to, sentences in self.sent if to == channel for sentence in sentences]
        self.sent = [each for each in self.sent if each[0] != channel]
        return found


@pytest.fixture
def world(build: Callable[..., World]) -> World:
    world = build()
    world.on_site("Fall of Anna Rossi", description="Anna Rossi broke her wrist.")
    world.sync()
    return world


@pytest.fixture
def post() -> Post:
    return Post()


def watch(world: World, post: Post, *routes: Route, **channels: tuple[str, ...]) -> Watch:
    """`channels` are by the names of routes; the others go by mail."""
    routes = routes or (world.route,)
    terms = Terms(Pace(5 * MINUTES), {side: side.value for side in Side})
    by_key = {route.key: route for route in routes}
    to = {route.key: channels.get(route.name, MAIL) for route in routes}
    return Watch(world.store, by_key, terms, to, DAY, LINK, post)


def second_route(world: World) -> Route:
    world.procore.add_project(int(HILLSIDE["procore_project"]), "Hillside", world.zone, world.zone)
    world.fourhse.add_office(TENANT, HILLSIDE["fourhse_office"], "Hillside site")
    return replace(world.route, **HILLSIDE)


# What goes wrong, and how it is put right ---------------------------------------------------------------------------


def a_wrong_password(world: World) -> Callable[[], None]:
    tokens = world.fourhse._tokens
    right, tokens.account = tokens.account, replace(tokens.account, password="another")
    tokens.end_session()
    return lambda: setattr(tokens, "account", right)


def an_expired_secret(world: World) -> Callable[[], None]:
    right, world.procore._credentials = world.procore._credentials, ("procore-client", "another")
    world.procore.expire_tokens()
    return lambda: setattr(world.procore, "_credentials", right)


def a_right_that_was_taken_away(world: World) -> Callable[[], None]:
    return met(world, FaultKind.FORBIDDEN, "/incidents")


def a_vendor_that_answers_nothing(world: World) -> Callable[[], None]:
    return met(world, FaultKind.EMPTY, "/incidents")


def a_vendor_that_does_not_answer(world: World) -> Callable[[], None]:
    return met(world, FaultKind.REFUSED_CONNECTION, "")


def met(world: World, kind: FaultKind, path: str) -> Callable[[], None]:
    world.faults.add(kind, path=path, times=None)
    return world.faults.clear


WRONG = {
    a_wrong_password: ("4HSE refused to give a token; ", "Over: 4HSE accepts our credentials again. "),
    an_expired_secret: ("Procore refused to give a token; ", "Over: Procore accepts our credentials again. "),
    a_right_that_was_taken_away: ("Procore does not allow GET ", "Over: Procore allows again what it refused. "),
    a_vendor_that_answers_nothing: (
        "Stopped: Procore shows no incident at all any more; ",
        "Over: No longer stopped. ",
    ),
    a_vendor_that_does_not_answer: ("Failed: ", "Over: Cycles get through again. "),
}
"""What is told of it, and when it is over."""


@pytest.mark.parametrize("happens", WRONG, ids=lambda happens: happens.__name__)
def test_what_goes_wrong_is_told_once_and_once_more_when_it_is_over(
    world: World, post: Post, happens: Callable[[World], Callable[[], None]]
) -> None:
    begun, over = WRONG[happens]
    watch(world, post).look()
    assert post.take() == []
    put_right = happens(world)
    for _ in range(3):
        assert world.sync().exit_code != 0
        watch(world, post).look()  # Another process each time: what was told stands in the store.
    (told, *_) = said = [each for each in post.take() if "new question" not in each]
    assert len(said) == 1
    assert told.startswith(begun)
    assert told.endswith(" (riverside)")
    put_right()
    world.clock.advance(hours=1)
    for _ in range(2):
        assert world.sync().exit_code == 0
        watch(world, post).look()
    assert post.take() == [f"{over}(riverside)"]
    about_nobody(world, post)


def about_nobody(world: World, post: Post) -> None:
    words = " ".join(post.whole)
    for secret in ("Anna", "Rossi", "Fall", "wrist", *world.site(), *world.office(), str(PROJECT), OFFICE, TENANT):
        assert secret not in words
    assert LINK in words


def test_a_cycle_that_breaks_off_does_not_tell_that_anything_is_over(world: World, post: Post) -> None:
    put_right = a_wrong_password(world)
    world.sync()
    watch(world, post).look()
    put_right()
    world.clock.advance(hours=1)
    back = a_vendor_that_does_not_answer(world)
    world.sync()
    watch(world, post).look()
    assert [each.partition(":")[0] for each in post.take()][1:] == ["Failed"]
    back()
    world.sync()
    watch(world, post).look()
    assert [each.partition(".")[0] for each in post.take()] == [
        "Over: 4HSE accepts our credentials again",
        "Over: Cycles get through again",
    ]


def test_one_credential_of_many_routes_is_one_cause(world: World, post: Post) -> None:
    riverside, hillside = world.route, second_route(world)
    put_right = a_wrong_password(world)
    for world.route in (riverside, hillside):
        world.sync()
        watch(world, post, riverside, hillside).look()
    (told,) = post.take()
    assert told.endswith("(riverside)")
    put_right()
    world.clock.advance(hours=1)
    for world.route in (riverside, hillside):
        world.sync()
        watch(world, post, riverside, hillside).look()
    assert post.take() == ["Over: 4HSE accepts our credentials again. (hillside, riverside)"], "when all go on"


def test_a_route_that_names_its_own_addresses_is_told_there_alone(world: World, post: Post) -> None:
    riverside, hillside = world.route, second_route(world)
    a_wrong_password(world)
    for world.route in (riverside, hillside):
        world.sync()
    looks = watch(world, post, riverside, hillside, hillside=TEAM)
    replace(looks, send=lambda to, *said: to != TEAM and post(to, *said)).look()
    looks.look()  # Where the message arrived it is not sent again.
    (mail,), (team,) = post.take(MAIL), post.take(TEAM)
    assert (mail.endswith("(riverside)"), team.endswith("(hillside)")) == (True, True)
    about_nobody(world, post)


def a_conflict(world: World, before: str, site: str, office: str) -> None:
    (ours,) = [row for row in world.site().values() if row["title"] == before]
    (theirs,) = [row for row in world.office().values() if row["name"] == before]
    world.procore.hand_edit("incident", int(ours["id"]), title=site)
    world.fourhse.hand_edit("incident", theirs["office_incident_id"], name=office)


def test_new_questions_are_one_digest_and_nobody_hears_of_them_twice(world: World, post: Post) -> None:
    world.on_site("Cut hand")
    world.sync()
    a_conflict(world, "Cut hand", "Cut left hand", "Cut right hand")
    a_conflict(world, "Fall of Anna Rossi", "Fall of Anna", "Fall of Rossi")
    for _ in range(2):
        world.sync()
        watch(world, post).look()
    assert post.take() == ["2 new questions on riverside: Both sides changed it (2)"]
    world.on_site("Dust")
    world.sync()
    a_conflict(world, "Dust", "Dust in an eye", "Dust in both eyes")
    world.sync()
    for post.broken in (True, False, False):
        watch(world, post).look()
    assert post.take() == ["1 new question on riverside: Both sides changed it"], "once it arrives"
    about_nobody(world, post)


def test_an_old_question_is_told_once_and_once_more_when_it_is_answered(world: World, post: Post) -> None:
    a_conflict(world, "Fall of Anna Rossi", "Fall of Anna", "Fall of Rossi")
    world.sync()
    watch(world, post).look()
    post.take()
    world.clock.advance(days=1)
    for _ in range(2):
        watch(world, post).look()
    assert post.take() == ["A question waits for more than 24 hours. (riverside)"]
    (question,) = world.inbox()
    world.answer(question.id, "resolve", use="procore")
    world.sync()
    watch(world, post).look()
    assert post.take() == ["Over: No question waits for too long any more. (riverside)"]
    about_nobody(world, post)


def test_a_question_that_is_put_off_is_told_again_from_its_day_on(world: World, post: Post) -> None:
    a_conflict(world, "Fall of Anna Rossi", "Fall of Anna", "Fall of Rossi")
    world.sync()
    (question,) = world.inbox()
    with world.store.begin() as unit:
        unit.inbox(world.route.key).snooze(question.id, world.clock.now + 3 * DAY)
    world.clock.advance(days=2)
    watch(world, post).look()
    assert post.take() == []
    world.clock.advance(days=1)
    watch(world, post).look()
    assert post.take() == ["A question waits for more than 24 hours. (riverside)"]


@pytest.mark.parametrize("succeeded", [True, False])
def test_a_route_that_is_done_in_part_for_too_long_has_failed(world: World, post: Post, succeeded: bool) -> None:
    world.clock.advance(days=2)
    with world.store.begin() as unit:
        if not succeeded:  # Nor did any cycle before.
            unit.connection.execute(update(STANDING).values(succeeded_at=None))
        unit.standings.ended(world.route.key, "partial", "A list moved.", fault=None, population={}, agreed=False)
    for _ in range(2):
        watch(world, post).look()
    assert post.take() == ["Not done for more than 24 hours: A list moved. (riverside)"]


def test_a_budget_too_small_is_told_with_the_numbers(world: World, post: Post) -> None:
    """Also where it is too small by little: at one call in 45 seconds, seven take 5 minutes and 15 seconds."""
    with world.store.begin() as unit:
        unit.schedule.note(world.route.key, "procore", {Side.PROCORE: 7.0, Side.FOURHSE: 1.0}, None)
        unit.budgets.tell("procore", [Quota(100, 90, 60 * MINUTES, 60 * MINUTES)], 0)
    for _ in range(2):
        watch(world, post).look()
    (told,) = post.take()
    assert told == "The calls that are allowed bear a cycle every 6 minutes, not every 5 minutes as wished. (riverside)"
    with world.store.begin() as unit:
        unit.schedule.note(world.route.key, "procore", {Side.PROCORE: 1.0, Side.FOURHSE: 1.0}, None)
    watch(world, post).look()
    assert post.take() == ["Over: The calls that are allowed bear the wished cadence again. (riverside)"]


def test_a_message_that_does_not_arrive_is_sent_again(world: World, post: Post) -> None:
    put_right = a_wrong_password(world)
    a_conflict(world, "Fall of Anna Rossi", "Fall of Anna", "Fall of Rossi")
    world.sync()
    replace(watch(world, post), send=lambda *_: bool(1 / 0)).look()
    post.broken = True
    watch(world, post).look()
    post.broken = False
    watch(world, post).look()
    assert len(post.take()) == 1
    put_right()
    world.clock.advance(hours=1)
    world.sync()
    post.broken = True
    watch(world, post).look()
    post.broken = False
    for _ in range(2):
        watch(world, post).look()
    assert post.take() == [
        "Over: 4HSE accepts our credentials again. (riverside)",
        "1 new question on riverside: Both sides changed it",
    ]


def test_nothing_is_written_while_there_is_nothing_new_to_tell(world: World, post: Post) -> None:
    a_wrong_password(world)
    world.sync()
    watch(world, post).look()
    assert len(post.take()) == 1
    with world.store.begin() as held:  # Whoever wanted to write would wait, and fail.
        held.alerts.one_at_a_time()
        watch(world, post).look()
    assert post.sent == []


def test_of_many_processes_one_tells(world: World, post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when each of them has seen already that there is something to tell."""
    a_wrong_password(world)
    a_conflict(world, "Fall of Anna Rossi", "Fall of Anna", "Fall of Rossi")
    world.sync()
    ready, begin = Barrier(4), Store.begin

    def begin_together(store: Store) -> AbstractContextManager[Unit]:
        ready.wait(10)
        return begin(store)

    monkeypatch.setattr(Store, "begin", begin_together)
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(watch(world, post).look) for _ in range(4)]:
            done.result()
    assert len(post.take()) == 1


def test_what_another_configuration_was_told_is_left_to_it(world: World, post: Post) -> None:
    riverside, hillside = world.route, second_route(world)
    put_right = a_wrong_password(world)
    world.sync()
    watch(world, post, riverside).look()
    post.take()
    put_right()
    world.clock.advance(hours=1)
    world.route = hillside
    world.sync()
    watch(world, post, hillside, hillside=TEAM).look()
    assert post.sent == []
    world.route = riverside
    world.sync()
    watch(world, post, riverside).look()
    assert post.take() == ["Over: 4HSE accepts our credentials again. (riverside)"]


def test_what_a_process_does_not_send_because_it_ends_is_left_to_another_one(world: World, post: Post) -> None:
    a_wrong_password(world)
    world.sync()
    replace(watch(world, post), stopping=lambda: True).look()
    assert post.sent == []
    watch(world, post).look()
    assert len(post.take()) == 1


# Who is told ----------------------------------------------------------------------------------------------------------


def routes_told(**told: str) -> str:
    """Routes of these names in the configuration, each with a line of its own."""
    return "".join(
        f"""
[[routes]]
name = "{name}"
procore_project = "{number}"
fourhse_project = "{TENANT}"
fourhse_office = "6c8f5a5e-1d39-4a7c-8f43-7b1d6f3a9e0{number}"
mapping = "{MAPPING}"
since = 2025-01-01
{line}
"""
        for number, (name, line) in enumerate(told.items(), start=1)
    )


@pytest.mark.any_store
def test_a_route_tells_its_own_channels_or_everybody_s_and_nobody_while_it_is_disabled(
    world: World, post: Post, tmp_path: Path
) -> None:
    file = tmp_path / "sync.toml"
    systems = both_systems("http://127.0.0.1:1", "http://127.0.0.1:1", COMPANY, f"sqlite:///{tmp_path}/sync.db")
    listed = routes_told(riverside="", hillside='alerts = ["msteams://office"]', closed="enabled = false")
    file.write_text(f'{systems}[alerts]\nurls = ["mailto://site"]\n{listed}', encoding="utf-8")
    file.chmod(0o600)
    settings = load(file, {})
    routes = routes_of(settings)
    assert Watch.of(settings, world.runtime, routes, post).channels == {routes[0].key: MAIL, routes[1].key: TEAM}
