"""A page of another site, opened by somebody who is signed in to the desk: it decides nothing and shows nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

import pytest
from desk_reader import Reader
from provoked import conflict

from actors import only
from desk_stand import Served
from world import World

Open = Callable[..., Served]
PAGE = """<!doctype html><html lang="en"><title>Prizes</title><main>
<form method="post" action="{desk}/inbox/1/answer"><input type="hidden" name="choice" value="procore">
<input type="hidden" name="shown" value="{shown}"><button>You have won</button></form>
<a href="{desk}/inbox/1/answer?choice=procore&amp;shown={shown}">Read more</a>
<iframe title="desk" src="{desk}/inbox/1"></iframe></main></html>"""


@pytest.fixture
def site() -> Iterator[Callable[[str], int]]:
    """Serves one page on a port of its own, which it gives."""
    shown = {"page": ""}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(shown["page"].encode())

        def log_message(self, *_: object) -> None:
            pass

    def serve(page: str) -> int:
        shown["page"] = page
        return server.server_port

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield serve
        server.shutdown()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_page_of_another_site_decides_nothing_and_cannot_frame_the_desk(
    world: World, reader: Reader, opened: Open, site: Callable[[str], int], host: str
) -> None:
    """Of the same machine, which to a browser is the same site, so that the cookie goes along; and of another one."""
    conflict(world)
    number = only(world, "conflict").id
    desk = opened(world)
    reader.open(f"/inbox/{number}")
    told = PAGE.format(desk=desk.url, shown=reader.hidden("shown"))
    evil = f"http://{host}:{site(told)}/"
    assert urlsplit(evil).netloc != urlsplit(desk.url).netloc
    reader.driver.get(evil)
    assert "ladder" not in reader.framed()
    reader.press("You have won")
    assert "Refused" in reader.everything
    reader.driver.get(evil)
    reader.press("Read more")
    assert only(world, "conflict").state == "open"
    reader.open(f"/inbox/{number}")
    reader.decide("Procore is right")
    assert "Answered" in reader.text, "the same form from the desk itself"
