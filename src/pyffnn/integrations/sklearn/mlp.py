"""scikit-learn's `MLPClassifier` and `MLPRegressor` as this library's models: their arguments, and their weights.

The table of arguments stands in docs/how-to/scikit-learn.md; `arguments_of_mlp` is that table.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from pyffnn.integrations.sklearn.estimators import FFNNClassifier, FFNNRegressor
from pyffnn.models.fitted import twin
from pyffnn.optimizers import SGD, Adam

__all__ = ["arguments_of_mlp", "from_mlp"]

_ACTIVATIONS = {"identity": "identity", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}


def arguments_of_mlp(params: dict[str, Any], n_samples: int | None = None) -> dict[str, Any]:
    """Arguments of `FFNNClassifier` or `FFNNRegressor` that mean what those of an MLP mean, ``mlp.get_params()``.

    n_samples: of the training data, where it is known; scikit-learn divides ``alpha`` by the size of a batch, which is at most that.
    What has no counterpart is warned of where it is not at its default: ``solver="lbfgs"`` becomes Adam, ``shuffle=False`` is not
    obeyed, the rates "invscaling" and "adaptive" become constant, Nesterov's momentum becomes the plain one, and ``warm_start`` is
    `partial_fit`. Raises ValueError for an activation or solver that MLP does not have, and for a loss other than "squared_error".
    """
    solver = params.get("solver", "adam")
    if params["activation"] not in _ACTIVATIONS:
        raise ValueError(
            f"activation must be one of {sorted(_ACTIVATIONS)}, got {params['activation']!r}"
        )
    if params.get("loss", "squared_error") != "squared_error":
        raise ValueError(f"loss must be 'squared_error', got {params['loss']!r}")
    rate = float(params["learning_rate_init"])
    missing = []
    if solver == "adam":
        optimizer: Any = Adam(
            rate, (params["beta_1"], params["beta_2"]), eps=float(params["epsilon"])
        )
    elif solver == "sgd":
        optimizer = SGD(rate, momentum=float(params["momentum"]))
        if params["momentum"] > 0 and params["nesterovs_momentum"]:
            missing.append("nesterovs_momentum=True: plain momentum")
        if params["learning_rate"] != "constant":
            missing.append(f"learning_rate={params['learning_rate']!r}: a constant rate")
    elif solver == "lbfgs":
        optimizer = Adam(rate)
        missing.append("solver='lbfgs': Adam")
    else:
        raise ValueError(f"solver must be 'adam', 'sgd' or 'lbfgs', got {solver!r}")
    if solver != "lbfgs" and not params["shuffle"]:
        missing.append("shuffle=False: batches are shuffled")
    if params["warm_start"]:
        missing.append("warm_start=True: call partial_fit instead")
    if missing:
        warnings.warn(
            f"of MLP's arguments these have no counterpart: {'; '.join(missing)}", stacklevel=3
        )
    batch = params["batch_size"]
    size = 200 if batch == "auto" else int(batch)
    size = size if n_samples is None else min(size, n_samples)
    hidden = params["hidden_layer_sizes"]
    patience = params["n_iter_no_change"]
    endless = patience == np.inf
    return {
        "hidden_layer_sizes": tuple(int(n) for n in np.atleast_1d(np.asarray(hidden, np.int64))),
        "activation": _ACTIVATIONS[params["activation"]],
        "optimizer": optimizer,
        "epochs": int(params["max_iter"]),
        "batch_size": batch,
        "l2": float(params["alpha"]) / max(size, 1),
        "early_stopping": (int(params["max_iter"]) if endless else int(patience))
        if params["early_stopping"]
        else False,
        "validation_fraction": params["validation_fraction"],
        "random_state": params["random_state"],
        "verbose": int(bool(params["verbose"])),
        "tol": None if endless else float(params["tol"]),
        "n_iter_no_change": 10 if endless else int(patience),
    }


def from_mlp(fitted: Any) -> Any:
    """A fitted scikit-learn `MLPClassifier` or `MLPRegressor` as an `FFNNClassifier` or `FFNNRegressor` with its weights.

    It predicts the same up to float32, and `partial_fit` trains on from these weights, with a fresh state of the optimizer. Arguments as
    `arguments_of_mlp` has them. Raises TypeError for another object, NotFittedError for one that is not fitted.
    """
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.utils.validation import check_is_fitted

    if not isinstance(fitted, (MLPClassifier, MLPRegressor)):
        raise TypeError(
            f"fitted must be an MLPClassifier or MLPRegressor, got {type(fitted).__name__}"
        )
    check_is_fitted(fitted, "coefs_")
    n_samples = None
    if getattr(fitted, "t_", 0) and fitted.n_iter_:
        n_samples = max(1, int(fitted.t_ // fitted.n_iter_))
    arguments = arguments_of_mlp(fitted.get_params(), n_samples)
    width = int(fitted.n_features_in_)
    if isinstance(fitted, MLPClassifier):
        model: Any = FFNNClassifier(**arguments)
        classes = np.asarray(fitted.classes_)
        multilabel = fitted.out_activation_ == "logistic" and fitted.n_outputs_ > 1
        y = np.eye(len(classes), dtype=np.int64) if multilabel else classes
    else:
        model = FFNNRegressor(**arguments)
        y = np.array(
            [-1.0, 1.0]
        )  # mean 0 and deviation 1: the regressor's scale is the targets' own
        if fitted.n_outputs_ > 1:
            y = np.repeat(y[:, None], fitted.n_outputs_, axis=1)
    # One step on zeros makes the network; then it gets the weights, and a state of the optimizer as before the first step.
    names = getattr(fitted, "feature_names_in_", None)
    X: Any = np.zeros((len(y), width))
    if names is not None:
        import pandas

        X = pandas.DataFrame(X, columns=names)
    model.partial_fit(X, y)
    network = model._state().network
    for ours, theirs in zip(model.coefs_, fitted.coefs_, strict=True):
        ours[...] = theirs
    for ours, theirs in zip(model.intercepts_, fitted.intercepts_, strict=True):
        ours[...] = theirs
    for array in network.state().values():
        array[...] = 0
    network.step = 0
    state = model._state()
    history: list[Any] = [
        {
            "epoch": i + 1,
            "loss": float(loss),
            "val_loss": None,
            "val_accuracy": None,
            "seconds": None,
            "examples_per_second": None,
            "learning_rate": float(fitted.learning_rate_init),
        }
        for i, loss in enumerate(getattr(fitted, "loss_curve_", ()))
    ]
    model._keep(twin(state, history=history))
    return model
