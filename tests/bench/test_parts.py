"""What the benchmarks rest on: the load, the rivals' decisions, the least possible, and the one place that P6 takes away."""

import asyncio
import json
import pstats
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from autodialer.service.callbacks import CallbackDesk, read_callback
from benchmarks import __main__ as suite
from benchmarks import without_storage
from benchmarks.figures import Book, Figure
from benchmarks.goals import GOALS
from benchmarks.load import Batch, load
from benchmarks.machine import ROOT
from benchmarks.pages import NOW
from benchmarks.parts.deciding import answers, decided_pages
from benchmarks.parts.dialing import least_requests, least_seconds
from benchmarks.profiling import name_of, top
from benchmarks.town import Latency

sys.path.insert(0, str(ROOT / "benchmarks" / "rivals"))
import decisions
import table


class _Counting(asyncio.Protocol):
    """Answers 200 to all but each fifth request, and breaks the connection after the tenth."""

    taken = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._own = 0

    def data_received(self, data: bytes) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        assert b"Authorization: Bearer token" in head
        assert json.loads(body)["call_id"].startswith("test-")
        type(self).taken += 1
        self._own += 1
        status = b"503 Busy" if self._own == 5 else b"200 OK"
        answer = b'{"success":true}'
        reply = b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(answer), answer)
        self._transport.write(reply[:20])
        self._transport.write(reply[20:])
        if self._own == 10:
            self._transport.close()


@pytest.fixture
def counting() -> Iterator[int]:
    ready, ports = threading.Event(), []
    loop, leave = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with await loop.create_server(_Counting, "127.0.0.1", 0) as server:
            ports.append(server.sockets[0].getsockname()[1])
            ready.set()
            await leave.wait()

    def run() -> None:
        loop.run_until_complete(serve())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(10)
    yield ports[0]
    loop.call_soon_threadsafe(leave.set)
    thread.join(10)


def test_the_load_tells_answers_refusals_and_broken_connections_apart(counting: int) -> None:
    told = load(Batch(counting, "test", "token", envelope=False), 3, 5.0)
    assert (told.answered, told.refused, told.broken) == (27, 3, 3)
    assert _Counting.taken == 30
    assert 0 < told.p50_ms <= told.p99_ms <= told.max_ms


@pytest.mark.parametrize("envelope", [False, True])
def test_every_callback_of_the_load_is_another_one_that_service_and_rivals_accept(envelope: bool) -> None:
    batch = Batch(1, "bench-1", "", envelope=envelope)
    bodies = [batch.body(number, count) for number in (1, 2) for count in (1, 2)]
    arrivals = [read_callback(json.loads(body), NOW) for body in bodies]
    assert len({arrival.dedupe_key for arrival in arrivals}) == 4
    assert all((arrival.session_id or "").startswith("bench-1-") for arrival in arrivals)
    if not envelope:
        assert len({table.read(body)[:3] for body in bodies}) == 4


def test_rivals_decide_as_the_service_does() -> None:
    known = answers()
    (body,) = known.pages(1)
    told = decisions.by_json_and_libraries(body, NOW)
    assert told == decisions.by_json(body, NOW) == decisions.by_msgspec(body, NOW)
    assert told.total() == 2000
    assert told.keys() == {"call", "dead"}


def test_pages_hold_other_people_each_and_the_last_one_ends_the_pull() -> None:
    known = answers()
    ids = Counter(row["id"] for body in known.pages(3) for row in json.loads(body)["data"])
    assert len(ids) == 6000
    assert decided_pages(answers().pages(3)) == 6000


def test_storage_is_taken_away_where_the_desk_stores() -> None:
    assert callable(getattr(CallbackDesk, without_storage._LEAVES))


def test_the_least_possible_is_a_look_evenly_spaced_calls_and_the_last_answer() -> None:
    assert least_seconds(1000, 50, Latency(0.2, 0.15)) == pytest.approx(0.2 + 999 / 50 + 0.15)
    assert least_requests(1000, 1000) == 2 + 2 + 1 + 20 + 100 + 20


def test_each_goal_is_measured_by_some_part() -> None:
    measured = {one for ids, _, _ in suite.PARTS for one in ids}
    assert {goal.part for goal in GOALS.values()} == measured


def test_an_unknown_part_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ONLY", "P1,P99")
    assert suite.main() == 2
    assert "P99" in capsys.readouterr().err


@pytest.mark.parametrize("measured_before", [False, True])
def test_the_page_is_written_only_where_it_would_lose_no_other_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], measured_before: bool
) -> None:
    """A new checkout has nobody's figures: a part measured there says what it came to and leaves the page alone."""
    written: list[Book] = []
    monkeypatch.setattr(suite, "CACHE", tmp_path)
    monkeypatch.setattr(suite, "PARTS", ((("E2",), lambda book: book.tell(Figure("E2", (1.0,))), True),))
    monkeypatch.setattr("benchmarks.page.write", written.append)
    monkeypatch.setenv("ONLY", "E2")
    if measured_before:
        Book(tmp_path / "figures.json").miss(GOALS.keys() - {"E2"}, "as a test has it")
    assert suite.main() == 0
    assert len(written) == measured_before
    assert ("stays as it is" in capsys.readouterr().err) is not measured_before


def test_a_profile_names_functions_without_this_machines_folders() -> None:
    assert name_of(str(ROOT / "src/autodialer/web/wire.py"), 7, "take") == "web/wire.py:7 take"
    assert name_of("/any/lib/python3.11/site-packages/sqlalchemy/sql/base.py", 7, "f") == "sqlalchemy/sql/base.py:7 f"
    assert name_of("/any/lib/python3.11/asyncio/events.py", 7, "f") == "asyncio/events.py:7 f"
    assert name_of("~", 0, "<built-in method builtins.len>") == "builtins.len"


def test_a_profile_tells_the_most_expensive_first_for_each_unit_of_work() -> None:
    stats = pstats.Stats()
    stats.stats = {  # type: ignore[attr-defined]  # as profiling reads it
        ("/x/a.py", 1, "cheap"): (10, 10, 0.1, 0.1, {}),
        ("/x/b.py", 2, "dear"): (20, 20, 0.3, 0.4, {}),
    }
    first, second = top(stats, 10)
    assert (first.function, first.calls) == ("x/b.py:2 dear", 2)
    assert first.share == pytest.approx(75)
    assert first.own_us == pytest.approx(30_000)
    assert second.function == "x/a.py:1 cheap"
