"""Who gets into the desk and who does not: links, sessions, other sites, foreign hosts, proxies, large bodies."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import structlog
from structlog.testing import capture_logs

from desk_stand import KEYS, Browser, Served, desk_of, person, served, words
from procore_4hse.errors import ConfigurationError
from procore_4hse.web.access import rules_of
from procore_4hse.web.app import Pages
from procore_4hse.web.keys import LINK, SIGN_IN, Keys
from procore_4hse.web.protection import MAX_BODY
from world import Scene, World

PAGES = ("/", "/inbox", "/inbox/1", "/incidents", "/incidents/1", "/runs", "/mapping")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A conflict about a title waits for a person: question 1."""
    made = World.build(f"sqlite:///{tmp_path_factory.mktemp('scene')}/sync.db")
    site = made.on_site("Fall from ladder")
    made.sync()
    ((office, _),) = made.office().items()
    made.procore.hand_edit("incident", int(site), title="Fall from a ladder")
    made.fourhse.hand_edit("incident", office, name="Fall from the ladder")
    made.sync()
    assert [entry.id for entry in made.inbox()] == [1]
    return Scene.of(made)


@pytest.fixture
def world(scene: Scene, tmp_path: Path) -> Iterator[World]:
    made = scene.begin(World.build(f"sqlite:///{tmp_path}/sync.db"))
    with closing(made.store):
        yield made


@pytest.fixture
def desk(world: World) -> Iterator[Served]:
    with served(desk_of(world)) as desk:
        yield desk


def is_untouched(world: World) -> bool:
    """Nothing was decided."""
    return [entry.state for entry in world.inbox()] == ["open"]


# The link --------------------------------------------------------------------------------------------------------


def entered(browser: Browser, link: str) -> httpx.Response:
    """What a browser does with a link: it is led to a page without the key, and presses the button there."""
    led = browser.get(f"/enter/{link}")
    assert (led.status_code, led.headers["location"]) == (303, "/enter")
    assert link not in browser.get("/enter").text
    return browser.post("/enter")


def test_a_link_signs_in_once_and_leaves_no_key_in_address_or_page(desk: Served) -> None:
    link = desk.link()
    with desk.browser() as first, desk.browser() as second:
        assert first.get("/").status_code == 401
        answer = entered(first, link)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert "Signed in as anna" in first.text("/")
        assert entered(second, link).status_code == 403
        assert second.get("/").status_code == 401


def test_looking_at_a_link_uses_nothing_up(desk: Served) -> None:
    """A mail scanner, or a preview in a chat, opens every address that it sees."""
    link = desk.link()
    with desk.browser() as scanner, desk.browser() as person_:
        assert scanner.get(f"/enter/{link}").status_code == 303
        assert scanner.get("/enter").status_code == 200
        assert scanner.get("/").status_code == 401
        assert entered(person_, link).status_code == 303


def test_two_browsers_with_one_link_at_once_open_one_session(desk: Served) -> None:
    link = desk.link()
    with desk.browser() as one, desk.browser() as other, ThreadPoolExecutor(2) as pool:
        for browser in (one, other):
            browser.get(f"/enter/{link}")
        statuses = sorted(pool.map(lambda browser: browser.post("/enter").status_code, (one, other)))
    assert statuses == [303, 403]


def test_a_link_that_is_too_old_changed_or_made_by_somebody_else_opens_nothing(desk: Served, world: World) -> None:
    old, changed = desk.link(minutes=1), desk.link()[:-4] + "AAAA"
    foreign = Keys(b"another").link("anna", now=world.clock(), lasts=world.clock() - world.clock())
    world.clock.advance(minutes=2)
    until = world.clock().replace(year=2999)
    other_purpose = KEYS.signed(SIGN_IN, {"who": "anna"}, until=until)
    stranger = Keys(b"another").signed(LINK, {"who": "anna"}, until=until)
    with desk.browser() as browser:
        for link in (old, changed, foreign, stranger, other_purpose, "x", "a.b", "%00", "ü"):
            assert browser.get(f"/enter/{link}").status_code == 403
            browser.http.cookies.set("desk-link", link.encode().hex(), domain="127.0.0.1")
            assert browser.post("/enter").status_code == 403


# Sessions --------------------------------------------------------------------------------------------------------


def test_without_a_session_no_page_tells_anything(desk: Served) -> None:
    with desk.browser() as browser:
        for path in PAGES:
            answer = browser.get(path)
            assert (answer.status_code, "Fall" in answer.text) == (401, False)
        browser.http.cookies.set("desk", "a guess", domain="127.0.0.1")
        assert browser.get("/").status_code == 401


def test_a_session_ends_for_good_when_somebody_signs_out(desk: Served) -> None:
    with desk.signed_in() as browser, desk.browser(Cookie=browser.http.headers["Cookie"]) as thief:
        assert thief.get("/").status_code == 200
        assert browser.post("/sign-out").status_code == 303
        assert thief.get("/").status_code == 401


def test_a_session_ends_by_itself(desk: Served, world: World) -> None:
    with desk.signed_in() as browser:
        world.clock.advance(hours=12)
        assert browser.get("/").status_code == 401


def test_the_store_holds_no_key(desk: Served, world: World) -> None:
    link = desk.link()
    with desk.browser() as browser:
        entered(browser, link)
        key = browser.http.cookies["desk"]
    with world.store.read() as unit:
        rows = unit.connection.exec_driver_sql("SELECT * FROM desk_session").all()
    assert len(rows) == 1
    assert key not in str(rows)
    assert link not in str(rows)


def test_cookies_are_for_this_desk_and_no_script(desk: Served) -> None:
    with desk.browser() as browser:
        browser.get(f"/enter/{(link := desk.link())}")
        (cookie,) = [c for c in browser.post("/enter").headers.get_list("set-cookie") if c.startswith("desk=")]
        assert link not in cookie
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert "Domain" not in cookie


def test_over_https_cookies_are_secure_and_no_neighbour_can_set_them(world: World) -> None:
    with served(desk_of(world, base_url="https://desk.example.com")) as desk, desk.browser() as browser:
        led = browser.get(f"/enter/{desk.link()}")
        browser.http.headers["Cookie"] = led.headers["set-cookie"].split(";")[0]
        entered = browser.post("/enter")
        assert entered.status_code == 303
        assert browser.get("/", Host=urlsplit(desk.url).netloc).status_code == 421
    cookies = [*led.headers.get_list("set-cookie"), *entered.headers.get_list("set-cookie")]
    assert {cookie.split("=")[0] for cookie in cookies} == {"__Host-desk-link", "__Host-desk"}
    for cookie in cookies:
        assert {"Secure", "HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))


# Other sites and hosts -------------------------------------------------------------------------------------------


@pytest.mark.one_case_in(3)
@pytest.mark.parametrize(
    "signs",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example.com"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "https://evil.example.com", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_a_form_of_another_site_decides_nothing(desk: Served, world: World, signs: dict[str, str]) -> None:
    with desk.signed_in() as browser:
        for path in ("/inbox/1/answer", "/inbox/1/undo", "/sign-out", "/enter"):
            assert browser.post(path, headers=signs, choice="procore").status_code == 403
        assert browser.get("/").status_code == 200
    assert is_untouched(world)


@pytest.mark.parametrize("host", ["evil.example.com", "127.0.0.1", "localhost.evil.example.com", ""])
def test_a_foreign_host_is_refused(desk: Served, host: str) -> None:
    """A page of another site whose name was turned to this machine shows its own name."""
    with desk.signed_in() as browser:
        answer = browser.get("/", Host=host)
    assert answer.status_code in (400, 421)
    assert "riverside" not in answer.text


def test_an_address_with_the_usual_port_is_the_one_that_browsers_write(world: World) -> None:
    with served(desk_of(world, base_url="https://Desk.example.com:443")) as desk, desk.browser() as browser:
        assert browser.get("/", Host="desk.example.com").status_code == 401


def test_this_machine_may_be_called_by_its_name(desk: Served) -> None:
    with desk.signed_in() as browser:
        assert browser.get("/", Host=f"localhost:{urlsplit(desk.url).port}").status_code == 200


def test_a_get_decides_nothing(desk: Served, world: World) -> None:
    with desk.signed_in() as browser:
        for path in ("/inbox/1/answer?choice=procore", "/inbox/1/undo", "/sign-out"):
            assert browser.get(path).status_code == 405
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
            assert browser.http.request(method, f"{desk.url}/inbox/1").status_code == 405
    assert is_untouched(world)


# Whatever a form may change ----------------------------------------------------------------------------------------

NOBODYS = {"/enter", "/sign-out"}
"""What whoever is not signed in may send as well."""
SEARCHES = {"/inbox", "/incidents"}
"""Forms that change nothing: what they hold has no place in an address."""


def forms(desk: Served) -> list[str]:
    """The address of each form that the desk takes."""
    paths = [path for path in Pages(desk.desk).routes() if "POST" in (path.methods or ())]
    found = [re.sub(r"{\w+:int}", "1", path.path) for path in paths]
    return [re.sub(r"{\w+}", "1", path) for path in found]


def test_no_form_is_taken_from_another_site_from_nobody_or_from_who_may_only_look(desk: Served, world: World) -> None:
    """Of every form that there is, so that none that is made later is forgotten."""
    sent = {"choice": "procore", "until": "2026-03-09", "text": "Fall"}
    viewer = person((world.route,), viewers=["team sees identity, health"])
    assert {"/inbox/1/answer", "/inbox/1/snooze", "/inbox/1/undo", "/writes/1/undo"} <= set(forms(desk))
    for path in forms(desk):
        with desk.signed_in() as browser:
            foreign = {"Origin": "https://evil.example.com", "Sec-Fetch-Site": "cross-site"}
            assert browser.post(path, headers=foreign, **sent).status_code == 403, path
            if path not in SEARCHES:
                assert browser.get(f"{path}?choice=procore&until=2026-03-09").status_code in (200, 403, 404, 405), path
        if path not in NOBODYS:
            with desk.browser() as browser:
                assert browser.post(path, **sent).status_code == 401, path
        if path not in NOBODYS | SEARCHES:
            with desk.signed_in(viewer) as browser:
                assert browser.post(path, **sent).status_code in (403, 404), path
    assert is_untouched(world)
    assert [entry.snoozed_until for entry in world.inbox()] == [None]


# What is sent and answered ---------------------------------------------------------------------------------------


def test_every_answer_forbids_keeping_framing_and_scripts(desk: Served) -> None:
    with desk.signed_in() as browser:
        answers = [browser.get(path) for path in (*PAGES, "/desk.css", "/nothing")]
        answers += [browser.post("/inbox", headers={}), browser.get("/", Host="evil.example.com")]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers
        assert "<script" not in answer.text
        assert "style=" not in answer.text


def test_a_large_body_is_refused_whether_it_says_so_or_not(desk: Served, world: World) -> None:
    signs = {"Origin": desk.url}
    with desk.signed_in() as browser:
        told = browser.http.post(f"{desk.url}/inbox", content=b"a" * (MAX_BODY + 1), headers=signs)
        assert told.status_code == 413
        untold = browser.http.post(f"{desk.url}/inbox", content=iter([b"a" * MAX_BODY, b"a"]), headers=signs)
        assert untold.status_code == 413
        # Who sends more than is read may see the connection end before the answer.
        with suppress(httpx.WriteError, httpx.RemoteProtocolError, httpx.ReadError):
            huge = browser.http.post(f"{desk.url}/inbox/1/answer", content=iter([b"a" * 2**20] * 10), headers=signs)
            assert huge.status_code == 413
        assert browser.get("/").status_code == 200
    assert is_untouched(world)


@pytest.mark.one_case_in(5)
@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//evil.example.com", "/inbox/", "/inbox/1/", "/inbox/-1",
        "/inbox/99999999999999999999", "/inbox/1%00", "/incidents/%27%20OR%201=1", "/incidents/..%2f1",
        "/static/desk.css", "/incidents/%3Cscript%3E",
    ],
)  # fmt: skip
def test_an_odd_address_finds_nothing_and_breaks_nothing(desk: Served, path: str) -> None:
    with desk.signed_in() as browser:
        answer = browser.get(path)
        assert answer.status_code == 404
        assert "script>" not in answer.text


ODD = {
    "two hosts": "GET / HTTP/1.1\r\nHost: {host}\r\nHost: evil.example.com\r\n",
    "no host": "GET / HTTP/1.1\r\n",
    "another place in the line": "GET http://evil.example.com/ HTTP/1.1\r\nHost: evil.example.com\r\n",
    "two lengths": "POST /inbox/1/answer HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nContent-Length: 50\r\n",
    "length and chunks": (
        "POST /inbox/1/answer HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n"
    ),
    "a length below nothing": "POST /inbox/1/answer HTTP/1.1\r\nHost: {host}\r\nContent-Length: -1\r\n",
    "a header over two lines": "GET / HTTP/1.1\r\nHost: {host}\r\nCookie: desk=a\r\n\t; desk=b\r\n",
    "a header without a name": "GET / HTTP/1.1\r\nHost: {host}\r\n: x\r\n",
    "a space before the colon": "GET / HTTP/1.1\r\nHost : {host}\r\n",
    "a very long header": "GET / HTTP/1.1\r\nHost: {host}\r\nX: " + "a" * 200_000 + "\r\n",
    "a very long address": "GET /" + "a" * 200_000 + " HTTP/1.1\r\nHost: {host}\r\n",
    "another protocol": "PRI * HTTP/2.0\r\n\r\nSM\r\n",
    "no line at all": "\x00\x01\x02\r\n",
}
"""What no browser sends, without the empty line at its end."""


def test_an_odd_request_decides_nothing_shows_nothing_and_breaks_nothing(desk: Served, world: World) -> None:
    place = urlsplit(desk.url)
    with desk.signed_in() as browser:
        session = f"Cookie: {browser.http.headers['Cookie']}\r\nOrigin: {desk.url}\r\n"
        for name, request in ODD.items():
            whole = request.replace("{host}", place.netloc) + session * ("Cookie" not in request)
            with socket.create_connection((place.hostname, place.port), timeout=20) as door, suppress(OSError):
                door.sendall(f"{whole}\r\nchoice=procore".encode())
                door.shutdown(socket.SHUT_WR)
                answer = b"".join(iter(lambda door=door: door.recv(65536), b""))
                assert b"200 OK" not in answer[:20], name
                assert b"riverside" not in answer, name
        assert browser.get("/").status_code == 200
    assert is_untouched(world)


def test_bytes_that_are_no_form_decide_nothing(desk: Served, world: World) -> None:
    signs = {"Origin": desk.url}
    with desk.signed_in() as browser:
        for body in (b"\xff\xfe", b"choice=procore&" * 50, b'{"choice": "procore"}', b""):
            answer = browser.http.post(f"{desk.url}/inbox/1/answer", content=body, headers=signs)
            assert answer.status_code == 409
    assert is_untouched(world)


def test_two_hundred_connections_at_once_are_served_or_told_to_come_again(desk: Served) -> None:
    with desk.signed_in() as browser, ThreadPoolExecutor(50) as pool:
        host = urlsplit(desk.url)
        idle = [socket.create_connection((host.hostname, host.port)) for _ in range(60)]
        statuses = set(pool.map(lambda _: browser.get("/runs").status_code, range(200)))
        for each in idle:
            each.close()
    assert statuses <= {200, 503}
    with desk.signed_in() as browser:
        assert browser.get("/runs").status_code == 200


BEGUN = b"POST /enter HTTP/1.1\r\nHost: desk\r\nContent-Length: 9\r\n\r\nabc"


@pytest.mark.parametrize("said", [b"", b"GET / HT", BEGUN])
def test_who_opens_a_connection_and_sends_no_whole_request_is_left(
    world: World, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr("procore_4hse.web.listener.WHOLE_WITHIN", 0.05)
    with served(desk_of(world)) as desk:
        host = urlsplit(desk.url)
        with socket.create_connection((host.hostname, host.port), timeout=10) as silent:
            silent.sendall(said)
            while silent.recv(4096):  # Nothing more comes once it was closed.
                pass


def test_nothing_of_a_record_and_no_key_reaches_the_log(desk: Served, world: World) -> None:
    structlog.reset_defaults()
    with capture_logs() as lines, desk.browser() as browser:
        link = desk.link()
        entered(browser, link)
        browser.post("/incidents", text="Fall from a ladder")
        browser.answer(1, "procore")
        browser.get("/incidents/Fall")
        told = str(lines)
        key = browser.http.cookies["desk"]
    assert "desk.answered" in told
    assert [word for word in (link, key, "ladder", "Fall", "anna") if word in told] == []


def test_a_page_that_fails_tells_nothing_of_why(desk: Served, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("Ann Lee broke her arm")

    monkeypatch.setattr("procore_4hse.web.standing.runs", broken)
    with capture_logs() as lines, desk.signed_in() as browser:
        answer = browser.get("/runs")
        assert browser.get("/").status_code == 200
    assert (answer.status_code, "Ann Lee" in answer.text) == (500, False)
    assert answer.headers["cache-control"] == "no-store"
    assert [line["event"] for line in lines] == ["desk.failed"]


# Behind a proxy --------------------------------------------------------------------------------------------------

PROXY = {"auth": "proxy", "secret": "between us", "trusted_peers": ["127.0.0.1"], "viewers": ["anna"]}
FROM_PROXY = {"X-Forwarded-User": "anna", "X-Desk-Secret": "between us"}


def test_a_proxy_names_the_person(world: World) -> None:
    with served(desk_of(world, **PROXY)) as desk, desk.browser() as browser:
        assert "Signed in as anna" in words(browser.get("/", **FROM_PROXY))
        assert browser.get("/").status_code == 401


@pytest.mark.parametrize(
    "forged",
    [
        {"X-Forwarded-User": "anna"},
        {"X-Forwarded-User": "anna", "X-Desk-Secret": ""},
        {"X-Forwarded-User": "anna", "X-Desk-Secret": "wrong"},
        {"X-Forwarded-User": "bruno", "X-Desk-Secret": "between us"},
        {"X-Forwarded-User": "", "X-Desk-Secret": "between us"},
        {"X-Desk-Secret": "between us"},
    ],
)
def test_a_forged_header_of_a_proxy_opens_nothing(world: World, forged: dict[str, str]) -> None:
    with served(desk_of(world, **PROXY)) as desk, desk.browser() as browser:
        assert browser.get("/", **forged).status_code == 401


def test_a_name_beside_the_one_of_the_proxy_opens_nothing(world: World) -> None:
    twice = [*FROM_PROXY.items(), ("X-Forwarded-User", "bruno")]
    with served(desk_of(world, **PROXY)) as desk, desk.browser() as browser:
        assert browser.http.get(desk.url, headers=twice).status_code == 401


def test_a_header_from_an_untrusted_address_opens_nothing_whatever_it_says_of_its_origin(world: World) -> None:
    elsewhere = {**PROXY, "trusted_peers": ["10.0.0.0/8"]}
    with served(desk_of(world, **elsewhere)) as desk, desk.browser() as browser:
        assert browser.get("/", **FROM_PROXY, **{"X-Forwarded-For": "10.0.0.1"}).status_code == 401


def test_a_session_of_a_link_is_none_behind_a_proxy(world: World) -> None:
    with served(desk_of(world, **PROXY)) as desk, desk.signed_in() as browser:
        assert browser.get("/").status_code == 401
        assert browser.get(f"/enter/{desk.link()}").status_code == 403


# Rights ----------------------------------------------------------------------------------------------------------


def test_a_viewer_decides_nothing(desk: Served, world: World) -> None:
    with desk.signed_in(person((world.route,), viewers=["team sees identity, health"])) as browser:
        page = browser.get("/inbox/1")
        assert "Fall from a ladder" in page.text
        assert 'name="choice"' not in page.text
        for path in ("/inbox/1/answer", "/inbox/1/undo"):
            assert browser.post(path, choice="procore", shown="x").status_code == 403
    assert is_untouched(world)


@pytest.mark.parametrize(
    "rule", ["team on elsewhere", "team sees everything", "team on riverside sees plain; all", " "]
)
def test_a_rule_that_names_what_does_not_exist_is_refused(world: World, rule: str) -> None:
    desk = desk_of(world).settings.model_copy(update={"viewers": (rule,)})
    with pytest.raises(ConfigurationError):
        rules_of(desk, ["riverside"])
