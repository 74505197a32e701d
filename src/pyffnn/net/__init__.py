"""Networks and the data that they train on: the one door to the compiled engine."""

from pyffnn._pyffnn import Examples, Targets
from pyffnn.net.network import Network, Order, Runs, TrainResult, arrays_of, copy_arrays, set_arrays

__all__ = [
    "Examples",
    "Network",
    "Order",
    "Runs",
    "Targets",
    "TrainResult",
    "arrays_of",
    "copy_arrays",
    "set_arrays",
]
