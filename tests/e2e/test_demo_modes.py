"""The demo dials through its days whichever way a call goes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.soak
@pytest.mark.parametrize("mode", ["bridge", "press1"])
def test_the_demo_works_in_both_modes_by_one_setting(tmp_path: Path, mode: str) -> None:
    command = [sys.executable, "-m", "autodialer", "demo", "--folder", str(tmp_path / "demo"), "--port", "0"]
    done = subprocess.run(
        command, env={**os.environ, "EIGHTX8_MODE": mode}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    log = (tmp_path / "demo" / "logs" / "combined.log").read_text(encoding="utf-8")
    assert ("VCA ACTION_COMPLETED, pressed 1" in log) is (mode == "press1")
    assert "each was placed once" in done.stdout
