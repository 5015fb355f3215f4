"""`routes`: when each route is due, pausing one and letting it go on; and `sync --due`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cli_stand import Stand


def listed(stand: Stand) -> list[dict[str, object]]:
    found: list[dict[str, object]] = stand.json("routes", "list")["routes"]
    return found


def test_a_route_is_told_key_by_key(stand: Stand) -> None:
    (before,) = listed(stand)
    assert before == {
        "route": "riverside", "configured": True, "enabled": True, "running": False, "due_at": None, "reason": None,
        "cadence_seconds": None, "paused": None,
    }  # fmt: skip
    assert "its first cycle" in stand.said("routes")
    stand.run("sync")
    (after,) = listed(stand)
    assert (after["reason"], after["cadence_seconds"]) == ("cadence", 300.0)
    left = datetime.fromisoformat(str(after["due_at"])) - datetime.now(UTC)
    assert timedelta(minutes=4) < left <= timedelta(minutes=5)
    assert "its pause is over by then" in stand.said("routes", "list")


def test_only_what_is_due_is_synced(stand: Stand) -> None:
    stand.configure("riverside", "harbour")
    stand.run("sync", "--route", "riverside")
    assert [each["route"] for each in stand.json("sync", "--due")["routes"]] == ["harbour"]
    assert "No route is due, so there was nothing to do." in stand.said("sync", "--due")
    assert stand.json("sync", "--due") == {"outcome": "ok", "exit": 0, "routes": []}


def test_a_paused_route_runs_only_when_it_is_named(stand: Stand) -> None:
    assert "paused for 2h" in stand.said("routes", "pause", "riverside", "--for", "2h", "--note", "tidying up")
    (told,) = listed(stand)
    assert (told["due_at"], told["paused"]["note"]) == (None, "tidying up")  # type: ignore[index]
    assert "paused: tidying up" in stand.said("routes")
    skipped = stand.run("sync")
    assert skipped.exit_code == 0
    assert "Route riverside is paused and was skipped" in skipped.stderr
    assert stand.json("sync", "--due")["routes"] == []
    assert stand.json("sync", "--route", "riverside")["outcome"] == "ok"
    assert stand.json("status")["routes"][0]["next_at"] is None
    assert "Route riverside is due now" in stand.said("routes", "resume", "riverside")
    assert [each["route"] for each in stand.json("sync", "--due")["routes"]] == ["riverside"]


def test_a_route_that_is_not_there_cannot_be_paused_nor_one_for_no_time(stand: Stand) -> None:
    assert "There is no route hillside" in stand.said("routes", "pause", "hillside", exit_code=2)
    assert "--for soon" in stand.said("routes", "pause", "riverside", "--for", "soon", exit_code=2)


def test_a_longer_pause_for_quiet_routes_is_checked(stand: Stand) -> None:
    stand.configure("riverside")
    stand.write(stand.file.read_text() + '\n[schedule]\nevery = "10m"\nquiet_every = "5m"\n')
    assert "is shorter for quiet routes than for all" in stand.said("status", exit_code=2)


def test_status_tells_how_long_a_route_rests_where_the_calls_are_too_few(stand: Stand) -> None:
    stand.procore.set_limits(hour=60)
    stand.configure("riverside", "harbour")
    stand.run("sync")
    for route in stand.json("status")["routes"]:
        assert 300 < route["cadence_seconds"] == route["round_seconds"] < 3600
    assert "for the calls that are allowed bear one cycle of every route in" in stand.said("status")
