"""One line of a `.env` file, replaced without touching the others."""

import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path


def set_line(path: Path, name: str, value: str) -> None:
    """`name=value` where the name stood, else at the end. All or nothing; a new file is the owner's alone. OSError."""
    path = path.resolve()  # what a link points to, not the link
    try:
        text, found = path.read_bytes().decode("utf-8"), path.stat()
    except FileNotFoundError:
        text, found = "", None
    descriptor, name_of_new = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")  # mode 600
    try:
        with os.fdopen(descriptor, "wb") as new:
            new.write(with_line(text, name, value).encode())
            if found is not None:
                os.fchmod(new.fileno(), found.st_mode & 0o777)
                with suppress(PermissionError):  # only root may give a file away
                    os.fchown(new.fileno(), found.st_uid, found.st_gid)
            new.flush()
            os.fsync(new.fileno())
        Path(name_of_new).replace(path)
    except BaseException:
        Path(name_of_new).unlink(missing_ok=True)
        raise


def with_line(text: str, name: str, value: str) -> str:
    """The text with that line in it, once: two of them would make the reader guess."""
    ending = "\r\n" if "\r\n" in text else "\n"
    pattern = re.compile(rf"\s*(?:export\s+)?{re.escape(name)}\s*=")
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += ending
    places = [place for place, line in enumerate(lines) if pattern.match(line)]
    line = f"{name}={value}{ending}"
    if not places:
        return "".join([*lines, line])
    lines[places[0]] = line
    return "".join(one for place, one in enumerate(lines) if place not in places[1:])
