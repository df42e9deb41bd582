"""The do-not-call list on its pages: searched, added to, imported after a look, exported; removed from with a reason only."""

import csv
import io
import re
from collections.abc import Iterator
from html import unescape

import httpx2
import pytest

from autodialer.simulators.people import mobile
from autodialer.store.types import to_millis
from autodialer.web.guards import MAX_BODY, MAX_FILE
from console.office import csrf_of, post, said_after, text_of
from web.house import NOW, House

PAGE = "/console/do-not-call"


@pytest.fixture(autouse=True)
def _empty(office: House) -> Iterator[None]:
    office.sql("DELETE FROM do_not_call")
    yield
    office.sql("DELETE FROM do_not_call")


def listed(office: House) -> dict[str, str]:
    return dict(office.sql("SELECT number, reason FROM do_not_call ORDER BY number"))


def last_deed(office: House) -> tuple[object, ...]:
    return office.sql("SELECT who, action, subject, detail FROM audit ORDER BY audit_id DESC LIMIT 1")[0]


def upload(client: httpx2.Client, data: bytes, *, reason: str = "from a file") -> httpx2.Response:
    form = {"csrf": csrf_of(client.get("/console").text), "reason": reason}
    return client.post(f"{PAGE}/import", data=form, files={"file": ("numere.csv", data, "text/csv")})


def confirm(client: httpx2.Client, preview: str) -> httpx2.Response:
    """The form of the preview, as a browser sends it."""
    text = re.search(r'<textarea name="text" hidden>(.*?)</textarea>', preview, re.DOTALL)
    reason = re.search(r'name="reason" value="([^"]*)"', preview)
    assert text
    assert reason
    lines = unescape(text[1]).removeprefix("\n").replace("\r\n", "\n").replace("\n", "\r\n")
    fields = {"csrf": csrf_of(preview), "reason": unescape(reason[1]), "text": lines}
    return client.post(f"{PAGE}/import", files={name: (None, value) for name, value in fields.items()})


def test_a_number_is_added_with_a_reason_and_not_without(office: House, operator: httpx2.Client) -> None:
    assert "give a reason" in said_after(operator, post(operator, PAGE, number=mobile(31), reason=""))
    for written in ("112", f"{mobile(32)} / {mobile(33)}"):
        assert "no number that could be called" in said_after(
            operator, post(operator, PAGE, number=written, reason="x")
        )
    assert listed(office) == {}
    said = said_after(operator, post(operator, PAGE, number="0709 000 031", reason="asked on the phone"))
    assert said == "+40709000031 is never called from now on."
    assert listed(office) == {"+40709000031": "asked on the phone"}
    assert last_deed(office) == ("oana", "suppress", "+40709000031", "asked on the phone")
    again = said_after(operator, post(operator, PAGE, number="+40709000031", reason="again"))
    assert again == "+40709000031 is on the list already."
    assert listed(office) == {"+40709000031": "asked on the phone"}


def test_a_number_leaves_the_list_with_a_reason_alone(office: House, operator: httpx2.Client) -> None:
    post(operator, PAGE, number=mobile(32), reason="asked")
    assert "give a reason" in said_after(operator, post(operator, f"{PAGE}/remove", number=mobile(32), reason=" "))
    assert mobile(32) in listed(office)
    said = said_after(operator, post(operator, f"{PAGE}/remove", number=mobile(32), reason="wants calls"))
    assert said == f"{mobile(32)} may be called again."
    assert listed(office) == {}
    assert last_deed(office) == ("oana", "allow", mobile(32), "wants calls")
    gone = said_after(operator, post(operator, f"{PAGE}/remove", number=mobile(32), reason="again"))
    assert gone == "Nothing was changed: the number is not on the list"


def test_a_page_from_before_takes_no_number_off_that_was_put_on_the_list_again_since(
    office: House, operator: httpx2.Client
) -> None:
    post(operator, PAGE, number=mobile(33), reason="asked")
    (shown,) = re.findall(r'name="seen" value="([^"]+)"', operator.get(PAGE).text)
    office.ask("DELETE", f"/api/do-not-call/{mobile(33)}").raise_for_status()
    office.sql(f"INSERT INTO do_not_call VALUES ('{mobile(33)}', 'asked again', {to_millis(NOW)})")  # noqa: S608 - a test's query
    stale = {"number": mobile(33), "reason": "wants calls", "seen": unescape(shown)}
    said = said_after(operator, post(operator, f"{PAGE}/remove", **stale))
    assert said == "Nothing was changed: the number was put on the list again after this page was made"
    assert listed(office) == {mobile(33): "asked again"}
    (shown,) = re.findall(r'name="seen" value="([^"]+)"', operator.get(PAGE).text)
    said = said_after(operator, post(operator, f"{PAGE}/remove", **stale | {"seen": unescape(shown)}))
    assert (said, listed(office)) == (f"{mobile(33)} may be called again.", {})


def test_operators_search_and_page_viewers_see_masked_numbers_and_neither(
    office: House, operator: httpx2.Client, viewer: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (41, 42, 43):
        office.ask("POST", "/api/do-not-call", json={"number": mobile(number), "reason": f"on day {number}"})
    monkeypatch.setattr("autodialer.web.console.pages.do_not_call.PAGE", 2)
    first = operator.get(PAGE).text
    assert [mobile(number) in first for number in (41, 42, 43)] == [True, True, False]
    older = re.search(r'<p class="older"><a href="([^"]+)"', first)
    assert older
    assert mobile(43) in operator.get(unescape(older[1])).text
    found = operator.get(PAGE, params={"search": "0709 000 043"}).text
    assert (mobile(43) in found, mobile(42) in found) == (True, False)
    assert mobile(42) in operator.get(PAGE, params={"search": "DAY 42"}).text
    for address in (PAGE, f"{PAGE}?search={mobile(43)[1:]}", f"{PAGE}?after={mobile(42)[1:]}"):
        page = viewer.get(address).text
        assert text_of(page) == text_of(viewer.get(PAGE).text)
        assert "709000" not in page.partition("<main")[2]
    assert "3 numbers are never called" in text_of(viewer.get(PAGE).text)
    assert viewer.get(f"{PAGE}/export").status_code == 403


def test_a_file_is_looked_at_first_and_then_added(office: House, operator: httpx2.Client) -> None:
    office.ask("POST", "/api/do-not-call", json={"number": mobile(51), "reason": "known"})
    data = f"Nume;Telefon;Motiv\nAna;{mobile(51)};x\nDan;0709 000 052;a spus „nu”\nEva;abc;\nIon;{mobile(52)};\nOvi;{mobile(53)};"
    preview = upload(operator, data.encode("cp1250"))
    assert preview.status_code == 200
    page = text_of(preview.text)
    for line in (
        "Lines 5",
        "New numbers 2",
        "On the list already 1",
        "Repeated in the file 1",
        "Unreadable 1",
        "Line 4",
    ):
        assert line in page
    assert listed(office) == {mobile(51): "known"}
    said = said_after(operator, confirm(operator, preview.text))
    assert said == "2 numbers were added; they are never called from now on."
    assert listed(office) == {mobile(51): "known", mobile(52): "a spus „nu”", mobile(53): "from a file"}
    assert last_deed(office) == ("oana", "import_numbers", "", "2 numbers added")
    again = upload(operator, data.encode("cp1250"))
    assert "New numbers 0" in text_of(again.text)
    assert "<textarea" not in again.text


def test_what_was_shown_is_added_however_many_numbers_its_lines_hold(
    office: House, operator: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autodialer.service.number_files.MAX_LINES", 2)
    pairs = [f"{mobile(60)} / {mobile(61)}", f"{mobile(62)} / {mobile(63)}"]
    preview = upload(operator, "\n".join(pairs).encode())
    assert "New numbers 4" in text_of(preview.text)
    said = said_after(operator, confirm(operator, preview.text))
    assert said == "4 numbers were added; they are never called from now on."
    assert set(listed(office)) == {mobile(60), mobile(61), mobile(62), mobile(63)}


def test_what_is_no_file_of_numbers_changes_nothing_and_says_why(office: House, operator: httpx2.Client) -> None:
    assert "save it as CSV" in said_after(operator, upload(operator, b"PK\x03\x04"))
    empty = operator.post(f"{PAGE}/import", data={"csrf": csrf_of(operator.get("/console").text), "reason": "x"})
    assert said_after(operator, empty) == "Nothing was changed: choose a file."
    assert listed(office) == {}


def test_a_file_without_a_reason_or_with_one_that_is_too_long_is_not_taken(
    office: House, operator: httpx2.Client
) -> None:
    for reason in ("", "x" * 501):
        assert "give a reason" in said_after(operator, upload(operator, mobile(54).encode(), reason=reason))
    preview = upload(operator, mobile(54).encode()).text
    assert "give a reason" in said_after(operator, confirm(operator, preview.replace("from a file", " ")))
    assert listed(office) == {}
    assert said_after(operator, confirm(operator, preview)) == "1 number was added; it is never called from now on."


def test_what_a_form_says_of_a_number_goes_by_tls_alone_behind_a_proxy(operator: httpx2.Client) -> None:
    form = {"csrf": csrf_of(operator.get("/console").text), "number": mobile(31), "reason": "asked"}
    said = operator.post(PAGE, data=form, headers={"x-forwarded-proto": "https"}).headers["set-cookie"]
    assert said.startswith("autodialer_said=")
    assert "Secure" in said


def test_a_cell_that_looks_like_a_page_stays_text(office: House, operator: httpx2.Client) -> None:
    preview = upload(operator, f'number,reason\n{mobile(54)},</textarea><script>alert("1")</script>\n'.encode())
    assert "<script>alert" not in preview.text
    said_after(operator, confirm(operator, preview.text))
    assert listed(office)[mobile(54)] == '</textarea><script>alert("1")</script>'
    assert "<script>alert" not in operator.get(PAGE).text


def test_only_a_signed_in_operator_may_send_a_large_file(
    operator: httpx2.Client, viewer: httpx2.Client, stranger: httpx2.Client
) -> None:
    large = b"".join(b"+4070900%04d\n" % (number % 10_000) for number in range(8_000))
    assert len(large) > MAX_BODY
    assert upload(operator, large).status_code == 200
    file = {"file": ("x.csv", large, "text/csv")}
    assert viewer.post(f"{PAGE}/import", files=file).status_code == 413
    assert stranger.post(f"{PAGE}/import", files=file).status_code == 303
    assert operator.post(PAGE, files=file).status_code == 413
    assert upload(operator, b"x" * (MAX_FILE + 2 * 1024 * 1024)).status_code == 413
    assert stranger.post(f"{PAGE}/import", files={"file": ("x.csv", b"1", "text/csv")}).status_code == 303


def test_who_sends_too_large_a_file_or_was_signed_out_meanwhile_is_told_on_a_page(
    operator: httpx2.Client, stranger: httpx2.Client
) -> None:
    refused = upload(operator, b"x" * (MAX_FILE + 2 * 1024 * 1024))
    assert (refused.status_code, refused.headers["connection"]) == (413, "close")
    assert "A file may have 5 MB." in text_of(refused.text)
    assert "oana" in refused.text
    lost = stranger.post(f"{PAGE}/import", files={"file": ("x.csv", b"1\n" * MAX_BODY, "text/csv")})
    assert lost.headers["location"] == "/console/sign-in?next=/console&lost=1"
    assert "what you sent was not done" in stranger.get(lost.headers["location"]).text


def test_an_export_is_a_file_that_can_be_imported_again(office: House, operator: httpx2.Client) -> None:
    office.ask("POST", "/api/do-not-call", json={"number": mobile(55), "reason": "=1+1"})
    answer = operator.get(f"{PAGE}/export")
    assert answer.headers["content-disposition"] == 'attachment; filename="do-not-call.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [(row["number"], row["reason"]) for row in rows] == [(mobile(55), "'=1+1")]
    assert last_deed(office)[:2] == ("oana", "export_numbers")
    office.sql("DELETE FROM do_not_call")
    preview = upload(operator, answer.content)
    said_after(operator, confirm(operator, preview.text))
    assert list(listed(office)) == [mobile(55)]
    foreign = {"sec-fetch-site": "cross-site"}
    assert operator.get(f"{PAGE}/export", headers=foreign).status_code == 400
