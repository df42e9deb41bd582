"""Who gets into the console, who may act there, and what is written down of it."""

import asyncio
from datetime import timedelta
from pathlib import Path
from threading import Event
from urllib.parse import quote

import httpx2
import pytest

from autodialer.domain.errors import StoreError
from autodialer.service import doorkeeping, passwords
from autodialer.service.doorkeeping import Doorkeeper, NotLetIn
from console.office import PASSWORDS, STRENGTH, browser_of, csrf_of, post, said_after, text_of
from web.house import API_TOKEN, House, house


def trail(office: House) -> list[tuple[str, str, str]]:
    return [tuple(row) for row in office.sql("SELECT who, action, subject FROM audit ORDER BY audit_id")]


def is_paused(office: House) -> bool:
    return bool(office.ask("GET", "/api/stats").json()["stats"]["paused"])


def test_a_slash_at_the_end_of_the_consoles_address_leads_to_its_first_page(
    operator: httpx2.Client, stranger: httpx2.Client
) -> None:
    for client in (operator, stranger):
        answer = client.get("/console/")
        assert (answer.status_code, answer.headers["location"]) == (303, "/console")


def test_who_is_not_signed_in_is_asked_to_and_comes_back_to_where_he_was(stranger: httpx2.Client) -> None:
    answer = stranger.get("/console?from=mail")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in?next=/console%3Ffrom%3Dmail")
    page = stranger.get(answer.headers["location"]).text
    assert 'name="next" value="/console?from=mail"' in page
    form = {"name": "vera", "password": PASSWORDS["vera"], "next": "/console?from=mail"}
    assert stranger.post("/console/sign-in", data=form).headers["location"] == "/console?from=mail"


@pytest.mark.parametrize(
    "wanted", ["https://elsewhere.example/", "//elsewhere.example", "/api/stats", "/console\\evil", "/consolex", ""]
)
def test_nobody_is_sent_to_another_site_after_signing_in(stranger: httpx2.Client, wanted: str) -> None:
    form = {"name": "vera", "password": PASSWORDS["vera"], "next": wanted}
    assert stranger.post("/console/sign-in", data=form).headers["location"] == "/console"


@pytest.mark.parametrize(
    ("name", "password"),
    [("vera", "wrong password"), ("nobody", PASSWORDS["vera"]), ("", "not the API token"), ("vera", API_TOKEN)],
)
def test_a_wrong_name_and_a_wrong_password_are_refused_with_one_sentence(
    stranger: httpx2.Client, name: str, password: str
) -> None:
    answer = stranger.post("/console/sign-in", data={"name": name, "password": password})
    assert answer.status_code == 401
    assert "The name or the password is wrong." in text_of(answer.text)
    assert "set-cookie" not in answer.headers
    assert password not in answer.text


def test_after_five_wrong_passwords_even_the_right_one_has_to_wait(office: House, stranger: httpx2.Client) -> None:
    nora = {"name": "nora", "role": "viewer", "password": "long enough it is"}
    office.ask("POST", "/api/users", json=nora).raise_for_status()
    for _ in range(5):
        assert stranger.post("/console/sign-in", data={"name": "nora", "password": "wrong"}).status_code == 401
    answer = stranger.post("/console/sign-in", data=nora)
    assert (answer.status_code, "wait 30 seconds" in text_of(answer.text)) == (401, True)


def keeper_of(office: House) -> Doorkeeper:
    """One that has seen nobody yet."""
    means = office.system.services.means
    return Doorkeeper(means.store, means.clock, means.log, API_TOKEN)


def test_of_many_wrong_passwords_at_once_no_more_than_five_are_looked_at(office: House) -> None:
    door = keeper_of(office)

    async def guess() -> list[str]:
        guesses = (door.sign_in("vera", f"guess number {number}") for number in range(8))
        return [str(refusal) for refusal in await asyncio.gather(*guesses, return_exceptions=True)]

    refusals = office.run(guess())
    assert sum("is wrong" in each for each in refusals) == 5
    assert sum("too many tries" in each for each in refusals) == 3


def test_the_api_token_lets_in_while_strangers_keep_the_door_busy(
    office: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    door, gate = keeper_of(office), Event()

    def slow(_password: str, _hashed: str) -> bool:
        return not gate.wait(10)

    async def crowd() -> None:
        strangers = [asyncio.create_task(door.sign_in(f"stranger {number}", "password")) for number in range(8)]
        await asyncio.sleep(0.1)
        with pytest.raises(NotLetIn, match="at once"):
            await door.sign_in("vera", PASSWORDS["vera"])
        assert await door.sign_in("", f" {API_TOKEN}\n")
        gate.set()
        await asyncio.gather(*strangers, return_exceptions=True)

    monkeypatch.setattr(doorkeeping, "is_password", slow)
    try:
        office.run(crowd())
    finally:
        gate.set()


def test_who_guesses_at_the_api_token_keeps_nobody_out_who_has_it(office: House) -> None:
    door = keeper_of(office)

    async def guess() -> None:
        for number in range(20):
            with pytest.raises(NotLetIn, match="is wrong"):
                await door.sign_in("", f"guess number {number}")
        assert await door.sign_in("", API_TOKEN)

    office.run(guess())


def test_of_strangers_nothing_is_kept_for_longer_than_their_tries_count(
    office: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = keeper_of(office)
    monkeypatch.setattr(doorkeeping, "_KEPT", timedelta(seconds=0.2))

    async def strangers() -> None:
        for name in ("x" * 61, "y" * 60_000):
            with pytest.raises(NotLetIn, match="is wrong"):
                await door.sign_in(name, "password")
        assert not door._tries
        for name in ("a", "b", ""):
            with pytest.raises(NotLetIn):
                await door.sign_in(name, "password")
        assert set(door._tries) == {"a", "b"}
        await asyncio.sleep(0.3)
        with pytest.raises(NotLetIn):
            await door.sign_in("c", "password")
        assert set(door._tries) == {"c"}

    office.run(strangers())


def test_a_password_may_begin_and_end_with_a_blank(office: House, stranger: httpx2.Client) -> None:
    new = {"name": "dora", "role": "viewer", "password": " a blank at both ends "}
    office.ask("POST", "/api/users", json=new).raise_for_status()
    form = {"name": " dora ", "password": new["password"]}
    assert stranger.post("/console/sign-in", data=form | {"password": new["password"].strip()}).status_code == 401
    assert stranger.post("/console/sign-in", data=form).status_code == 303


def test_the_cookie_is_kept_from_scripts_and_goes_by_tls_alone_behind_a_proxy(stranger: httpx2.Client) -> None:
    form = {"name": "vera", "password": PASSWORDS["vera"]}
    plain = stranger.post("/console/sign-in", data=form).headers["set-cookie"]
    assert "HttpOnly" in plain
    assert "SameSite=lax" in plain
    assert "Secure" not in plain
    by_tls = stranger.post("/console/sign-in", data=form, headers={"x-forwarded-proto": "https"}).headers["set-cookie"]
    assert "Secure" in by_tls
    by_two = {"x-forwarded-proto": "https, http"}
    assert "Secure" in stranger.post("/console/sign-in", data=form, headers=by_two).headers["set-cookie"]


def test_the_api_token_signs_an_operator_in_before_there_are_users(office: House) -> None:
    with browser_of(office, "") as client:
        assert "API_TOKEN · operator" in text_of(client.get("/console").text)


def test_without_a_token_nobody_signs_in_and_only_this_machine_sees_the_pages(tmp_path: Path) -> None:
    with house(tmp_path) as local, browser_of(local, None) as client:
        page = client.get("/console")
        assert (page.status_code, "Sign out" in page.text) == (200, False)
        assert "Paused" in said_after(client, post(client, "/console/pause"))
        assert client.get("/console", headers={"host": "dialer.example"}).status_code == 403
        foreign = {"origin": "https://elsewhere.example"}
        token = {"csrf": csrf_of(page.text)}
        assert client.post("/console/resume", data=token, headers=foreign).status_code == 403
        assert is_paused(local)


def test_an_operator_pauses_and_resumes_in_one_click_and_the_trail_says_so(
    office: House, operator: httpx2.Client
) -> None:
    assert said_after(operator, post(operator, "/console/pause")).startswith("Paused")
    assert is_paused(office)
    assert "Resume" in text_of(operator.get("/console").text)
    assert said_after(operator, post(operator, "/console/resume")).startswith("Resumed")
    assert not is_paused(office)
    assert trail(office)[-2:] == [("oana", "pause", ""), ("oana", "resume", "")]


def test_a_viewer_may_not_act_and_is_not_shown_how(office: House, viewer: httpx2.Client) -> None:
    before = trail(office)
    page = viewer.get("/console").text
    assert "/console/pause" not in page
    answer = viewer.post("/console/pause", data={"csrf": csrf_of(page)})
    assert (answer.status_code, "Only operators may do this." in answer.text) == (403, True)
    assert not is_paused(office)
    assert trail(office) == before


@pytest.mark.parametrize("token", [None, "", "of another visitor"])
def test_a_form_without_the_visitors_own_token_changes_nothing(
    office: House, operator: httpx2.Client, token: str | None
) -> None:
    form = {} if token is None else {"csrf": token}
    assert operator.post("/console/pause", data=form).status_code == 403
    assert not is_paused(office)


def test_who_signed_out_has_a_cookie_that_is_worth_nothing(office: House) -> None:
    with browser_of(office, "oana") as client:
        kept = dict(client.cookies)
        assert post(client, "/console/sign-out").headers["location"] == "/console/sign-in"
        with httpx2.Client(base_url=office.url, cookies=kept) as thief:
            assert thief.get("/console").status_code == 303


@pytest.mark.parametrize("change", ["password", "removed", "role"])
def test_a_changed_or_removed_user_is_out_at_once(office: House, change: str) -> None:
    new = {"name": "dan", "role": "operator", "password": "dan is new here"}
    office.ask("POST", "/api/users", json=new).raise_for_status()
    with browser_of(office, None) as client:
        client.post("/console/sign-in", data={"name": "dan", "password": new["password"]})
        assert "dan · operator" in text_of(client.get("/console").text)
        if change == "removed":
            assert office.ask("DELETE", "/api/users/dan").json()["name"] == "dan"
        else:
            more = {"password": "dan forgot it"} if change == "password" else {"role": "viewer"}
            office.ask("POST", "/api/users", json=new | more).raise_for_status()
        assert client.get("/console").status_code == 303


def test_passwords_are_kept_as_salted_hashes_and_never_logged_or_shown(
    office: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_COST", STRENGTH)
    password = "both have the same"
    for name in ("ines", "irma"):
        new = {"name": name, "role": "viewer", "password": password}
        office.ask("POST", "/api/users", json=new).raise_for_status()
    hashed = [str(row[0]) for row in office.sql("SELECT password FROM users WHERE name IN ('ines', 'irma')")]
    assert all(each.startswith("scrypt$32768$8$3$") for each in hashed)
    assert len(set(hashed)) == 2
    with browser_of(office, None) as client:
        client.post("/console/sign-in", data={"name": "irma", "password": password})
        assert "irma · viewer" in text_of(client.get("/console").text)
    shown = office.ask("GET", "/api/users").text
    assert "scrypt" not in shown
    assert all(each not in shown for each in (password, *PASSWORDS.values()))


@pytest.mark.parametrize(
    "user",
    [
        {"name": "a/b", "role": "viewer", "password": "long enough it is"},
        {"name": "", "role": "viewer", "password": "long enough it is"},
        {"name": "ana\u202eoi", "role": "viewer", "password": "long enough it is"},
        {"name": "ioana\u200b", "role": "viewer", "password": "long enough it is"},
        {"name": "eve", "role": "owner", "password": "long enough it is"},
        {"name": "eve", "role": "viewer", "password": "short"},
        {"name": "eve", "role": "viewer", "password": "long enough it is", "admin": True},
    ],
)
def test_a_user_that_can_not_be_is_refused_with_what_is_wrong(office: House, user: dict[str, object]) -> None:
    answer = office.ask("POST", "/api/users", json=user)
    assert answer.status_code == 400
    assert answer.json()["problems"]
    assert "long enough" not in answer.text


def test_a_user_whose_name_an_earlier_version_let_in_can_be_removed(office: House) -> None:
    office.sql("INSERT INTO users VALUES ('ana\u202eoi', 'viewer', 'x', 0)")
    path = "/api/users/" + quote("ana\u202eoi")
    assert [office.ask("DELETE", path).status_code for _ in range(2)] == [200, 404]


def test_names_of_any_language_are_names(office: House) -> None:
    for name in ("Ștefan Țurcanu", "o'neil-1", "张伟", "علي"):
        user = {"name": name, "role": "viewer", "password": "long enough it is"}
        assert office.ask("POST", "/api/users", json=user).status_code == 200, name
        assert office.ask("DELETE", f"/api/users/{quote(name)}").status_code == 200, name


def test_a_name_that_means_something_else_in_the_trail_is_taken(office: House) -> None:
    user = {"name": "API_TOKEN", "role": "viewer", "password": "long enough it is"}
    assert office.ask("POST", "/api/users", json=user).status_code == 409


def test_what_does_not_exist_is_a_page_too(office: House, operator: httpx2.Client, stranger: httpx2.Client) -> None:
    for client in (operator, stranger):
        answer = client.get("/console/no/such/page")
        assert (answer.status_code, "There is nothing at this address." in answer.text) == (404, True)
    assert operator.post("/console/health", data={}).status_code in (403, 404, 405)
    assert office.ask("GET", "/api/no-such-thing").headers["content-type"] == "application/json"


def test_what_nobody_expected_is_a_page_that_tells_nothing_of_it(
    office: House, operator: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("an inner secret")

    monkeypatch.setattr(type(office.system.services.means.policy), "warning_sentences", broken)
    answer = operator.get("/console/policy")
    assert (answer.status_code, "This did not work; see the log." in answer.text) == (500, True)
    assert "inner secret" not in answer.text
    assert "Work lists" in answer.text, "the menu leads on"


def test_htmx_is_told_to_load_the_sign_in_page_whole(stranger: httpx2.Client) -> None:
    for page, wanted in (
        (f"{stranger.base_url}/console/runs?before=x", "/console/runs%3Fbefore%3Dx"),
        ("https://elsewhere.example/console", "/console"),
        ("https://elsewhere.example/", "/console"),
        ("http://[", "/console"),
        ("http://[::1/console", "/console"),
        ("", "/console"),
    ):
        answer = stranger.get("/console/live", headers={"hx-request": "true", "hx-current-url": page})
        assert (answer.status_code, answer.headers["hx-redirect"]) == (401, f"/console/sign-in?next={wanted}")


def test_the_answer_to_a_form_leads_to_pages_that_exist(operator: httpx2.Client) -> None:
    """It has an address at which nothing is to be seen: pausing from it must not end in an error."""
    for address, page in (
        ("/console/health/examine", "/console/health"),
        ("/console/unknown/x", "/console/work-lists"),
        ("/console/no/such", "/console"),
    ):
        shown = post(operator, address).text
        assert f'name="next" value="{page}"' in shown, address
        assert f'/language/ro?next={page}"' in shown, address
        assert operator.get(page).status_code == 200


def test_a_request_with_a_nul_is_refused_before_anything_reads_it(operator: httpx2.Client) -> None:
    """PostgreSQL's text takes none, so what looks for it would fail as if the database were gone."""
    for address in ("/console/audit?who=a%00b", "/console/people?q=%00", "/console/unknown%00"):
        assert operator.get(address).status_code == 404, address
    answer = post(operator, "/console/do-not-call", number="0709 000 031", reason="a\0b")
    assert (answer.status_code, "This request can't be read." in answer.text) == (400, True)
    assert operator.post("/console/sign-in", data={"name": "a\0b", "password": "x"}).status_code == 400


@pytest.mark.parametrize(
    ("charset", "value"),
    [
        ("utf-7", b"+2AA-"),
        ("unicode_escape", b"\\ud800"),
        ("idna", b"xn--a\xff"),
        ("punycode", b"\xff-"),
        ("rot13", b"\xff"),
    ],
)
def test_a_form_in_a_charset_that_makes_no_text_is_refused(operator: httpx2.Client, charset: str, value: bytes) -> None:
    def send(client: httpx2.Client, address: str, name: bytes, value: bytes, more: str = "") -> int:
        part = b"--B\r\nContent-Disposition: form-data; name=" + name + b"\r\n\r\n" + value + b"\r\n--B--\r\n"
        kind = {"content-type": f"multipart/form-data; boundary=B; charset={charset}", "x-csrf-token": more}
        return client.post(address, content=part, headers=kind).status_code

    assert send(operator, "/console/pause", b'"csrf"', value) in (400, 403)
    token = csrf_of(operator.get("/console").text)
    file = b'"file"; filename="' + value + b'"'
    assert send(operator, "/console/do-not-call/import", file, b"0709", token) in (303, 400)
    assert send(operator, "/console/do-not-call/import", b'"reason"', value, token) in (303, 400)


def test_a_refused_sign_in_is_logged_with_whence_and_no_more_than_initials(
    office: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[tuple[str, dict[str, object]]] = []
    monkeypatch.setattr(office.system.services.means.log, "warning", lambda event, **more: logged.append((event, more)))
    with browser_of(office, None) as client:
        for name in ("my secret password", ""):
            client.post("/console/sign-in", data={"name": name, "password": "wrong password"})
    assert [event for event, _ in logged] == ["sign-in refused"] * 2
    assert [(more["who"], more["peer"]) for _, more in logged] == [
        ("m… s… p…", "127.0.0.1"),
        ("API_TOKEN", "127.0.0.1"),
    ]
    assert "wrong password" not in str(logged)


def test_without_a_ledger_even_what_does_not_exist_is_a_page(
    operator: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_arguments: object) -> None:
        raise StoreError("the disk is full", permanent=False)

    monkeypatch.setattr(Doorkeeper, "visitor", gone)
    for address, status in (("/console/no/such/page", 404), ("/console", 503)):
        answer = operator.get(address)
        assert (answer.status_code, "<html" in answer.text) == (status, True)


def test_pages_allow_no_script_or_style_but_our_own_files(operator: httpx2.Client) -> None:
    answer = operator.get("/console")
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert "<style" not in answer.text
    assert " style=" not in answer.text
    assert "onclick" not in answer.text


def test_static_files_may_be_kept_for_ever_and_nothing_else_is_served(operator: httpx2.Client) -> None:
    style = operator.get("/console/static/console.css")
    assert (style.status_code, "immutable" in style.headers["cache-control"]) == (200, True)
    for path in ("../rendering.py", "%2e%2e/rendering.py", "", "none.css"):
        assert operator.get(f"/console/static/{path}").status_code in (404, 405)
