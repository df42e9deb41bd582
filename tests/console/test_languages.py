"""The console speaks English and Romanian, and all of both."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from jinja2 import Environment

from autodialer.rules.words import all_words
from autodialer.web.console.languages import texts_of

CONSOLE = Path(__file__).parents[2] / "src" / "autodialer" / "web" / "console"
FILES = {
    path.name: tomllib.loads(path.read_text("utf-8")) for path in sorted((CONSOLE / "texts" / "ro").glob("*.toml"))
}
ROMANIAN: dict[str, dict[str, Any]] = {
    kind: {english: said for file in FILES.values() for english, said in file.get(kind, {}).items()}
    for kind in ("texts", "plurals")
}
PLACE = re.compile(r"%\(\w+\)s|\{\w+\}")


def of_templates() -> Iterator[tuple[str, str, tuple[str | None, ...]]]:
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    for path in sorted((CONSOLE / "templates").rglob("*.html")):
        for _, function, message in environment.extract_translations(path.read_text(encoding="utf-8")):  # type: ignore[attr-defined]  # the extension adds it
            yield path.name, function, message if isinstance(message, tuple) else (message,)


def of_python(marked_by: str = "N_") -> Iterator[tuple[str, str]]:
    """What stands in N_("…"), or first in Counted("…", "…")."""
    for path in sorted(CONSOLE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == marked_by:
                assert isinstance(node.args[0], ast.Constant), f"{path.name}: {marked_by}() takes a text as it is"
                yield path.name, str(node.args[0].value)


_SAID_ON_PAGES = (
    "service/explain.py",
    "service/looking_again.py",
    "service/number_files.py",
    "service/orphans.py",
    "service/parked.py",
    "service/settling.py",
    "service/suppressing.py",
    "service/writing_again.py",
    "service/explaining/*.py",
    "service/plan_warnings.py",
    "rules/policy_warnings.py",
    "rules/policy_words.py",
    "web/console/**/*.py",
)


def of_words() -> Iterator[str]:
    """What each reason means."""
    for words in all_words().values():
        yield from (words.short, words.why, *words.change)


def of_sentences(*folders: str) -> Iterator[str]:
    """What the service and the rules say to people: phrase("…") and Sentence("…")."""
    for path in sorted(path for folder in folders for path in CONSOLE.parents[1].glob(folder)):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("phrase", "Sentence"):
                yield from (str(text.value) for text in node.args[:1] if isinstance(text, ast.Constant))


def singles() -> set[str]:
    found = {str(message[0]) for _, function, message in of_templates() if function != "ngettext"}
    said = {*of_words(), *of_sentences(*_SAID_ON_PAGES)}
    return {text for text in found if text != "None"} | {text for _, text in of_python()} | said


def plurals() -> set[str]:
    in_templates = {str(message[0]) for _, function, message in of_templates() if function == "ngettext"}
    return in_templates | {text for _, text in of_python("Counted")}


def test_every_text_has_its_romanian_and_no_other_stands_there() -> None:
    assert sorted(singles() - set(ROMANIAN["texts"])) == [], "not translated"
    used = singles() | set(of_sentences("service/**/*.py", "rules/**/*.py"))
    assert sorted(set(ROMANIAN["texts"]) - used) == [], "used nowhere"
    assert sorted(plurals() - set(ROMANIAN["plurals"])) == [], "plurals not translated"
    assert sorted(set(ROMANIAN["plurals"]) - plurals()) == [], "plurals used nowhere"


def test_a_text_that_stands_in_two_files_is_translated_alike() -> None:
    for name, file in FILES.items():
        for kind in ("texts", "plurals"):
            assert {e: r for e, r in file.get(kind, {}).items() if ROMANIAN[kind][e] != r} == {}, name


def test_translations_say_the_same_values() -> None:
    for english, romanian in ROMANIAN["texts"].items():
        assert sorted(PLACE.findall(english)) == sorted(PLACE.findall(romanian)), english
    for english, forms in ROMANIAN["plurals"].items():
        assert len(forms) == 3, english
        assert all(set(PLACE.findall(form)) <= {*PLACE.findall(english), "%(num)s"} for form in forms), english


@pytest.mark.parametrize(
    ("english", "romanian"),
    [("callback", "notific"), ("settled?", "lămur"), ("the log says|see the log", "fișierul de log")],
)
def test_one_thing_has_one_word_on_all_pages(english: str, romanian: str) -> None:
    """Only where the English names it; "settled" of a call that nobody knows."""
    named = {text: said for text, said in ROMANIAN["texts"].items() if re.search(rf"(?i)\b({english})\b", text)}
    assert named
    assert {text: said for text, said in named.items() if romanian not in said.lower()} == {}


@pytest.mark.parametrize(
    ("count", "form"),
    [(1, "one"), (0, "few"), (2, "few"), (19, "few"), (20, "de"), (100, "de"), (101, "few"), (120, "de")],
)
def test_romanian_has_three_forms(count: int, form: str) -> None:
    texts = type(texts_of("ro"))({}, {"call": ["one", "few", "de"]})
    assert texts.ngettext("call", "calls", count) == form


def test_the_browsers_language_is_spoken_until_another_is_chosen(operator: httpx2.Client) -> None:
    romanian = {"accept-language": "de-DE,ro-RO;q=0.8,en;q=0.5"}
    assert '<html lang="ro">' in operator.get("/console", headers=romanian).text
    assert '<html lang="en">' in operator.get("/console", headers={"accept-language": "de, *"}).text
    answer = operator.get("/console/language/ro?next=/console/health")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/health")
    assert '<html lang="ro">' in operator.get("/console", headers={"accept-language": "en"}).text
    assert operator.get("/console/language/xx").status_code == 404
