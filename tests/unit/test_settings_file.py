"""What stands in `.env` and would be passed over without a word is told of."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from autodialer.bootstrap import load_policy, remark_findings, remarks_on
from autodialer.cli.zoho_login import run as zoho_login
from autodialer.domain.errors import SettingsError
from autodialer.settings import Settings, load_settings

REQUIRED = ("ZOHO_CLIENT_ID", "ZOHO_CLIENT_SECRET", "ZOHO_REFRESH_TOKEN", "EIGHTX8_API_KEY")
GIVEN = "".join(f"{name}=of-a-test\n" for name in REQUIRED) + "EIGHTX8_BASE_URL=https://voice.8x8.com\n"
Write = Callable[[str], object]


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Write:
    """Makes a `.env` of what is needed and these lines; nothing is set outside of it."""
    known = {name.upper() for name in Settings.model_fields} | {"NODE_ENV"}
    for name in [name for name in os.environ if name.upper() in known]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return lambda lines: tmp_path.joinpath(".env").write_text(GIVEN + lines, encoding="utf-8")


@pytest.mark.parametrize(
    "wrong", ["DRY_RUN: true", "DRY RUN=true", "DRY_RUN true", "DRY_RUN", 'CRON_HOURS="10 14 18\nDRY_RUN=true\nHOST=""']
)
@pytest.mark.parametrize("read", [load_settings, lambda: zoho_login("a-code", None)])
def test_a_line_that_is_not_understood_is_refused_by_its_number_and_not_shown(
    write: Write, wrong: str, read: Callable[[], object]
) -> None:
    write(f"\n# more\n\n{wrong}\n")
    with pytest.raises(SettingsError) as refused:
        read()
    assert refused.value.message.startswith(".env, line 9 is not understood")
    assert "DRY" not in refused.value.message


def test_other_problems_are_told_with_it(write: Write) -> None:
    write("PORT=x\nDRY_RUN: true\n")
    with pytest.raises(SettingsError, match=r"line 7 is not understood.*PORT is wrong"):
        load_settings()


def test_an_env_file_that_can_not_be_read_is_named(write: Write, tmp_path: Path) -> None:
    write("")
    tmp_path.joinpath(".env").unlink()
    tmp_path.joinpath(".env").symlink_to("/proc/self/mem")  # a file that may be opened, by root too, and not read
    with pytest.raises(SettingsError, match=r"\.env can't be read \(Input/output error\)"):
        load_settings()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("DRYRUN=true", "DRYRUN is no setting and has no effect: is DRY_RUN meant?"),
        ("export Time_Zone=UTC", "TIME_ZONE is no setting and has no effect: is TIMEZONE meant?"),
        ("CALLING_HOURS=9-17", "CALLING_HOURS has no effect as a variable"),
        ("DAY_QUOTAS=1", "DAY_QUOTAS has no effect as a variable"),
        ("DRY_RUN=true\nDRY_RUN=", "DRY_RUN is set to different values in .env: the last one counts"),
        ("DRY_RUN=true\nDRY_RUN=false", "DRY_RUN is set to different values in .env: the last one counts"),
    ],
)
def test_a_name_without_effect_is_told_of(write: Write, line: str, told: str) -> None:
    write(line)
    (remark,) = remarks_on(load_settings())
    assert told in remark


def test_a_misspelt_variable_of_the_environment_is_told_of_too(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("")
    monkeypatch.setenv("CRON_HOUR", "8")
    assert remarks_on(load_settings()) == ["CRON_HOUR is no setting and has no effect: is CRON_HOURS meant?"]


def test_nothing_is_said_of_other_programs_variables_nor_of_a_value_that_is_repeated(write: Write) -> None:
    write(
        "NODE_ENV=production\nHTTPS_PROXY=http://proxy:3128\nPUBLIC_HOST=dialer.example\nTZ=UTC\nPORT=\nPORT=8080\nPORT=8080\n"
    )
    assert remarks_on(load_settings()) == []


def test_doctor_tells_the_hours_and_the_zone_that_hold_whoever_set_them(write: Write, tmp_path: Path) -> None:
    write("POLICY_FILE=policy.toml\n")
    tmp_path.joinpath("policy.toml").write_text('run_hours = [8, 12]\ntimezone = "Europe/Bucharest"', encoding="utf-8")
    settings = load_settings()
    first = remark_findings(settings, load_policy(settings))[0]
    assert first.message.endswith("runs at 8 12 UTC, days of Europe/Bucharest")


def test_what_goes_without_an_env_file_goes_beside_one_that_can_not_be_read(write: Write, tmp_path: Path) -> None:
    write("")
    given = {name.lower(): "of-a-test" for name in REQUIRED} | {"eightx8_base_url": "https://voice.8x8.com"}
    tmp_path.joinpath(".env").write_bytes("PORT: 1".encode("utf-16"))
    assert remarks_on(load_settings(_env_file=None, **given)) == []
