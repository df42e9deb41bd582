"""The shims of tests/shims, compiled."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

NAMES = ("power_cut", "disk_fault")  # in this order: what the one lets fail, the other does not keep
_SOURCES = Path(__file__).resolve().parents[1] / "shims"


def compiler() -> str | None:
    """The C compiler of this machine."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def shim_files(folder: Path) -> Sequence[Path]:
    """Libraries for LD_PRELOAD, made in `folder`; none where no compiler is."""
    cc = compiler()
    if cc is None:
        return []
    made = []
    for name in NAMES:
        target = folder / f"{name}.so"
        warnings = ("-Wall", "-Wextra", "-Werror")
        command = [cc, "-shared", "-fPIC", "-O2", *warnings, "-o", str(target), str(_SOURCES / f"{name}.c")]
        subprocess.run([*command, "-ldl", "-lpthread"], check=True, timeout=60)
        made.append(target)
    return made
