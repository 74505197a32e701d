"""What each argument of each public function is: the glossary that the reference takes where a docstring has no list of its own.

mkdocstrings loads `Arguments`, which gives such docstrings a section of parameters; a test holds both against `inspect.signature`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any

# By "function:argument" or "Class.method:argument", else by the argument's name alone.
MEANINGS = {
    "X": "Examples: rows of features (dense or SciPy's sparse), or texts, as in `fit`.",
    "y": "What the examples are to be taken for, as in `fit`.",
    "a": "Left operand.",
    "accumulate": "Add to the gradients that are there instead of replacing them.",
    "accuracy": "Share that is right in each bin.",
    "activation": "Name of the function that the result goes through; None: none.",
    "at": "Where the gradient is taken: arrays by name.",
    "ax": "Axes to draw into; None: a new figure.",
    "axis": "Along which; None: over all entries.",
    "b": "Bias, one number an output; None: none.",
    "batch_size": "Examples a batch.",
    "begin": "First one.",
    "biases": "A vector a layer.",
    "bos": "Begin after an end of sentence.",
    "callbacks": "A function or several, called after each epoch.",
    "checkpoint_seconds": "Write the checkpoint after so many seconds.",
    "checkpoint_steps": "Write the checkpoint after so many steps, too; None: by time alone.",
    "class_weight": "A weight a class; None: 1 each.",
    "classes": "All labels there will ever be; needed at the first call.",
    "confidence": "Mean probability in each bin.",
    "context": "The words (or ids) before it.",
    "corpus": "A path, an iterable of token lists, or ids, as in `fit`.",
    "corpora": "The corpora whose words count.",
    "count": "How many numbers.",
    "counts": "How often each one occurs.",
    "deep": "Taken for scikit-learn's sake.",
    "default": "The schedule where the rate is a plain number.",
    "default_lr": "Rate of an optimizer that is given by name.",
    "directions": "Random directions that are tried.",
    "documents": "Which ones, or lists of tokens.",
    "dtype": "Type of the numbers.",
    "dy": "Gradient of the result, of its shape.",
    "engine": '"graphviz", "matplotlib", or None for the first that is installed.',
    "entries": "Single entries that are tried.",
    "eos": "Count the end of the sentence.",
    "eos_token": "Stands for the end of a sentence; None: ends leave no mark.",
    "errors": "What is done with bytes that are not UTF-8.",
    "exact": "The exact result, in float64 or wider.",
    "f": "The function: takes the variables, gives a scalar.",
    "fields": "What `to_dict` gave.",
    "final": "Rate at the end as a share of the first.",
    "fit_params": "Passed on to `fit`.",
    "given": "A path, a string of words, token lists, words, or ids.",
    "gradient": "Gradient of the result; None: 1, of a scalar.",
    "gradients": "The analytic gradients by name.",
    "graph": "The graph, or its root.",
    "groups": "A group a word, which has a colour; None: one colour.",
    "high": "The largest.",
    "history": "A model, its `history_`, several by name, or losses.",
    "ids": "Numbers of rows, int32 or int64.",
    "include_last_offset": "Whether the number of ids stands behind the offsets, where the last bag ends.",
    "input_features": "Taken for scikit-learn's sake.",
    "inputs": "Arrays by name.",
    "k": "How many.",
    "keepdims": "Keep axes that are summed over, with length 1.",
    "label_prefix": "What labels begin with.",
    "labels": "The labels, in their order; None: those that occur, sorted.",
    "learning_rate": "Length of the step; None: the optimizer's own.",
    "log_likelihoods": "Log-probability of each token by each model, shape (tokens, models).",
    "log_probs": "Natural logarithm of each token's probability.",
    "logits": "Values before softmax or sigmoid.",
    "loss": "The loss as a function of the arrays.",
    "low": "The smallest.",
    "lowercase": "Lower-case all words.",
    "lr": "Learning rate, or a schedule; None: that of the model it is given to.",
    "max_steps": "Steps of EM at most.",
    "max_tokens": "First tokens of a document that count.",
    "memmap": "File for the ids of a corpus larger than memory.",
    "min_count": "Words seen less often are left out.",
    "mode": "How rows were pooled.",
    "model": "A fitted classifier.",
    "models": "Names of the classes that are accepted.",
    "n": "How many.",
    "n_in": "Inputs.",
    "n_out": "Outputs.",
    "name": "What it is called.",
    "need_dx": "Whether the gradient of x is wanted; else None is given.",
    "needs_grad": "Whether it has a gradient.",
    "negative": "Words of negative feeling.",
    "network": "A `pyffnn.nn.FeedForward`, or a fitted model.",
    "ngram_min_count": "N-grams seen less often are left out.",
    "note": "Called with a line on what was taken for a header.",
    "num_rows": "Rows of the table.",
    "num_words": "Words before the first hashed row.",
    "buckets": "Rows that n-grams share.",
    "offsets": "Where each bag begins in `ids`, and where the last one ends.",
    "optimizer": "A name or a settings object.",
    "order": "In which order; None: as they stand.",
    "otherwise": "The form where nothing tells it.",
    "out": "Where the result is written; None: a new array.",
    "output": "Name of the output's function.",
    "outputs": "What the operation gave.",
    "p": "Probabilities.",
    "pairs": "(name, share) of what is shown.",
    "params": "Constructor arguments by name.",
    "parts": "Pieces of the file's content, in order.",
    "path": "A file's path; None, where that is the default: no file.",
    "positive": "Words of positive feeling.",
    "precision": "How products are taken; None: `pyffnn.get_default_precision()`.",
    "prefix": "What labels begin with in fastText's form.",
    "random_state": "Seed of what is random.",
    "rng": "NumPy's generator.",
    "root": "The variable whose graph it is.",
    "row": "Number of a row.",
    "sample_weight": "A weight an example; None: 1 each.",
    "seed": "Of what is random.",
    "sentence": "A string of words, or a list of them.",
    "settings": "Those that differ from the defaults.",
    "several": "Whether a text may have several labels.",
    "shape": "The sizes.",
    "size": "How many.",
    "sizes": "Units of each layer, the inputs first.",
    "start": "First step.",
    "state": "What `state` gave.",
    "step": "Distance of the differences.",
    "steps": "Steps in all.",
    "stop": "Step after the last; None: the end.",
    "table": "Rows of numbers, shape (rows, dimensions).",
    "targets": "Number of the right class of each example.",
    "text": "A text.",
    "texts": "Strings: a list, an iterator, or a column.",
    "title": "Above the picture.",
    "tokenizer": "What cuts texts into tokens, where the model had one.",
    "tokens": "Words, ids, a string of words, or a path.",
    "transpose": "Whether `w` stands as (n, k).",
    "transpose_a": "Whether `a` stands as (k, m).",
    "transpose_b": "Whether `b` stands as (n, k).",
    "unk_token": "Stands for words outside the vocabulary.",
    "v": "A node.",
    "valid": "Validation data in the same forms.",
    "value": "Its number or array.",
    "variables": "The variables.",
    "vectors": "A row a word.",
    "vocabulary": "A vocabulary, words, or a number of ids.",
    "w": "Weights.",
    "warmup": "Share of the steps during which the rate climbs from 0.",
    "weights": "A weight each.",
    "word": "A word of the vocabulary.",
    "words": "The words.",
    "x": "Input.",
    "y_pred": "The predicted ones.",
    "y_true": "The right ones.",
    # where a name means something else
    "binary_cross_entropy:targets": "In [0, 1], of the shape of `logits`.",
    "confusion_matrix:counts": "Shape (k, k), a row a right label.",
    "decision_boundary:labels": "Names of the classes.",
    "fma_chain:b": "Right operand.",
    "get_params:deep": "Taken for scikit-learn's sake; no parts have parameters of their own.",
    "gradient_error:step": "Distance of the central differences.",
    "hidden_space:y": "Class of each example.",
    "is_ids:corpus": "What may be ids.",
    "linear:b": "Bias, one number an output; None: none.",
    "load:path": "The file that `save` wrote.",
    "matmul:b": "Right operand, which may come from `pack`.",
    "num_threads:n": "Threads, 1 to 1024.",
    "set_num_threads:n": "Threads, 1 to 1024.",
    "set_kept_memory:n": "Bytes; 0 keeps nothing.",
    "nearest_words:word": "A word of the vocabulary, or its id.",
    "reliability:counts": "Examples in each bin.",
    "set_default_precision:name": "One of `pyffnn.precision.PRECISIONS`.",
    "set_isa:name": "One of `available_isas()`.",
    "use_isa:name": "One of `available_isas()`.",
    "Corpus:core": "The encoded texts, as the core holds them.",
    "Corpus:featurizer": "What encoded them.",
    "Table:iterable": "The rows.",
    "kernel:name": "Name of the kernel, or of its C function.",
    "Schedule.shares:begin": "Where steps begin, as shares of the training.",
    "Schedule.shares:end": "Where they end.",
    "linear_backward:y": "The saved result; needed with an activation.",
    "relu_backward:y": "The saved result.",
    "sigmoid_backward:y": "The saved result.",
    "softmax_backward:y": "The saved result.",
    "tanh_backward:y": "The saved result.",
    "ulp_error:got": "What was computed.",
    "Unit:b": "Bias.",
    "rows:labelled": "Whether labels are wanted.",
}
_SECTION = re.compile(
    r"^(Parameters|Attributes)\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}\n|\Z)", re.MULTILINE | re.DOTALL
)


def documented(doc: str) -> set[str]:
    """Arguments that a docstring lists."""
    return {
        name.strip().lstrip("*")
        for section in _SECTION.finditer(doc)
        for line in section[2].splitlines()
        if re.fullmatch(r"[\w*]+(, [\w*]+)*( :.*)?", line)
        for name in line.split(":")[0].split(",")
    }


def meaning(owner: str, name: str) -> str | None:
    """Of an argument of "function" or "Class.method"."""
    short = owner.rpartition(".")[2]
    for key in (f"{owner}:{name}", f"{short}:{name}", name):
        if key in MEANINGS:
            return MEANINGS[key]
    return None


def items(owner: str, doc: str, names: Iterable[str]) -> dict[str, str | None]:
    """The meanings of the arguments that the docstring does not list; None where nothing says it."""
    listed = documented(doc)
    return {name: meaning(owner, name) for name in names if name not in listed}


def with_items(owner: str, doc: str, names: Iterable[str]) -> str:
    """The docstring with an item for each argument."""
    missing = {n: text for n, text in items(owner, doc, names).items() if text is not None}
    if not missing:
        return doc
    lines = "".join(f"{name}\n    {text}\n" for name, text in missing.items())
    doc = inspect.cleandoc(doc)
    found = re.search(r"^Parameters\n-+\n", doc, re.MULTILINE)
    if found is None:
        return f"{doc}\n\nParameters\n----------\n{lines}"
    return doc[: found.end()] + lines + doc[found.end() :]


try:
    from griffe import Extension, Function
except ImportError:  # the test needs the glossary alone
    pass
else:

    class Arguments(Extension):
        """Gives functions of the package the items that their docstrings lack."""

        def on_function_instance(self, *, func: Function, **_: Any) -> None:
            if func.docstring is None or func.name.startswith("_"):
                return
            names = [p.name.lstrip("*") for p in func.parameters if p.name not in ("self", "cls")]
            parent = func.parent
            owner = f"{parent.name}.{func.name}" if parent and parent.is_class else func.name
            func.docstring.value = with_items(owner, func.docstring.value, names)
