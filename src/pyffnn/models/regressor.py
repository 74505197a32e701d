"""What the regressors share: targets of real numbers, prediction, R^2, what their model files say of targets."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyffnn.formats.model_file import ModelFile
from pyffnn.metrics import r2_score
from pyffnn.models.checks import check_same_length, check_sample_weight
from pyffnn.models.fitted import Fitted
from pyffnn.models.names import RegressionLoss
from pyffnn.models.supervised import STRUCTURE, Supervised
from pyffnn.models.values import Scale, Values, check_spread, check_values
from pyffnn.net import Examples, Network
from pyffnn.net import Targets as NetTargets
from pyffnn.training import Data, Validated

__all__ = ["Regressor", "RegressorFitted"]


@dataclass(frozen=True, eq=False)
class RegressorFitted(Fitted):
    """The state of a regressor."""

    scale: Scale

    @property
    def c_answers(self) -> dict[str, Any]:
        """What C functions are told of the outputs."""
        return {"mean": self.scale.mean.tolist(), "spread": self.scale.spread.tolist()}


F = TypeVar("F", bound=RegressorFitted)


class Regressor(Supervised[F]):
    """Base of `FFNNRegressor` and `TextRegressor`; they turn their input into examples."""

    loss: RegressionLoss

    _structure: tuple[str, ...] = (*STRUCTURE, "loss")

    # targets ------------------------------------------------------------------------------------

    def _values_to_fit(self, y: Any, weights: Any, size: int | None = None) -> Values:
        """Targets that say what there is to learn, and in what scale."""
        shares = self.loss == "logistic"
        rows, flat = check_values(y, type(self).__name__, shares=shares)
        expected = weights.size if size is None and weights is not None else size
        if expected is not None:
            check_same_length(X=expected, y=len(rows))
        if not len(rows):
            raise ValueError("y has no numbers: a regressor needs at least 2 samples")
        check_spread(rows, "y", weights)
        return Scale.of(rows, weights, flat, same=shares).to_network(rows)

    def _more_values(self, y: Any, scale: Scale, name: str) -> Values:
        rows, _ = check_values(
            y,
            type(self).__name__,
            name,
            outputs=scale.mean.size,
            shares=self.loss == "logistic",
        )
        return scale.to_network(rows)

    def _output_spec(self, targets: Values) -> dict[str, Any]:
        loss = "sigmoid" if self.loss == "logistic" else "squared"
        return {"n_outputs": targets.numbers.shape[1], "output": "classes", "loss": loss}

    def _net_targets(
        self, targets: Values, spec: Any, weight: Any = None, by_class: Any = None
    ) -> NetTargets:
        if spec["loss"] == "sigmoid":
            return NetTargets.rows(targets.numbers, weight)
        return NetTargets.values(targets.numbers, weight)

    def _weigh(self, targets: Values, sample_weight: Any) -> tuple[Any, None]:
        return sample_weight, None

    def _guess(self, spec: Any) -> float:
        outputs: int = spec["n_outputs"]
        return outputs * (math.log(2) if spec["loss"] == "sigmoid" else 0.5)

    def _validator(
        self, data: Data, order: NDArray[np.int64] | None = None
    ) -> Callable[[Network], Validated]:
        n_threads = self._threads()

        def validate(network: Network) -> Validated:
            loss, weight, _ = network.evaluate(*data, order, n_threads, accuracy=False)
            return {"val_loss": loss / weight}

        return validate

    # prediction ---------------------------------------------------------------------------------

    def _numbers(self, fitted: F, examples: Examples) -> NDArray[np.float64]:
        return fitted.scale.from_network(fitted.network.predict(examples, None, self._threads()))

    def _r2(self, fitted: F, examples: Examples, y: Any, sample_weight: ArrayLike | None) -> float:
        rows, _ = check_values(y, type(self).__name__, outputs=fitted.scale.mean.size)
        check_same_length(X=len(examples), y=len(rows))
        weight = check_sample_weight(sample_weight, len(rows))
        found = self._numbers(fitted, examples).reshape(len(rows), -1)
        return r2_score(rows, found, sample_weight=weight)

    # the model file -----------------------------------------------------------------------------

    def _file_config(self, fitted: F) -> dict[str, Any]:
        return {**super()._file_config(fitted), "flat": fitted.scale.flat}

    def _file_tensors(self, fitted: F) -> dict[str, NDArray[Any]]:
        scale = {"targets.mean": fitted.scale.mean, "targets.spread": fitted.scale.spread}
        return {**scale, **super()._file_tensors(fitted)}

    def _target_parts(self, file: ModelFile) -> dict[str, Any]:
        mean, spread = (file.tensors[f"targets.{name}"] for name in ("mean", "spread"))
        outputs = (file.config["spec"]["n_outputs"],)
        if mean.shape != outputs or spread.shape != outputs:
            raise ValueError("the scale of its targets does not fit its outputs")
        return {"scale": Scale(mean, spread, bool(file.config["flat"]))}

    # scikit-learn -------------------------------------------------------------------------------

    _estimator_type = "regressor"

    def _sklearn_tags(self, **input_tags: bool) -> Any:
        # only scikit-learn asks, so its modules are there
        utils = sys.modules["sklearn.utils"]
        return utils.Tags(
            estimator_type="regressor",
            target_tags=utils.TargetTags(required=True, multi_output=True),
            regressor_tags=utils.RegressorTags(),
            transformer_tags=utils.TransformerTags(preserves_dtype=[]),
            input_tags=utils.InputTags(**input_tags),
        )
