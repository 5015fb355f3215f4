"""Procore's hooks: made, renewed and removed; what they send moves a due time, whatever it is, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import httpx
import pytest
import structlog
from sqlalchemy import Table
from structlog.testing import capture_logs

from hook_stand import URL, HookStand
from procore_4hse.engine.appointments import due, waiting
from procore_4hse.engine.cycle import Options, run_cycle
from procore_4hse.engine.report import Report
from procore_4hse.errors import AccessRefused, Refused, StoreBusy, UsageError
from procore_4hse.operations.check import Level, check_all
from procore_4hse.operations.hints import Outcome
from procore_4hse.operations.webhooks import Change, Seals
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.store.hooks import EVENTS_KEPT_FOR, KEPT_FOR
from procore_4hse.store.schedule import Reason
from procore_4hse.store.tables import HOOK_EVENTS, HOOK_TOKENS, SCHEDULE, TALLY, SQLModel
from procore_4hse.store.tallies import HINTS
from procore_4hse.web import hooks as receiver
from procore_4hse.web.keys import Keys
from world import PROJECT, World

pytestmark = pytest.mark.one_test_on_postgresql_in(8)

Build = Callable[..., World]
SOON = timedelta(seconds=30)


def cycle(world: World) -> Report:
    """No time passes after it, so that the route is not due yet."""
    return run_cycle(world.runtime, world.route, Options())


@pytest.fixture
def stand(build: Build) -> HookStand:
    """A route at rest, with a hook."""
    world = build()
    world.on_site("Fall")
    world.sync()
    cycle(world)
    stand = HookStand.of(world)
    assert stand.hook().install() is Change.MADE
    return stand


def event(number: object = 1, **more: Any) -> dict[str, Any]:
    told = {"id": f"01edpd2j6sby1163n77h95gw0{number}", "reason": "update", "resource_type": "Incidents"}
    return {**told, "company_id": "26972", "project_id": str(PROJECT), "user_id": "77", "resource_id": "1", **more}


def rows(world: World, *but: Table) -> dict[str, list[Any]]:
    """All that the store holds, but for these tables."""
    with world.store.read() as unit:
        tables = [table for table in SQLModel.metadata.sorted_tables if table not in but]
        return {table.name: [tuple(row) for row in unit.connection.execute(table.select())] for table in tables}


# Hints -----------------------------------------------------------------------------------------------------------


def test_a_change_in_procore_has_a_cycle_soon_and_crosses(stand: HookStand) -> None:
    world = stand.world
    assert not [*due(waiting(world.runtime, [world.route]))]
    world.on_site("A second fall")
    assert stand.sender.deliver() == 1
    assert (stand.slot().reason, stand.slot().span) == (Reason.HINT, SOON)
    world.clock.now += SOON
    assert len([*due(waiting(world.runtime, [world.route]))]) == 1
    world.sync()
    assert len(world.office()) == 2


def test_whatever_comes_moves_a_due_time_and_a_count_and_nothing_else(stand: HookStand) -> None:
    """Doubled, late, of a record that is not there, of another project, another tool, with contents that lie."""
    world, token = stand.world, stand.made.authorization
    before, calls = rows(world, SCHEDULE, HOOK_EVENTS, TALLY), world.procore.calls.copy()
    said = [
        event(1), event(1), event(2, timestamp="1999-01-01T00:00:00Z"), event(3, resource_id="404", reason="delete"),
        event(4, project_id="7", company_id="7"), event(5, resource_type="RFIs", data={"title": "Fall", "status": 1}),
        [event(6), event(7)], {"ulid": "01EDPD2J6SBY1163N77H95GW09", "id": 3, "event_type": "create"}, {"id": 12},
    ]  # fmt: skip
    assert [stand.sender.forge(stand.made, each, token) for each in said] == [204] * len(said)
    assert rows(world, SCHEDULE, HOOK_EVENTS, TALLY) == before
    assert world.procore.calls == calls, "a hint calls nobody"
    assert stand.slot().span <= SOON
    assert stand.slot().wakes == len(said) - 1
    world.clock.now += SOON
    assert not any(count for done in cycle(world).written.values() for count in done.values())


def test_what_nobody_sent_with_the_token_moves_nothing(stand: HookStand) -> None:
    token, slot = stand.made.authorization, stand.slot()
    for header in (None, "", "Bearer ", "Bearer guess", token.lower(), token + "x", token[7:], f"Basic {token[7:]}"):
        assert stand.sender.forge(stand.made, event(), header) == 401, header
    with stand.world.store.read() as unit:
        (kept,) = unit.hooks.tokens(stand.world.route.procore_project)
    assert stand.sender.forge(stand.made, event(), f"Bearer {kept.hash}") == 401
    assert stand.slot() == slot


def test_an_event_that_is_lost_late_or_doubled_costs_time_alone(stand: HookStand) -> None:
    world, sender = stand.world, stand.sender
    sender.lost, slot = 1.0, stand.slot()
    world.on_site("Lost")
    assert (sender.deliver(), stand.slot()) == (0, slot)
    sender.lost, sender.doubled, sender.delayed = 0.0, 1.0, timedelta(minutes=10)
    world.on_site("Late")
    assert sender.deliver() == 0
    world.clock.advance(minutes=10)
    assert sender.deliver() == 2
    assert stand.slot().wakes == 1
    world.sync()
    assert len(world.office()) == 3


def test_our_own_write_calls_for_no_further_cycle(stand: HookStand) -> None:
    world = stand.world
    world.in_office("In the office")
    cycle(world)  # From its answer on it is known whom Procore names as the author of what we write.
    assert stand.sender.deliver() == 1
    assert stand.slot().reason is Reason.CADENCE
    told = stand.made.deliveries[-1].event
    assert stand.hints.take(str(PROJECT), f'{{"id": "1", "user_id": "{told["user_id"]}"}}'.encode()) is Outcome.OWN
    world.procore.hand_edit("incident", int(told["resource_id"]), title="Changed on site")
    stand.sender.deliver()
    assert stand.slot().reason is Reason.HINT


def test_a_project_that_no_route_has_and_a_paused_route_are_left_alone(stand: HookStand) -> None:
    world = stand.world
    nobody = HookStand.of(world, [world.route])
    nobody.hints.routes.clear()  # type: ignore[attr-defined]
    slot = stand.slot()
    assert nobody.hints.take(str(PROJECT), b'{"id": "x"}') is Outcome.UNKNOWN
    assert stand.slot() == slot
    with world.store.begin() as unit:
        unit.schedule.pause(world.route.key, None, "")
    assert stand.hints.take(str(PROJECT), b'{"id": "y"}') is Outcome.TAKEN
    world.clock.advance(hours=1)
    assert not [*due(waiting(world.runtime, [world.route]))]


def test_of_the_same_event_at_once_one_counts(stand: HookStand) -> None:
    ready = Barrier(4)

    def take(_: int) -> Outcome:
        ready.wait(10)
        return stand.hints.take(str(PROJECT), b'{"id": "once"}')

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(take, range(4))) == ["repeated"] * 3 + ["taken"]
    with stand.world.store.read() as unit:
        assert unit.tallies.totals(HINTS) == {("repeated",): 3, ("taken",): 1}


def test_events_are_forgotten_once_nobody_repeats_them(stand: HookStand) -> None:
    stand.sender.forge(stand.made, event(1), stand.made.authorization)
    stand.world.clock.now += EVENTS_KEPT_FOR / 2
    stand.sender.forge(stand.made, event(2), stand.made.authorization)
    stand.world.clock.now += EVENTS_KEPT_FOR / 2 + timedelta(seconds=1)
    stand.world.sync()
    assert len(rows(stand.world)["hook_event"]) == 1


# The port --------------------------------------------------------------------------------------------------------


@pytest.fixture
def url(stand: HookStand) -> Iterator[str]:
    with stand.listening() as url:
        yield url


def garbage() -> Iterator[tuple[str, bytes, int]]:
    yield "nothing", b"", 400
    yield "no JSON", b"\xff\xfe\x00{", 400
    yield "half", b'{"id": "1', 400
    yield "deep", b"[" * 200_000, 400
    yield "text", b'"id"', 400
    yield "number", b"1", 400
    yield "null", b"null", 400
    yield "an empty list", b"[]", 400
    yield "a list of lists", b"[[]]", 400
    yield "too many", b"[" + b",".join([b'{"id":1}'] * 501) + b"]", 400
    for odd in ("true", "null", "{}", "[]", "1e400", "NaN", '""', '"\\u0000"', '"\\ud800"', '"a b"', '"é"', "9" * 5000):
        yield f"id {odd[:9]}", f'{{"id": {odd}}}'.encode(), 400
    yield "a long id", b'{"id": "' + b"x" * 65 + b'"}', 400
    yield "too large", b'{"id": "1", "x": "' + b"x" * receiver.MAX_BODY + b'"}', 413
    yield "as large as may be", b'{"id": "1", "x": "' + b"x" * (receiver.MAX_BODY - 100) + b'"}', 204


@pytest.mark.any_store
def test_only_the_path_answers_and_only_to_who_has_the_token(stand: HookStand, url: str) -> None:
    root, header = url.removesuffix("/procore"), {"Authorization": stand.made.authorization}
    with httpx.Client(headers=header) as client:
        for path in ("/", "/inbox", "/procore/", "/procore/x", "/Procore", "/static/desk.css", "/enter", "/metrics"):
            assert client.post(root + path, json=event()).status_code == 404, path
        for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"):
            assert client.request(method, url).status_code == 405, method
        answer = client.post(url, json=event())
        assert (answer.status_code, answer.content, "server" in answer.headers) == (204, b"", False)
    with httpx.Client() as client:
        for headers in ([], [*header.items(), ("Authorization", "Bearer x")]):
            assert client.post(url, json=event(), headers=headers).status_code == 401


@pytest.mark.any_store
def test_a_body_of_any_size_and_shape_is_refused_in_one_word_and_moves_nothing(stand: HookStand, url: str) -> None:
    slot, header = stand.slot(), {"Authorization": stand.made.authorization}
    with httpx.Client(headers=header) as client:
        for name, body, status in garbage():
            if status == 204:
                assert stand.slot() == slot
            answer = client.post(url, content=body)
            assert (answer.status_code, answer.content) == (status, b""), name
        pieces = client.post(url, content=iter([b"x" * 65536] * 5))
        assert pieces.status_code == 413, "a body without a length"
        assert client.post(url, json=event()).status_code == 204


@pytest.mark.any_store
def test_no_token_reaches_a_log_an_error_or_the_store(stand: HookStand, url: str) -> None:
    structlog.reset_defaults()
    world, old = stand.world, stand.made.authorization
    with capture_logs() as lines, httpx.Client() as client:
        stand.hook().install(renew=True)
        for header in (old, stand.made.authorization, "Bearer guessed-by-somebody"):
            client.post(url, json=event(), headers={"Authorization": header})
            client.post(url, content=b"garbage", headers={"Authorization": header})
        world.faults.add(FaultKind.ERROR_BEFORE, method="PATCH", status=400)
        with pytest.raises(Refused) as refused:
            stand.hook().install(renew=True)
        check = [finding.what for finding in check_all(world.runtime, [world.route], hooks_at=URL)]
    kept = str((rows(world), lines, refused.value, refused.value.words, check, stand.hook().state()))
    assert "hooks.received" in kept
    for token in (old, stand.made.authorization, "Bearer guessed-by-somebody"):
        assert token.removeprefix("Bearer ") not in kept


@pytest.mark.any_store
def test_a_store_without_time_is_answered_soon_and_the_event_comes_again(
    stand: HookStand, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise StoreBusy("The store is locked; it goes on by itself.")

    with httpx.Client(headers={"Authorization": stand.made.authorization}) as client:
        for wrong, status in ((busy, 503), (lambda *_: 1 / 0, 500)):
            with monkeypatch.context() as patch:
                patch.setattr(type(stand.hints), "take", wrong)
                assert client.post(url, json=event()).status_code == status
        with monkeypatch.context() as patch, stand.world.store.begin():
            patch.setattr(receiver, "STORE_WITHIN", 0.05)
            assert client.post(url, json=event()).status_code == 503
        assert client.post(url, json=event()).status_code == 204


# Made, renewed, removed ------------------------------------------------------------------------------------------


def test_what_is_in_order_stays_and_what_is_missing_is_added(stand: HookStand) -> None:
    hook, before = stand.made, stand.made.authorization
    assert sorted(event for _, event in hook.triggers.values()) == ["create", "delete", "update"]
    stand.world.procore.hooks.dials.samples_shout = True
    assert stand.hook().install() is Change.NONE
    hook.triggers.popitem()
    assert stand.hook().install() is Change.COMPLETED
    assert (len(hook.triggers), hook.authorization) == (3, before)
    assert stand.world.procore.refused == []


def test_two_tokens_count_while_one_follows_the_other(stand: HookStand) -> None:
    tokens = [stand.made.authorization]
    for _ in range(2):
        assert stand.hook().install(renew=True) is Change.RENEWED
        tokens.append(stand.made.authorization)
        stand.world.clock.now += KEPT_FOR / 2
    sent = [stand.sender.forge(stand.made, event(number), token) for number, token in enumerate(tokens)]
    assert sent == [401, 204, 204]
    stand.world.clock.now += KEPT_FOR
    assert stand.sender.forge(stand.made, event(7), tokens[1]) == 401
    assert stand.sender.forge(stand.made, event(8), tokens[2]) == 204
    assert stand.hook().install(renew=True) is Change.RENEWED
    assert len(rows(stand.world)["hook_token"]) == 2


@pytest.mark.any_store
def test_a_token_that_procore_may_or_may_not_have_counts_until_it_is_known(stand: HookStand) -> None:
    world, old = stand.world, stand.made.authorization
    world.faults.add(FaultKind.LOST_ANSWER, method="PATCH")
    with pytest.raises(Exception, match="is unknown; run the command again"):
        stand.hook().install(renew=True)
    for token in (old, stand.made.authorization):
        assert stand.sender.forge(stand.made, event(token[-1].lower()), token) == 204
    world.faults.add(FaultKind.REFUSED_CONNECTION, method="PATCH", times=1)
    with pytest.raises(Exception, match="is unknown"):
        stand.hook().install()
    assert stand.hook().install() is Change.RENEWED
    assert stand.hook().install() is Change.NONE
    world.faults.add(FaultKind.ERROR_BEFORE, method="PATCH", status=422)
    with pytest.raises(Refused):
        stand.hook().install(renew=True)
    assert stand.hook().install() is Change.NONE, "the token that Procore refused is gone"


@pytest.mark.any_store
def test_a_hook_whose_making_was_not_answered_is_taken_up(build: Build) -> None:
    stand = HookStand.of(build())
    stand.world.faults.add(FaultKind.LOST_ANSWER, method="POST", path="/hooks$")
    with pytest.raises(Exception, match="run the command again"):
        stand.hook().install()
    assert stand.hook().install() is Change.RENEWED
    assert len(stand.made.triggers) == 3
    assert stand.sender.forge(stand.made, event(), stand.made.authorization) == 204


@pytest.mark.any_store
def test_another_address_another_secret_and_a_hook_that_was_switched_off_are_mended(stand: HookStand) -> None:
    stand.made.active = False
    (problem,) = stand.hook().state().problems
    assert "switched off in Procore" in problem
    assert stand.hook().install() is Change.MADE
    there = stand.hook(url="https://elsewhere.example.com/procore")
    assert "another address" in there.state().problems[0]
    assert (there.install(), stand.made.url) == (Change.MADE, there.url)
    keys = Keys(b"a new client secret")
    later = stand.hook(url=there.url, seals=Seals(keys.hashed, keys.digest))
    assert "renew it with" in later.state().problems[0]
    assert later.install() is Change.RENEWED
    assert later.state().problems == []


@pytest.mark.any_store
def test_hooks_of_others_are_left_alone(stand: HookStand) -> None:
    board = stand.world.procore.hooks
    board.add(PROJECT, "procore", "v4.0", URL, "Bearer theirs")
    board.add(PROJECT, "procore-fourhse-sync", "v4.0", "https://test.example.com/procore", "Bearer theirs")
    stand.hook().install()
    assert len(board.hooks) == 3
    assert stand.hook().remove() == 1
    assert {hook.authorization for hook in board.hooks.values()} == {"Bearer theirs"}
    assert {*map(len, (rows(stand.world)[table.name] for table in (HOOK_TOKENS, HOOK_EVENTS)))} == {0}
    assert stand.hook().remove() == 0
    assert "make one with" in stand.hook().state().problems[0]


@pytest.mark.any_store
def test_a_company_with_the_old_api_alone_has_hooks_too(build: Build) -> None:
    stand = HookStand.of(build())
    stand.world.procore.hooks.dials.editions = ("v1.0",)
    assert stand.hook().install() is Change.MADE
    assert stand.hook().install() is Change.NONE
    assert stand.hook().install(renew=True) is Change.RENEWED
    cycle(stand.world)
    stand.world.on_site("Fall")
    stand.sender.deliver()
    assert stand.slot().reason is Reason.HINT
    assert stand.hook().state().problems == []
    assert stand.hook().remove() == 1
    assert stand.world.procore.refused == []


@pytest.mark.any_store
def test_the_payload_in_which_incidents_are_told_is_asked_for(build: Build) -> None:
    stand = HookStand.of(build())
    dials = stand.world.procore.hooks.dials
    dials.versions = ()
    with pytest.raises(UsageError, match="has no hooks for incidents of route riverside"):
        stand.hook().install()
    dials.versions = ("v2.0",)
    stand.hook().install()
    assert stand.made.version == "v2.0"
    stand.world.on_site("Fall")
    assert stand.sender.deliver() == 1
    assert stand.made.deliveries[-1].status == "delivered"


@pytest.mark.any_store
def test_without_the_right_it_says_which_one_is_missing(build: Build) -> None:
    stand = HookStand.of(build())
    stand.world.procore.hooks.dials.editions = ()
    with pytest.raises(AccessRefused, match="Standard permission on Webhooks"):
        stand.hook().install()
    stand.world.procore.forbid("/webhooks/")
    with pytest.raises(AccessRefused):
        stand.hook().install()


# Failing ---------------------------------------------------------------------------------------------------------


def warnings(world: World) -> list[str]:
    found = check_all(world.runtime, [world.route], hooks_at=URL)
    return [each.what for each in found if each.level is not Level.OK and "hook" in each.what]


@pytest.mark.any_store
def test_check_tells_of_a_hook_only_where_one_was_made(build: Build) -> None:
    world = build()
    stand = HookStand.of(world)
    world.procore.forbid("/webhooks/")
    assert warnings(world) == []
    world.procore.permit_all()
    stand.hook().install()
    world.procore.forbid("/webhooks/")
    assert warnings(world) == ["Procore does not allow GET /rest/v2.0/companies/{id}/projects/{id}/webhooks/hooks (403); give our account the permission for it."]  # noqa: E501 # fmt: skip


@pytest.mark.any_store
@pytest.mark.parametrize("edition", ["v2.0", "v1.0"])
def test_deliveries_that_fail_are_told_for_as_long_as_they_do(build: Build, edition: str) -> None:
    world = build()
    stand = HookStand.of(world)
    world.procore.hooks.dials.editions = (edition,)
    stand.hook().install()

    def told() -> Sequence[str]:
        return stand.hook().state().problems

    assert told() == []
    stand.sender.post, taken = lambda *_: 502, stand.sender.post
    for number in range(2):
        world.on_site(f"Fall {number}")
        stand.sender.deliver()
    (problem,) = told()
    assert problem.startswith("One delivery of the last day did not arrive, answered 502 last"), "the other one waits"
    stand.sender.post = taken
    world.clock.advance(hours=2)
    stand.sender.deliver()
    assert told() == []
    stand.sender.post = lambda *_: None
    world.on_site("Fall 3")
    for _ in range(20):  # Twelve hours without an answer: what waits is discarded.
        stand.sender.deliver()
        world.clock.advance(hours=1)
    assert "without an answer" in told()[0]
    world.clock.advance(days=2)
    assert told() == [], "it was long ago"
