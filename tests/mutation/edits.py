"""How a copy of the tree is broken: edits of the source that must fit it exactly."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = "src/autodialer"
SCHEMA = ("store/tables.py", "store/migrations/versions/0001_ledger.py")


class StaleError(Exception):
    """The source is not any more as a breakage expects it: the breakage must be written anew."""


@dataclass(frozen=True, slots=True)
class Replace:
    """`old`, which stands exactly once in `file` of the package, becomes `new`."""

    file: str
    old: str
    new: str

    def apply(self, root: Path) -> Sequence[Path]:
        """Change the tree at `root`; the files that were written. StaleError."""
        path = root / _PACKAGE / self.file
        source = path.read_text()
        if source.count(self.old) != 1:
            raise StaleError(f"{self.file} holds {source.count(self.old)} times what is to be replaced: {self.old!r}")
        path.write_text(source.replace(self.old, self.new))
        return [path]


@dataclass(frozen=True, slots=True)
class Drop:
    """The index or constraint `name` is missing, from the tables and from the migration that makes them."""

    name: str

    def apply(self, root: Path) -> Sequence[Path]:
        """As Replace.apply."""
        paths = [root / _PACKAGE / file for file in SCHEMA]
        for path in paths:
            source = path.read_text()
            lines = source.splitlines(keepends=True)
            calls = [call for call in _calls(ast.parse(source)) if self._is_it(call)]
            if len(calls) != 1:
                raise StaleError(f"{path.name} has {len(calls)} times the constraint {self.name}")
            first, last = calls[0].lineno - 1, calls[0].end_lineno or 0
            path.write_text("".join(lines[:first] + lines[last:]))
        return paths

    def _is_it(self, call: ast.Call) -> bool:
        if not ast.unparse(call.func).endswith(("Index", "create_index", "CheckConstraint", "UniqueConstraint")):
            return False
        named = [node.value for node in ast.walk(call) if isinstance(node, ast.Constant)]
        return self.name in named or f"ck_attempts_{self.name}" in named


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


@dataclass(frozen=True, slots=True)
class Breakage:
    """`tests` (pytest's node ids) of which one at least must fail when `edits` are made."""

    name: str
    edits: Sequence[Replace | Drop]
    tests: Sequence[str]
