"""`.env.example` tells of every setting, and only of those, with its true default."""

import os
import re
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from autodialer.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
LINES = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
VALUES = dict(line.split("=", 1) for line in LINES if re.match(r"[A-Z0-9_]+=", line))
NAMES = {name.upper() for name in Settings.model_fields}
REQUIRED = {
    "ZOHO_CLIENT_ID": "1000.CLIENT",
    "ZOHO_CLIENT_SECRET": "client-secret",
    "ZOHO_REFRESH_TOKEN": "1000.refresh",
    "EIGHTX8_API_KEY": "api-key",
}


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.upper() in NAMES | {"NODE_ENV"}]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def filled(values: dict[str, str]) -> str:
    return "\n".join(f"{name}={values.get(name, value)}" for name, value in VALUES.items())


def test_every_setting_and_nothing_else_is_listed() -> None:
    assert set(VALUES) == NAMES | {"NODE_ENV"}


def test_every_setting_is_listed_once() -> None:
    names = [line.split("=", 1)[0] for line in LINES if re.match(r"[A-Z0-9_]+=", line)]
    assert sorted(names) == sorted(set(names))


def test_every_setting_stands_under_an_explanation() -> None:
    bare = []
    explained = False
    for line in LINES:
        if line.startswith("# ") and not line.startswith("# ----"):
            explained = True
        elif not line or line.startswith("# ----"):
            explained = False
        elif not explained:
            bare.append(line)
    assert bare == []


def test_required_settings_are_those_without_a_default() -> None:
    fields = Settings.model_fields.items()
    assert {name.upper() for name, field in fields if field.default is PydanticUndefined} == set(REQUIRED)
    assert all(VALUES[name] == "" for name in REQUIRED)


def test_the_example_with_the_required_ones_filled_in_is_the_defaults(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(filled(REQUIRED), encoding="utf-8")
    from_example = load_settings()
    (tmp_path / ".env").write_text("\n".join(f"{k}={v}" for k, v in REQUIRED.items()), encoding="utf-8")
    assert from_example == load_settings()


def test_the_example_with_everything_needed_to_dial_is_accepted(tmp_path: Path) -> None:
    more = {
        "EIGHTX8_SUBACCOUNT_ID": "acme_voice",
        "EIGHTX8_CALLER_ID": "+40211234567",
        "EIGHTX8_AGENT_NUMBER": "+40211234568",
        "EIGHTX8_CALLBACK_URL": "https://calls.example.com/api/callback",
        "API_TOKEN": "a" * 43,
        "CALLBACK_TOKEN": "b" * 43,
    }
    (tmp_path / ".env").write_text(filled(REQUIRED | more), encoding="utf-8")
    assert load_settings().listen_host == "0.0.0.0"


def test_variables_of_compose_are_told_with_the_defaults_it_has() -> None:
    files = (ROOT / "compose.yaml", ROOT / "deploy" / "compose.postgres.yaml")
    compose = "".join(path.read_text(encoding="utf-8") for path in files)
    used = dict(re.findall(r"\$\{([A-Z_]+):-([^${}]+)\}", compose))
    told = dict(line[2:].split("=", 1) for line in LINES if re.match(r"# [A-Z_]+=\S", line))
    assert told == used
