"""One stage per test, with logs to look through; processes with a failing disk where a test asks for them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from autodialer.observability import configure_logging, shutdown_logging
from crash.forge import open_forge
from crash.shims import compiler, shim_files
from faults.stage import Stage, stage

OpenStage = Callable[..., AbstractContextManager[Stage]]


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """As in production."""
    folder = tmp_path_factory.mktemp("logs")
    configure_logging(level="info", log_dir=folder, development=False, console=False)
    yield folder
    shutdown_logging()


@pytest.fixture
def open_stage(tmp_path: Path, logs: Path) -> OpenStage:
    def opened(**more: Any) -> AbstractContextManager[Stage]:
        return stage(tmp_path, logs, **more)

    return opened


@pytest.fixture
def here(open_stage: OpenStage) -> Iterator[Stage]:
    """The usual stage."""
    with open_stage() as opened:
        yield opened


@pytest.fixture(scope="session")
def forge(tmp_path_factory: pytest.TempPathFactory) -> None:
    open_forge(shim_files(tmp_path_factory.mktemp("shims")))


@pytest.fixture
def failing_disk(forge: None) -> None:  # noqa: ARG001 - it must be open
    if compiler() is None:
        pytest.skip("no C compiler (cc) here, so the disk-fault shim can't be made")
