"""Corpora and vocabularies of the language models: text in, one stream of word ids out.

Every language model of the package reads its data here, so that perplexities can be compared.
A corpus is one of

* a path (``str`` or ``os.PathLike``): UTF-8 text, one sentence a line, tokens parted by white
  space; packed by gzip or Zstandard or not; of .csv, .tsv, .jsonl and .parquet the lines of the
  texts in their column (`pyffnn.text.tables`); blank lines are no sentences;
* an iterable of token lists (``[["the", "dog"], ["it", "barks"]]``); it is gone through once;
* a 1-D integer array: token ids, taken as they are.

With ``eos_token`` an end-of-sentence token follows every sentence; a word outside the vocabulary is
the token ``unk_token``. `pyffnn.text.stream` says more and holds the code.
"""

from __future__ import annotations

from pyffnn.text.evaluation import Evaluation, evaluate
from pyffnn.text.given import Given, encode_given, given_is_ids
from pyffnn.text.stream import (
    CorpusIds,
    StreamSource,
    Tokens,
    build_vocabulary,
    encode_corpus,
    encode_tokens,
    is_ids,
    read_corpus,
)
from pyffnn.text.vocabulary import (
    IdVocabulary,
    Vocabulary,
    VocabularyLike,
    WordVocabulary,
    as_vocabulary,
    vocabulary_from_dict,
)

__all__ = [
    "CorpusIds",
    "Evaluation",
    "Given",
    "IdVocabulary",
    "StreamSource",
    "Tokens",
    "Vocabulary",
    "VocabularyLike",
    "WordVocabulary",
    "as_vocabulary",
    "build_vocabulary",
    "encode_corpus",
    "encode_given",
    "encode_tokens",
    "evaluate",
    "given_is_ids",
    "is_ids",
    "read_corpus",
    "vocabulary_from_dict",
]
