"""Tokens to be scored, in any form: what all language models' `log_prob` and `perplexity` take.

* a path object, or a string that names a file: a text file as in `pyffnn.text.stream`;
* any other string: words parted by white space, one run of tokens;
* an iterable of token lists: sentences;
* a list of words: one run of tokens;
* a 1-D integer array, or a list of integers: ids, one run of tokens.

The sentences of a file and of token lists end in the vocabulary's end-of-sentence token, if it has one. Nothing is added
to a run of tokens.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, TypeAlias

import numpy as np

from pyffnn.text.stream import StreamSource, Tokens, encode_corpus, encode_tokens, is_ids
from pyffnn.text.vocabulary import IdArray, Vocabulary

Given: TypeAlias = StreamSource | Tokens

_WANTED = (
    "a path, a string of words, an iterable of token lists, a list of words or a 1-D integer array"
)
_NOTHING = object()
_ENDINGS = (".txt", ".gz", ".text", ".tokens", ".raw", ".tsv", ".csv", ".json", ".jsonl", ".zst")


def encode_given(
    given: Given, vocabulary: Vocabulary, *, name: str = "tokens", corpus: bool = False
) -> IdArray:
    """Ids of what is to be scored, 1-D int32.

    ``corpus``: much of it is expected, so that a string of one unknown word is taken for the name of a file, too.

    Raises TypeError for what is none of the forms, FileNotFoundError for a string that looks like the name of a file and is
    none, ValueError for words with white space in them, IndexError for an id outside the vocabulary.
    """
    if isinstance(given, os.PathLike):
        return encode_corpus(given, vocabulary, name=name)
    if isinstance(given, str):
        return _encode_string(given, vocabulary, name, corpus)
    if not _is_list(given):
        raise TypeError(f"{name} must be {_WANTED}, got {type(given).__name__}")
    if is_ids(given, name):
        return encode_tokens(given, vocabulary, name=name)  # type: ignore[arg-type]
    return _encode_iterable(given, vocabulary, name)


def _encode_string(given: str, vocabulary: Vocabulary, name: str, corpus: bool) -> IdArray:
    if _is_file(given):
        return encode_corpus(given, vocabulary, name=name)
    words = given.split()
    file_meant = looks_like_a_file(given) or (corpus and len(words) == 1)
    if file_meant and not any(word in vocabulary for word in words):
        raise FileNotFoundError(
            2, f"{name} must be {_WANTED}; there is no file of this name", given
        )
    return encode_tokens(words, vocabulary, name=name)


def _encode_iterable(given: Any, vocabulary: Vocabulary, name: str) -> IdArray:
    items = iter(given)
    first = next(items, _NOTHING)
    if first is _NOTHING:
        return np.zeros(0, np.int32)
    whole = given if iter(given) is not items else chain([first], items)
    if not isinstance(first, str):
        if is_ids(first, name):
            raise TypeError(f"{name} must be {_WANTED}: ids go in as one array, not as lists")
        return encode_corpus(whole, vocabulary, name=name)
    return encode_tokens(list(whole), vocabulary, name=name)


def _is_file(given: str) -> bool:
    try:
        return os.path.isfile(given) or (os.path.exists(given) and not os.path.isdir(given))
    except ValueError:  # a NUL character
        return False


def looks_like_a_file(given: str) -> bool:
    """Whether a string is written like the name of a file."""
    text = given.strip()
    return "\n" not in text and (
        text.lower().endswith(_ENDINGS) or text.startswith(("/", "./", "../", "~/"))
    )


def _is_list(given: Any) -> bool:
    if isinstance(given, (bytes, bytearray, Mapping, set, frozenset)):
        return False
    if hasattr(given, "columns") and hasattr(given, "shape"):  # a data frame
        return False
    return isinstance(given, Iterable) or hasattr(given, "__array__")


def given_is_ids(given: Any) -> bool:
    """Whether what is to be scored consists of ids."""
    return not isinstance(given, (str, os.PathLike)) and is_ids(given)


__all__ = ["Given", "encode_given", "given_is_ids", "looks_like_a_file"]
