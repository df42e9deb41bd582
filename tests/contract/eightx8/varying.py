"""The same webhook in other words, and webhooks with something wrong in them."""

import copy
import random
from typing import Any

JUNK: list[Any] = [None, "", "x", 0, -1, 3.5, True, [], {}, ["x"], {"x": 1}, "9" * 400, "\ud800", "NaN", 10**30]


def respelled(draw: random.Random, value: Any) -> Any:
    """The same in other words: unknown fields, another order, other case and separators of statuses and of the legs' keys."""
    if isinstance(value, list):
        return [respelled(draw, item) for item in value]
    if not isinstance(value, dict):
        return value
    items = [
        (_key(draw, key), _status(draw, item) if "tatus" in key else respelled(draw, item))
        for key, item in value.items()
    ]
    if draw.random() < 0.3:
        items.append((f"new{draw.randint(0, 99)}", draw.choice([None, 1, "x", {"y": []}])))
    draw.shuffle(items)
    return dict(items)


def _key(draw: random.Random, key: str) -> str:
    return draw.choice([key, key.capitalize(), key.upper()]) if key.lower() in ("calla", "callb") else key


def _status(draw: random.Random, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    word = value.replace("_", draw.choice(["_", " ", "-"]))
    return draw.choice([word, word.lower(), word.title(), f" {word} "])


def damage(draw: random.Random, body: dict[str, Any]) -> None:
    """One value somewhere becomes junk, or is gone."""
    node: dict[str, Any] = body
    while True:
        key = draw.choice(list(node))
        if isinstance(node[key], dict) and node[key] and draw.random() < 0.8:
            node = node[key]
        elif draw.random() < 0.4 and len(node) > 1:
            del node[key]
            return
        else:
            node[key] = copy.deepcopy(draw.choice(JUNK))
            return
