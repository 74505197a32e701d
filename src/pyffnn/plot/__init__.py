"""Pictures of networks, training and computation graphs (extra "plot": matplotlib, graphviz).

Each function gives a matplotlib `Figure`, and writes it where `path` is given; the ending says the format (.svg, .png, .pdf).
No window is opened and no global state of pyplot is touched.
"""

from .confusion import confusion_matrix
from .curves import learning_curve
from .embeddings import embedding_map
from .graphs import computation_graph
from .predictions import reliability, shares
from .spaces import decision_boundary, hidden_space

__all__ = [
    "computation_graph",
    "confusion_matrix",
    "decision_boundary",
    "embedding_map",
    "hidden_space",
    "learning_curve",
    "reliability",
    "shares",
]
