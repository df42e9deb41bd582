"""Whom outgoing connections trust: the system's authorities, read once for all clients of a process."""

import ssl
import subprocess
import sys
from pathlib import Path

import certifi

from autodialer.trust import trusted

_END = "-----END CERTIFICATE-----\n"


def test_certificates_and_host_names_are_checked() -> None:
    assert trusted().verify_mode is ssl.CERT_REQUIRED
    assert trusted().check_hostname
    assert trusted() is trusted()


def test_the_authorities_that_the_environment_names_are_trusted_and_no_others(tmp_path: Path) -> None:
    only = tmp_path / "only.pem"
    first, end, _others = certifi.contents().partition(_END)
    only.write_text(first + end, encoding="utf-8")
    told = (
        "from autodialer.trust import trusted\n"
        "for context in (trusted(), trusted(environment=False)): print(context.cert_store_stats()['x509'] == 1)"
    )
    environment = {"SSL_CERT_FILE": str(only)}
    loaded = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, env=environment)
    assert loaded.stdout.split() == ["True", "False"]
