"""What a suite is: tests of a peer's own wheel, and how this library is put in the peer's place in them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

NAMES = ("thinc_ops", "thinc_layers", "sklearn_mlp", "sklearn_text", "spacy_textcat")


@dataclass(frozen=True)
class Suite:
    """`modules`: test modules of the peer, by their import names.

    `swap` runs before they are imported, and `each` before each test.
    `excluded`: a part of a test's name (fnmatch, after the last "::") and why it is no test of this library.
    """

    host: str
    modules: Sequence[str]
    swap: Callable[[], None]
    each: Callable[[], None] | None = None
    excluded: dict[str, str] = field(default_factory=dict)


def suite(name: str) -> Suite:
    found: Suite = importlib.import_module(f"peer_suites.{name}").SUITE
    return found
