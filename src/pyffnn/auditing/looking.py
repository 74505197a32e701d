"""What is odd about texts and their labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import numpy as np

from pyffnn.auditing import texts as look
from pyffnn.auditing.examples import Labelled, read_examples
from pyffnn.auditing.label_errors import confident_errors, unseen_probabilities
from pyffnn.auditing.report import Audit, LabelError, Leak
from pyffnn.models.arguments import check_flag, check_integer
from pyffnn.text.labelled import PREFIX

__all__ = ["audit"]

_JUDGED = 10  # the least number of texts whose labels are judged
_KNOWN = 5  # the least number of texts of a class that is judged
_SEVERAL = 0.1  # at most this share of texts may have several labels


def audit(
    X: Any,
    y: Any = None,
    *,
    X_test: Any = None,
    y_test: Any = None,
    label_errors: bool = True,
    rare: int = 10,
    multilabel: bool = False,
    label_prefix: str = PREFIX,
    random_state: int = 0,
    n_threads: int | None = None,
    note: Callable[[str], None] | None = None,
) -> Audit:
    """Look at texts and their labels for what hurts a model, or its evaluation.

    That is: copies of a text (the same but for case, white space and punctuation), copies with
    different labels, likely label errors (confident learning with `TextClassifier` by 5-fold
    cross-validation), classes of few texts, texts without label, empty and very long texts, scripts,
    languages and broken encodings other than most texts have, and texts of training that are in the
    test set, too.

    Parameters
    ----------
    X, y
        Texts, and the label of each, or the labels; or the path of a file in a form that
        `TextClassifier` takes, without ``y``. Missing texts and labels (None, NaN) are findings.
        Without any labels the texts alone are looked at.
    X_test, y_test
        The test set, in the same forms.
    label_errors
        Whether to look for label errors, the one part that trains models.
    rare
        Classes of fewer texts are rare.
    multilabel
        Whether commas part labels in the cells of a file.
    label_prefix
        What labels begin with in files of fastText's form.
    random_state
        The seed of the cross-validation, an integer of at least 0.
    n_threads
        Threads; None: those of `pyffnn.set_num_threads`. The report does not depend on it.
    note
        Called with what a user should know of a file: that its first line is taken for a header.

    Returns
    -------
    Audit
        ``print`` shows tables, a notebook a page.

    Raises TypeError and ValueError, naming the argument, for what are no texts or no labels, and
    where there are no texts at all.
    """
    check_flag("label_errors", label_errors)
    check_flag("multilabel", multilabel)
    check_integer("rare", rare, 0)
    check_integer("random_state", random_state, 0)
    if n_threads is not None:
        check_integer("n_threads", n_threads, 1)
    if X_test is None and y_test is not None:
        raise ValueError("X_test must be given with y_test, got None")
    settings: Any = {"label_prefix": label_prefix, "multilabel": multilabel, "note": note}
    train = read_examples(X, y, **settings)
    if not train.texts:
        raise ValueError("X has no texts: audit needs a minimum of 1 text")
    test = None if X_test is None else read_examples(X_test, y_test, "_test", **settings)
    keys = [look.key(text) for text in train.texts]
    groups = look.groups_of_copies(keys)
    words = look.word_counts(train.texts)
    limit = look.long_limit(words)
    script, scripts = _others(map(look.script, train.texts))
    language, languages = _others(map(look.language, train.texts))
    found = Audit(
        texts=train.texts,
        labels=train.labels,
        lines=train.lines,
        classes=_counts(train),
        n_test=0 if test is None else len(test.texts),
        test_lines=None if test is None else test.lines,
        duplicates=groups,
        conflicts=_conflicts(groups, train.labels),
        rare_classes=[(c, n) for c, n in _counts(train).items() if n < rare],
        unlabelled=_where(not labels for labels in train.labels or ()),
        empty=_where(not name for name in keys),
        long=sorted(_where(words > limit), key=lambda i: -int(words[i])),
        long_limit=limit,
        script=script,
        scripts=scripts,
        language=language,
        languages=languages,
        encodings=_by_kind(map(look.broken, train.texts)),
    )
    if test is not None:
        _look_at_test(found, train, keys, test)
    if label_errors and train.labels is not None:
        _look_at_labels(found, train, keys, random_state, n_threads)
    return found


def _where(truths: Iterable[Any]) -> list[int]:
    return [i for i, truth in enumerate(truths) if truth]


def _counts(examples: Labelled) -> dict[Any, int]:
    counts = Counter(label for labels in examples.labels or () for label in labels)
    return {label: counts[label] for label in examples.classes}


def _conflicts(
    groups: list[list[int]], labels: Sequence[tuple[Any, ...]] | None
) -> list[list[int]]:
    """Groups of copies that do not all have the same labels; no labels contradict nothing."""
    if labels is None:
        return []
    return [g for g in groups if len({labels[i] for i in g if labels[i]}) > 1]


def _by_kind(kinds: Iterable[str | None]) -> dict[str, list[int]]:
    """Numbers of texts of each kind, the most frequent first."""
    found: dict[str, list[int]] = {}
    for i, kind in enumerate(kinds):
        if kind is not None:
            found.setdefault(kind, []).append(i)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def _others(kinds: Iterable[str | None]) -> tuple[str | None, dict[str, list[int]]]:
    """The most frequent kind, and the texts of each other one."""
    found = _by_kind(kinds)
    most = next(iter(found), None)
    return most, {kind: at for kind, at in found.items() if kind != most}


def _look_at_test(found: Audit, train: Labelled, keys: list[str], test: Labelled) -> None:
    at: dict[Hashable, list[int]] = {}
    for i, name in enumerate(keys):
        if name:
            at.setdefault(name, []).append(i)
    for i, text in enumerate(test.texts):
        same = at.get(look.key(text), [])
        if not same:
            continue
        agree = None
        if train.labels is not None and test.labels is not None and test.labels[i]:
            agree = all(train.labels[j] in ((), test.labels[i]) for j in same)
        found.leaks.append(Leak(i, same, agree))
    if train.labels is not None:
        found.unseen_classes += [c for c in test.classes if c not in set(train.classes)]


def _look_at_labels(
    found: Audit, train: Labelled, keys: list[str], seed: int, n_threads: int | None
) -> None:
    assert train.labels is not None
    several = sum(len(labels) > 1 for labels in train.labels)
    if several > _SEVERAL * len(train.texts):
        found.notes.append("label errors were not looked for: they are where texts have one label")
        return
    one = [i for i, labels in enumerate(train.labels) if len(labels) == 1 and keys[i]]
    different = Counter({(keys[i], train.labels[i][0]) for i in one})
    known = Counter(label for _, label in different)
    judged = [i for i in one if known[train.labels[i][0]] >= _KNOWN]
    names = sorted({train.labels[i][0] for i in judged})
    if len(names) < 2 or len(judged) < _JUDGED:
        found.notes.append(
            f"label errors were not looked for: that takes two classes of at least {_KNOWN} texts"
        )
        return
    number = {name: i for i, name in enumerate(names)}
    codes = np.array([number[train.labels[i][0]] for i in judged])
    group: dict[str, int] = {}
    groups = np.array([group.setdefault(keys[i], len(group)) for i in judged])
    texts = [train.texts[i] for i in judged]
    p = unseen_probabilities(texts, codes, groups, seed, n_threads=n_threads)
    errors = confident_errors(p, codes)
    found.ranking = np.array(judged)[errors.order]
    for i in errors.order.tolist():
        if errors.likely[i]:
            other = int(errors.suggested[i])
            found.label_errors.append(
                LabelError(
                    judged[i],
                    names[codes[i]],
                    names[other],
                    float(p[i, codes[i]]),
                    float(p[i, other]),
                )
            )
