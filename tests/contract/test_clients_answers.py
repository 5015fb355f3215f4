"""Reading answers: ids of any kind, and a vendor's words from every form of error that has been seen."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from handmade import NOON

from procore_4hse.clients.answer import LONGEST_WORDS, Reply, parse, words_of
from procore_4hse.models import text_id


def refusal(body: Any) -> Reply:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    parsed, is_json = parse(content)
    return Reply(422, httpx.Headers(), NOON, parsed, content.decode("utf-8", "replace"), is_json)


@pytest.mark.parametrize(
    ("body", "words", "fields"),
    [
        ({"errors": "Unauthorized"}, "Unauthorized", ()),
        ({"error": "Item not found"}, "Item not found", ()),
        ({"errors": ["must be a range", "bad sort"]}, "must be a range; bad sort", ()),
        ({"errors": {"title": ["can't be blank"]}}, "title: can't be blank", ("title",)),
        ({"errors": {"title": "can't be blank"}}, "title: can't be blank", ("title",)),
        (
            {"errors": {"title": ["is short", "is odd"], "event_date": ["is bad"]}},
            "title: is short; title: is odd; event_date: is bad",
            ("title", "event_date"),
        ),
        (
            {"error": {"code": "invalid", "message": "Not valid", "details": {"title": ["is odd"]}}},
            "Not valid; title: is odd",
            ("title",),
        ),
        (
            {"error": {"code": 1, "message": "Not valid", "details": [{"field": "title", "message": "is odd"}]}},
            "Not valid; title: is odd",
            ("title",),
        ),
        ({"code": 422, "message": "Invalid", "fields": ["title"], "reason": "odd"}, "Invalid; odd", ("title",)),
        ({"message": "Invalid", "fields": {"title": ["is odd"]}}, "Invalid; title: is odd", ("title",)),
        (
            {"entities": [], "errors": [{"id": 3, "name": "x", "errors": {"id": ["Entity with this ID not found"]}}]},
            "id: Entity with this ID not found",
            ("id",),
        ),
        ([{"field": "name", "message": "Name cannot be blank."}], "name: Name cannot be blank.", ("name",)),
        (
            [{"field": "name", "message": "too long"}, {"field": "status", "message": "invalid"}],
            "name: too long; status: invalid",
            ("name", "status"),
        ),
        ({"name": "Forbidden", "message": "Not allowed", "code": 0, "status": 403}, "Not allowed", ()),
        (
            {"error": "invalid_grant", "error_description": "Session not active"},
            "invalid_grant; Session not active",
            (),
        ),
        ({"title": ["can't be blank"]}, "title: can't be blank", ("title",)),
        ("Bad request", "Bad request", ()),
        ({}, "{}", ()),
        (None, "null", ()),
        (b"", "", ()),
        (b"<h1>Not acceptable</h1>", "<h1>Not acceptable</h1>", ()),
    ],
)
def test_words_and_fields_of(body: Any, words: str, fields: tuple[str, ...]) -> None:
    assert words_of(refusal(body)) == (words, fields)


@pytest.mark.parametrize("body", [b"x" * 9000, {"errors": ["y" * 9000]}])
def test_long_words_are_cut(body: Any) -> None:
    assert len(words_of(refusal(body))[0]) == LONGEST_WORDS == 500


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (598134325870420, "598134325870420"),
        ("598134325870420", "598134325870420"),
        (" inc-1 ", "inc-1"),
        (12.0, "12"),
        (12.5, None),
        (True, None),
        ("", None),
        (None, None),
        ({"id": 1}, None),
    ],
)
def test_an_id_is_text_whatever_was_sent(value: Any, text: str | None) -> None:
    assert text_id(value) == text


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (rb'"Fall \ud83d"', "Fall \ufffd"),
        (rb'"Fall \uD83D\uDE00"', "Fall \U0001f600"),
        (b'{"a\\u0000b": ["\xed\xa0\xbd"]}', {"ab": ["\ufffd" * 1]}),
        (b"[1e999, -1e999, NaN, Infinity, 1.5]", ["1e999", "-1e999", "NaN", "Infinity", 1.5]),
        (b"1" * 5000, "1" * 5000),
    ],
)
def test_what_no_store_takes_is_replaced_as_it_is_read(sent: bytes, read: Any) -> None:
    assert parse(sent) == (read, True)


def test_deep_nesting_is_unreadable_and_no_crash() -> None:
    assert parse(b"[" * 200_000) == (None, False)


def test_a_reply_does_not_show_its_body() -> None:
    assert "Jane" not in repr(refusal({"errors": "Jane"}))
