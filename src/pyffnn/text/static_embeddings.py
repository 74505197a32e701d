"""Static embeddings in model2vec's format: vectors of the tokens of a tokenizer, in two files.

``model.safetensors`` has ``embeddings`` [rows, dim], and may have ``weights`` of the tokens and ``mapping``, the row of each token.
``tokenizer.json`` beside it is the tokenizer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn.text.vector_files import read_array

__all__ = ["StaticEmbeddings"]


class StaticEmbeddings:
    """Vectors of tokens, and of words that are made of several.

    Raises OSError (a file is missing), ValueError (malformed, or tokens without a vector).
    """

    def __init__(self, path: Path) -> None:
        from safetensors import safe_open

        self._path = path.with_name("tokenizer.json")
        self._numbers, self._unknown = _tokens(self._path)
        self._vectors = read_array(path)
        with safe_open(str(path), framework="np") as file:
            parts = {n: file.get_tensor(n) for n in ("weights", "mapping") if n in set(file.keys())}
        most = max(self._numbers.values(), default=-1) + 1
        rows = np.asarray(parts.get("mapping", np.arange(len(self._vectors))), np.int64)
        weights = np.asarray(parts.get("weights", np.ones(len(rows))), np.float32)
        if (
            rows.shape != weights.shape
            or rows.size < most
            or (rows.size and not 0 <= rows.min() <= rows.max() < len(self._vectors))
        ):
            raise ValueError(
                f"{str(path)!r} has {len(self._vectors)} vectors, {str(self._path)!r} {most} tokens"
            )
        self._rows, self._weights = rows, weights

    @property
    def dim(self) -> int:
        return int(self._vectors.shape[1])

    @property
    def tokens(self) -> list[str]:
        """In the order of their numbers."""
        return sorted(self._numbers, key=self._numbers.__getitem__)

    def of_tokens(self, tokens: Sequence[str]) -> NDArray[np.float32]:
        """[tokens, dim]"""
        return self._of([self._numbers[token] for token in tokens])

    def find(
        self, words: Sequence[str], *, tokens: bool
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The numbers of those of ``words`` that have a vector, and the vectors [found, dim].

        A word has the mean of those of the tokens that the tokenizer cuts it into, unknown ones
        left out. ``tokens``: the words are the tokenizer's own tokens, where they can be.

        Raises ImportError where words are to be cut and the package tokenizers is missing.
        """
        found: dict[int, NDArray[np.float32]] = {}
        others = []
        for i, word in enumerate(words):
            if tokens and word in self._numbers:
                found[i] = self._of([self._numbers[word]])[0]
            else:
                others.append(i)
        if others:
            cut = self._tokenizer().encode_batch(
                [words[i] for i in others], add_special_tokens=False
            )
            for i, encoding in zip(others, cut, strict=True):
                ids = [n for n in encoding.ids if n != self._unknown and n < self._rows.size]
                if ids:
                    found[i] = self._of(ids).mean(axis=0)
        order = sorted(found)
        vectors = np.array([found[i] for i in order], np.float32).reshape(len(order), self.dim)
        return np.array(order, np.int64), vectors

    def _of(self, ids: list[int]) -> NDArray[np.float32]:
        return np.asarray(self._vectors[self._rows[ids]] * self._weights[ids][:, None])

    def _tokenizer(self) -> Any:
        try:
            from tokenizers import Tokenizer
        except ImportError:
            raise ImportError(
                f"pretrained_vectors with {str(self._path)!r} needs the package tokenizers: "
                "pip install 'pyffnn[tokenizers]'"
            ) from None
        tokenizer = Tokenizer.from_file(str(self._path))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer


def _tokens(path: Path) -> tuple[dict[str, int], int | None]:
    """The number of each token, and that of the unknown one."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        vocab = kept["model"]["vocab"]
        if isinstance(vocab, dict):
            numbers = {str(token): int(number) for token, number in vocab.items()}
        else:  # of a unigram model: pairs of a token and its score
            numbers = {str(token): i for i, (token, _) in enumerate(vocab)}
        for added in kept.get("added_tokens") or ():
            numbers.setdefault(str(added["content"]), int(added["id"]))
        unknown = kept["model"].get("unk_token")
        number = numbers.get(unknown) if unknown is not None else kept["model"].get("unk_id")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{str(path)!r} is no tokenizer, or damaged: {error}") from None
    return numbers, number
