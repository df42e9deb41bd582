"""The do-not-call list in a person's hands: numbers come in one by one or by the file, and leave only one by one."""

import asyncio
import csv
import io

import pytest

from autodialer.domain.access import Action
from autodialer.domain.errors import NotWaiting, UnreadableFile
from autodialer.domain.phone import NoNumber, PhoneNumber
from service.test_orphans import trail
from service.world import World, lead, person, phone

FILE = b"number,reason\n0721 000 001,asked\n+40721000002,\nnonsense,\n0721000001,again\n+40721000003,x\n"


async def listed(world: World) -> dict[str, str]:
    return {number: reason for number, reason, _ in await world.read(lambda ledger: ledger.do_not_call.all())}


async def test_a_number_is_added_once_and_removed_with_a_reason(world: World) -> None:
    desk = world.services.suppressor
    assert await desk.add(phone(1), "asked", "ana")
    assert not await desk.add(phone(1), "again", "ana")
    await desk.remove(phone(1), "wants calls again", "dan")
    with pytest.raises(NotWaiting):
        await desk.remove(phone(1), "again", "dan")
    assert await listed(world) == {}
    assert await trail(world) == [
        ("ana", Action.SUPPRESS, phone(1), "asked"),
        ("dan", Action.ALLOW, phone(1), "wants calls again"),
    ]


async def test_who_was_suppressed_is_not_called(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await world.services.suppressor.add(phone(1), "asked")
    assert await world.reason(await world.run(), lead(1)) == "do_not_call"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0721 000 001", "+40721000001"),
        ("+40 721-000-001", "+40721000001"),
        ("0721000001 / +40 721 000 001", "+40721000001"),
        ("112", None),
        ("", None),
    ],
)
async def test_a_number_is_read_as_it_is_dialled_in_the_default_country(
    sqlite_world: World, text: str, number: str | None
) -> None:
    found = sqlite_world.services.suppressor.read(text)
    assert (found.e164 if isinstance(found, PhoneNumber) else None) == number


async def test_two_numbers_at_once_are_refused_instead_of_leaving_the_second_out(sqlite_world: World) -> None:
    found = sqlite_world.services.suppressor.read("0721000001 / 0731000002")
    assert found == NoNumber("more than one, give each on its own")


async def test_a_preview_says_what_an_import_would_do_and_does_nothing(world: World) -> None:
    await world.services.suppressor.add("+40721000003", "known")
    before = await trail(world)
    found = await world.services.suppressor.preview(FILE, "imported")
    assert (found.lines, found.known, found.repeated) == (5, 1, 1)
    assert found.numbers == {"+40721000001": "asked", "+40721000002": "imported"}
    assert [line for line, _ in found.unreadable] == [4]
    assert await listed(world) == {"+40721000003": "known"}
    assert await trail(world) == before


async def test_an_import_adds_what_the_preview_said_and_done_again_nothing(world: World) -> None:
    await world.services.suppressor.add("+40721000003", "known")
    preview = await world.services.suppressor.preview(FILE)
    done = await world.services.suppressor.add_file(FILE, by="ana")
    assert done == preview
    stands = {"+40721000001": "asked", "+40721000002": "", "+40721000003": "known"}
    assert await listed(world) == stands
    again = await world.services.suppressor.add_file(FILE, by="ana")
    assert (again.numbers, again.known) == ({}, 3)
    assert await listed(world) == stands
    assert (await trail(world))[1:] == [("ana", Action.IMPORT_NUMBERS, "", "2 numbers added")]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("0721000001 / 0731000002", ["+40721000001", "+40731000002"]),
        ("0721 000 001 0731 000 002", ["+40721000001", "+40731000002"]),
        ('"0721000001, 0731000002 (soția)"', ["+40721000001", "+40731000002"]),
        ("021/312 34 56", ["+40213123456"]),
        ("+40 721 000 001", ["+40721000001"]),
        ("0721000001 int. 12 / +40721000001", ["+40721000001"]),
    ],
)
async def test_every_number_of_a_cell_goes_on_the_list(sqlite_world: World, row: str, expected: list[str]) -> None:
    done = await sqlite_world.services.suppressor.add_file(f"number\n{row}\n".encode())
    assert list(done.numbers) == sorted(await listed(sqlite_world)) == expected
    assert (done.lines, done.repeated, done.unreadable) == (1, 0, ())


async def test_who_stands_in_a_file_with_phone_and_mobile_is_called_on_neither(sqlite_world: World) -> None:
    world = sqlite_world
    world.crm.add(person(lead(1), 1, phone="", mobile=phone(2)), person(lead(3), 3))
    data = f"Name,Phone,Mobile,Motiv\nAna,{phone(1)},{phone(2)},asked\nDan,,{phone(3)},\n,{phone(3)},{phone(1)},\n"
    done = await world.services.suppressor.add_file(data.encode())
    assert dict(done.numbers) == {phone(1): "asked", phone(2): "asked", phone(3): ""}
    assert (done.lines, done.repeated, done.unreadable) == (3, 1, ())
    run = await world.run()
    assert [await world.reason(run, lead(n)) for n in (1, 3)] == ["do_not_call"] * 2


async def test_an_import_never_removes_a_number(world: World) -> None:
    await world.services.suppressor.add(phone(9), "asked")
    await world.services.suppressor.add_file(FILE)
    assert phone(9) in await listed(world)


async def test_a_large_file_goes_in_by_pieces_each_written_down(
    sqlite_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = sqlite_world
    monkeypatch.setattr("autodialer.service.suppressing._AT_ONCE", 400)
    data = "".join(f"0721{number:06}\n" for number in range(1000)).encode()
    done = await world.services.suppressor.add_file(data)
    assert (done.lines, len(done.numbers), len(await listed(world))) == (1000, 1000, 1000)
    assert [row[3] for row in await trail(world)] == ["400 numbers added", "400 numbers added", "200 numbers added"]


async def test_two_imports_at_once_add_each_number_once(world: World) -> None:
    desk = world.services.suppressor
    first, second = await asyncio.gather(desk.add_file(FILE), desk.add_file(FILE))
    assert sorted([len(first.numbers), len(second.numbers)]) == [0, 3]


async def test_what_can_not_be_read_adds_nothing(world: World) -> None:
    with pytest.raises(UnreadableFile):
        await world.services.suppressor.add_file(b"0721000001\n" * 2 + b"\x00")
    assert await listed(world) == {}


async def test_an_export_can_be_imported_again_and_holds_no_formula(
    sqlite_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = sqlite_world
    monkeypatch.setattr("autodialer.service.suppressing._AT_ONCE", 2)
    desk = world.services.suppressor
    reasons = {"+40721000001": "=cmd|' /c calc'!A0", "+40721000002": 'said "no", twice;', "+40721000003": "ștergere"}
    for number, reason in reasons.items():
        await desk.add(number, reason)
    text = "".join([part async for part in desk.export("ana")])
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert [row["number"] for row in rows] == list(reasons)
    assert not any(row["reason"].startswith(("=", "+", "-", "@")) for row in rows)
    for number in reasons:
        await desk.remove(number, "to import it")
    await desk.add_file(text.encode())
    assert (await listed(world)).keys() == reasons.keys()
    assert (await listed(world))["+40721000002"] == 'said "no", twice;'
    assert ("ana", Action.EXPORT_NUMBERS, "", "") in await trail(world)
