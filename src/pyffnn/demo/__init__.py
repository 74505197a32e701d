"""The demonstration: both kinds of model trained on real text that the package index serves.

``texts`` finds or fetches the texts, ``tweets`` and ``bible`` are its two halves, ``report`` is how
they speak.
"""

from __future__ import annotations

__all__: list[str] = []
