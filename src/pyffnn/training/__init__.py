"""How models train: one loop, one history, one checkpoint, one kind of progress for all of them."""

from pyffnn.training.batches import Batches, Shuffled, Windows, epoch_order
from pyffnn.training.checkpoint import (
    BEST,
    Checkpoints,
    Saved,
    Saving,
    checkpoint_kind,
    fingerprint,
    open_saved,
)
from pyffnn.training.errors import DivergedError, Interrupted
from pyffnn.training.groups import check_groups, group_parts
from pyffnn.training.loop import Data, Plan, Run
from pyffnn.training.progress import Progress
from pyffnn.training.records import (
    Callback,
    Callbacks,
    History,
    Record,
    State,
    Validated,
    as_callbacks,
    call_all,
)
from pyffnn.training.seeds import seed_of
from pyffnn.training.validation import Score, by_accuracy, by_loss, perplexity, split

__all__ = [
    "BEST",
    "Batches",
    "Callback",
    "Callbacks",
    "Checkpoints",
    "Data",
    "DivergedError",
    "History",
    "Interrupted",
    "Plan",
    "Progress",
    "Record",
    "Run",
    "Saved",
    "Saving",
    "Score",
    "Shuffled",
    "State",
    "Validated",
    "Windows",
    "as_callbacks",
    "by_accuracy",
    "by_loss",
    "call_all",
    "check_groups",
    "checkpoint_kind",
    "epoch_order",
    "fingerprint",
    "group_parts",
    "open_saved",
    "perplexity",
    "seed_of",
    "split",
]
