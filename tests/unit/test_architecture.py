"""Imports go down only: the contracts of pyproject.toml, checked by import-linter."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "autodialer").rglob("*.py"))
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]


def test_every_contract_about_imports_is_kept() -> None:
    linter = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    checked = subprocess.run([*linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in checked.stdout


@pytest.mark.parametrize("layer", ["domain", "rules", "ports", "service"])
def test_what_decides_never_reads_the_clock(layer: str) -> None:
    folder = ROOT / "src" / "autodialer" / layer
    sources = [path for path in SOURCES if path.is_relative_to(folder)]
    assert sources
    reads = re.compile(r"\b(?:datetime|date)\.(?:now|utcnow|today)\(|\btime\.(?:time|monotonic|perf_counter|sleep)\(")
    assert [
        f"{path.name}: {hit[0]}" for path in sources for hit in reads.finditer(path.read_text(encoding="utf-8"))
    ] == []


def test_no_file_grows_beyond_350_lines() -> None:
    assert {path.name: lines for path in SOURCES if (lines := path.read_text(encoding="utf-8").count("\n")) > 350} == {}


def test_the_service_starts_without_what_only_some_settings_commands_or_starts_need() -> None:
    told = "import sys, autodialer.cli.main, autodialer.bootstrap, autodialer.cli.serving; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout.split()
    others = {
        "alembic",
        "autodialer.contact_center.client",
        "autodialer.simulators",
        "holidays",
        "psycopg",
        "sqlalchemy.dialects.postgresql",
        "websockets",
    }
    assert "autodialer.web.app" in loaded
    assert others.isdisjoint(loaded)
