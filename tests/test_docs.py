"""Every console block of the documentation gives what the page says it gives."""

from __future__ import annotations

import doctest
import importlib.util
import re
import textwrap
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
# Pages whose blocks use an optional package.
NEEDS = {
    "how-to/pictures.md": ["matplotlib"],
    "how-to/lexicon.md": ["vaderSentiment", "sklearn"],
    "how-to/scikit-learn.md": ["sklearn"],
    "how-to/pytorch.md": ["torch"],
    "how-to/onnx.md": ["onnx", "onnxruntime"],
    "how-to/subwords.md": ["tokenizers"],
    "how-to/texts.md": ["tokenizers"],
    "how-to/thinc-spacy.md": ["spacy"],
    "tutorial/embeddings.md": ["tokenizers"],
}
# some stand indented, in a note that folds
_BLOCK = re.compile(r"^( *)```pycon\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)

PAGES = sorted(
    str(p.relative_to(DOCS))
    for p in DOCS.rglob("*.md")
    if "```pycon" in p.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("page", PAGES)
def test_page(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in NEEDS.get(page, []):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    monkeypatch.chdir(tmp_path)  # pages write pictures
    text = (DOCS / page).read_text(encoding="utf-8")
    source = "\n".join(textwrap.dedent(block) for _, block in _BLOCK.findall(text))
    examples = doctest.DocTestParser().get_doctest(source, {}, page, page, 0)
    assert examples.examples
    report: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(examples, out=report.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)


def test_pictures_of_the_pages_are_there() -> None:
    for page in DOCS.rglob("*.md"):
        for target in re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).resolve().is_file(), f"{page.name}: {target}"
