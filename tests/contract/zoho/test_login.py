"""`autodialer zoho login` as a user meets it, against the simulated accounts server."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner, Result

from autodialer.cli.dotenv import with_line
from autodialer.cli.main import app
from autodialer.domain.errors import CrmError, DialerError, SettingsError
from autodialer.settings import Settings
from autodialer.simulators.zoho_tokens import SCOPES, Credentials
from autodialer.zoho.datacentres import accounts_url_for, console_url_for
from autodialer.zoho.scopes import NEEDED, OPTIONAL, missing
from contract.zoho.test_oauth import TOKEN_PATH
from contract.zoho.world import World, person, pull_all

OpenWorld = Callable[..., World]
Login = Callable[..., Result]


def environment(world: World, **changes: str) -> dict[str, str]:
    """All that exists before there is a refresh token."""
    credentials = Credentials()
    return {
        "ZOHO_CLIENT_ID": credentials.client_id,
        "ZOHO_CLIENT_SECRET": credentials.client_secret,
        "ZOHO_API_DOMAIN": world.url,
        "ZOHO_ACCOUNTS_URL": world.url,
    } | changes


@pytest.fixture
def login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Login:
    """Runs the command in an empty folder, with nothing else set."""
    for name in [name for name in os.environ if name.lower() in Settings.model_fields]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(world: World, *more: str, typed: str | None = None, **changes: str) -> Result:
        return CliRunner().invoke(app, ["zoho", "login", *more], input=typed, env=environment(world, **changes))

    return run


def refresh_token_in(text: str) -> str:
    """Of a line that is the whole output."""
    name, _, value = text.removesuffix("\n").partition("=")
    assert name == "ZOHO_REFRESH_TOKEN"
    assert value.startswith("1000.")
    assert "\n" not in value
    return value


async def test_a_user_types_a_code_that_is_not_shown_and_the_service_works_with_the_line_that_comes_out(
    open_world: OpenWorld, tmp_path: Path
) -> None:
    world = open_world(person(1))
    code = world.sim.accounts.issue_code()
    shown, out = on_a_terminal(f" {code} ", environment(world), tmp_path)
    assert "Grant code" in shown
    assert code not in shown
    async with world.open_client(refresh_token=refresh_token_in(out)) as crm:
        assert len(await pull_all(crm)) == 1


def on_a_terminal(typed: str, settings: dict[str, str], folder: Path) -> tuple[str, str]:
    """What a terminal shows of the command, and its standard output."""
    keep = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    terminal, inside = os.openpty()
    command = [sys.executable, "-m", "autodialer", "zoho", "login"]
    with subprocess.Popen(
        command,
        env={**keep, **settings},
        cwd=folder,
        stdin=inside,
        stdout=subprocess.PIPE,
        stderr=inside,
        start_new_session=True,
    ) as process:
        os.close(inside)
        shown = b""
        while b"Grant code" not in shown:
            shown += os.read(terminal, 10_000)
        os.write(terminal, typed.encode() + b"\n")
        out, _ = process.communicate(timeout=30)
    with suppress(OSError):  # Linux's way to say that nobody is at the other end any more
        while part := os.read(terminal, 10_000):
            shown += part
    os.close(terminal)
    assert process.returncode == 0, shown
    assert list(folder.iterdir()) == [], "nothing is written unless asked for"
    return shown.decode(), out.decode()


def test_a_code_may_come_through_a_pipe_and_what_to_enter_is_said_before(open_world: OpenWorld, login: Login) -> None:
    world = open_world()
    code = world.sim.accounts.issue_code()
    done = login(world, typed=f"{code}\n", ZOHO_API_DOMAIN="https://www.zohoapis.eu")
    assert done.exit_code == 0
    refresh_token_in(done.stdout)
    assert code not in done.output
    for scope in (*NEEDED, *OPTIONAL):
        assert scope.name in done.stderr
    assert f"for {world.url}" in done.stderr
    assert f"Set ZOHO_API_DOMAIN={world.url}" in done.stderr, "the data centre of the token is another one"


@pytest.mark.usefixtures("login")
def test_settings_are_read_from_env_as_the_service_does(open_world: OpenWorld) -> None:
    world = open_world()
    lines = [f"{name}= {value} " for name, value in environment(world).items()]
    Path(".env").write_text("\n".join([*lines, "EIGHTX8_API_KEY=", "CRON_HOURS=nonsense"]))
    names = environment(world)
    done = CliRunner().invoke(
        app, ["zoho", "login", "--code", world.sim.accounts.issue_code()], env=dict.fromkeys(names, None)
    )
    assert done.exit_code == 0, done.output
    refresh_token_in(done.stdout)


def test_the_page_to_open_is_the_one_of_the_data_centre(open_world: OpenWorld, login: Login) -> None:
    done = login(open_world(), typed="\n", ZOHO_API_DOMAIN="https://www.zohoapis.ca", ZOHO_ACCOUNTS_URL="")
    assert "https://api-console.zohocloud.ca" in done.stderr
    assert done.exit_code != 0


def test_write_replaces_the_line_and_nothing_else_and_keeps_the_file_to_its_owner(
    open_world: OpenWorld, login: Login
) -> None:
    path = Path(".env")
    path.write_text("# Zoho\nZOHO_REFRESH_TOKEN=1000.old\n#ZOHO_REFRESH_TOKEN=x\nPORT=8080")
    path.chmod(0o600)
    world = open_world()
    done = login(world, "--code", world.sim.accounts.issue_code(), "--write", ".env")
    assert (done.exit_code, done.stdout) == (0, "")
    first, second, third, fourth = path.read_text().splitlines()
    assert (first, third, fourth) == ("# Zoho", "#ZOHO_REFRESH_TOKEN=x", "PORT=8080")
    assert refresh_token_in(second) != "1000.old"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "chmod" not in done.stderr
    assert [one.name for one in Path().iterdir()] == [".env"]


def test_write_makes_a_new_file_for_its_owner_alone_and_follows_a_link(open_world: OpenWorld, login: Login) -> None:
    Path("link").symlink_to("target")
    world = open_world()
    done = login(world, "--code", world.sim.accounts.issue_code(), "--write", "link")
    assert done.exit_code == 0
    assert Path("link").is_symlink()
    refresh_token_in(Path("target").read_text())
    assert stat.S_IMODE(Path("target").stat().st_mode) == 0o600


def test_write_says_when_others_can_read_the_file(open_world: OpenWorld, login: Login) -> None:
    Path(".env").touch(mode=0o644)
    world = open_world()
    done = login(world, "--code", world.sim.accounts.issue_code(), "--write", ".env")
    assert "chmod 600 .env" in done.stderr


def test_a_token_that_can_not_be_written_is_printed_rather_than_lost(open_world: OpenWorld, login: Login) -> None:
    world = open_world()
    done = login(world, "--code", world.sim.accounts.issue_code(), "--write", "no/such/folder/.env")
    assert isinstance(done.exception, DialerError)
    refresh_token_in(done.stdout)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "A=2\n"),
        ("A=1", "A=2\n"),
        ("B=1", "B=1\nA=2\n"),
        ("B=1\r\nA=1\r\n", "B=1\r\nA=2\r\n"),
        ("export A = 1\nB=1\nA=3\n", "A=2\nB=1\n"),
        ("AA=1\n#A=1\n", "AA=1\n#A=1\nA=2\n"),
    ],
)
def test_a_line_of_env_is_replaced_where_it_stood_or_put_at_the_end(text: str, expected: str) -> None:
    assert with_line(text, "A", "2") == expected


def code_of(world: World, *, used: bool = False, seconds_ago: float = 0, offline: bool = True) -> str:
    code = world.sim.accounts.issue_code(offline=offline, lifetime=timedelta(minutes=3))
    world.clock.advance(seconds_ago)
    if used:
        world.sim.accounts.mint(world.form(grant_type="authorization_code", code=code), world.url)
    return code


@pytest.mark.parametrize(
    ("made", "settings", "code", "says"),
    [
        ({"used": True}, {}, "invalid_code", "used before"),
        ({"seconds_ago": 181}, {}, "invalid_code", "expired"),
        ({}, {"ZOHO_CLIENT_ID": "1000.OTHER"}, "invalid_client", "another data centre"),
        ({}, {"ZOHO_CLIENT_SECRET": "wrong-secret"}, "invalid_client_secret", "ZOHO_CLIENT_SECRET"),
        ({"offline": False}, {}, "no_refresh_token", "access_type=offline"),
    ],
)
def test_a_code_that_does_not_do_is_refused_with_what_to_do(
    open_world: OpenWorld, login: Login, made: dict[str, Any], settings: dict[str, str], code: str, says: str
) -> None:
    world = open_world()
    done = login(world, "--code", code_of(world, **made), "--write", ".env", **settings)
    assert isinstance(done.exception, CrmError)
    assert done.exception.code == code
    assert says in done.exception.message
    assert "wrong-secret" not in done.exception.message
    assert (done.stdout, Path(".env").exists()) == ("", False)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"kind": "html", "status": 502}, "the same code again"),
        ({"kind": "reset"}, "the same code again"),
        ({"kind": "status", "status": 200, "body": {"error": "invalid_redirect_uri"}}, "Self Client"),
        ({"kind": "status", "status": 200, "body": {"error": "general_error"}}, "general_error"),
        ({"kind": "status", "status": 400, "body": {"error": "Access Denied"}}, "ten minutes"),
        (
            {"kind": "status", "status": 200, "body": {"access_token": "1000.a", "refresh_token": "1000.b\nPORT=1"}},
            "can't be read",
        ),
    ],
)
def test_what_zoho_answers_instead_of_a_token_is_explained_and_the_code_is_never_sent_twice(
    open_world: OpenWorld, login: Login, fault: dict[str, Any], says: str
) -> None:
    world = open_world()
    world.fault(**fault, match={"path_contains": TOKEN_PATH})
    done = login(world, "--code", world.sim.accounts.issue_code(), "--write", ".env")
    assert isinstance(done.exception, CrmError)
    assert says in done.exception.message
    assert world.fired() == [1]
    assert len(world.exchanges) <= 1
    assert not Path(".env").exists()


def test_a_grant_that_lacks_a_scope_is_named_and_does_not_replace_one_that_works(
    open_world: OpenWorld, login: Login
) -> None:
    Path(".env").write_text("ZOHO_REFRESH_TOKEN=1000.works\n")
    world = open_world()
    code = world.sim.accounts.issue_code([scope for scope in SCOPES if "UPDATE" not in scope])
    done = login(world, "--code", code, "--write", ".env")
    assert isinstance(done.exception, DialerError)
    assert "ZohoCRM.modules.leads.UPDATE" in done.exception.message
    assert "ZohoCRM.coql.READ" not in done.exception.message
    refresh_token_in(done.stdout)
    assert Path(".env").read_text() == "ZOHO_REFRESH_TOKEN=1000.works\n"


def test_settings_that_are_missing_or_wrong_are_all_named_before_a_code_is_asked_for(
    open_world: OpenWorld, login: Login
) -> None:
    world = open_world()
    done = login(world, ZOHO_CLIENT_ID="", ZOHO_CLIENT_SECRET=" ", ZOHO_API_DOMAIN="zoho", ZOHO_ACCOUNTS_URL="")
    assert isinstance(done.exception, SettingsError)
    assert [problem.split()[0] for problem in done.exception.problems] == [
        "ZOHO_CLIENT_ID",
        "ZOHO_CLIENT_SECRET",
        "ZOHO_API_DOMAIN",
    ]
    strange = login(world, ZOHO_API_DOMAIN="https://crm.example", ZOHO_ACCOUNTS_URL="")
    assert isinstance(strange.exception, SettingsError)
    assert "ZOHO_ACCOUNTS_URL" in strange.exception.message
    assert world.exchanges == []


@pytest.mark.parametrize(
    ("granted", "lacking"),
    [
        (" ".join(scope.name for scope in NEEDED), []),
        (",".join(scope.name.upper() for scope in NEEDED), []),
        ("ZohoCRM.modules.ALL ZohoCRM.settings.ALL ZohoCRM.coql.READ", []),
        ("ZohoCRM.modules.READ ZohoCRM.modules.WRITE ZohoCRM.settings.fields.ALL ZohoCRM.coql.ALL", []),
        ("ZohoCRM.modules.all ZohoCRM.settings.READ", ["ZohoCRM.coql.READ"]),
        (
            "ZohoCRM.modules.leads.ALL ZohoCRM.modules.contacts.READ ZohoCRM.settings.ALL ZohoCRM.coql.READ",
            ["contacts.UPDATE"],
        ),
        ("ZohoCRM.modules.CREATE ZohoCRM.settings.fields.CREATE", [scope.name for scope in NEEDED]),
        ("ZohoCRM.ALL", [scope.name for scope in NEEDED]),
        ("ZohoBooks.modules.ALL nonsense . ..", [scope.name for scope in NEEDED]),
    ],
)
def test_a_wider_scope_covers_the_narrower_ones_and_nothing_else_does(granted: str, lacking: list[str]) -> None:
    found = [scope.name for scope in missing(granted)]
    assert len(found) == len(lacking)
    assert all(name.endswith(end) for name, end in zip(found, lacking, strict=True))


@pytest.mark.parametrize(
    ("api_domain", "console"),
    [
        ("https://www.zohoapis.com", "https://api-console.zoho.com"),
        ("https://sandbox.zohoapis.eu", "https://api-console.zoho.eu"),
        ("https://www.zohoapis.ca", "https://api-console.zohocloud.ca"),
    ],
)
def test_the_console_stands_beside_the_accounts_server(api_domain: str, console: str) -> None:
    assert console_url_for(accounts_url_for(api_domain) or "") == console
    assert console_url_for("https://accounts.example.com") is None


def test_a_code_of_the_simulators_page_works_once_and_a_revoked_grant_never_again(open_world: OpenWorld) -> None:
    world = open_world()

    def page(**wanted: Any) -> dict[str, Any]:
        answer = httpx2.post(f"{world.url}/_sim/oauth", json=wanted, verify=False)
        assert answer.status_code == 200
        return dict(answer.json())

    code = page(code={"minutes": 1})["code"]
    form = world.form(grant_type="authorization_code", code=code)
    granted = world.sim.accounts.mint(form, world.url)[1]
    assert granted["expires_in"] == 3600
    assert world.sim.accounts.mint(form, world.url) == (200, {"error": "invalid_code"})
    late = world.form(grant_type="authorization_code", code=page(code={"minutes": 1})["code"])
    world.clock.advance(61)
    assert world.sim.accounts.mint(late, world.url) == (200, {"error": "invalid_code"})
    form = world.form(refresh_token=granted["refresh_token"])
    assert page(in_milliseconds=True)["live"] == 1
    again = world.sim.accounts.mint(form, world.url)[1]
    assert (again["expires_in"], again["expires_in_sec"]) == (3_600_000, 3600)
    assert page(revoke=True)["live"] == 0
    assert world.sim.accounts.mint(form, world.url) == (200, {"error": "invalid_code"})
