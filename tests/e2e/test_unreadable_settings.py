"""Whatever stands in the settings, the answer names it and is no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REQUIRED = {
    "ZOHO_CLIENT_ID": "1000.CLIENT",
    "ZOHO_CLIENT_SECRET": "zoho-client-secret",
    "ZOHO_REFRESH_TOKEN": "1000.refresh-token",
    "EIGHTX8_API_KEY": "eightx8-api-key",
    "ZOHO_API_DOMAIN": "http://127.0.0.1:9",
    "ZOHO_ACCOUNTS_URL": "http://127.0.0.1:9",
    "EIGHTX8_BASE_URL": "http://127.0.0.1:9",
    "PORT": "0",
}


def said(folder: Path, **given: str) -> str:
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    command = [sys.executable, "-m", "autodialer", "serve"]
    env = {**kept, **REQUIRED, **given}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode in (1, 2)
    return done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SSL_CERT_FILE", "/no/such/file.pem"),
        ("DATABASE_URL", "postgresql://u:p@127.0.0.1:1/x?sslmode=nonsense"),
        ("HOST", "nosuch.invalid"),
    ],
)
def test_a_value_that_can_not_be_used_is_named(tmp_path: Path, name: str, value: str) -> None:
    tokens = {"API_TOKEN": "a" * 20, "CALLBACK_TOKEN": "b" * 20} if name == "HOST" else {}
    told = said(tmp_path, **{name: value}, **tokens)
    assert "Traceback" not in told
    assert name in told
