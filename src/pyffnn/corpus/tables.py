"""Word -> id tables through which every token of a text goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class Table(dict[str, int]):
    """Word -> id; subclasses say what a missing word means."""

    def __init__(self, lowercase: bool) -> None:
        super().__init__()
        self.lowercase = lowercase

    def __missing__(self, word: object) -> int:
        if not isinstance(word, str):
            raise TypeError(
                f"tokens must be strings, got {type(word).__name__}: {word!r} "
                "(ids are passed as one 1-D integer array)"
            )
        return self.add(word)

    def add(self, word: str) -> int:
        raise NotImplementedError


class GrowingTable(Table):
    """Ids by first appearance after the special tokens; under ``lowercase`` spellings share one."""

    def __init__(self, specials: Sequence[str], lowercase: bool) -> None:
        super().__init__(lowercase)
        self.ids = {token: i for i, token in enumerate(specials)}
        self.update(self.ids)

    def add(self, word: str) -> int:
        key = word.lower() if self.lowercase else word
        number = self[word] = self.ids.setdefault(key, len(self.ids))
        return number


class FixedTable(Table):
    """Ids of a vocabulary; a word outside it is ``unk_id`` and is not remembered."""

    def __init__(self, ids: Mapping[str, int], unk_id: int, lowercase: bool) -> None:
        super().__init__(lowercase)
        self.update(ids)
        self.unk_id = unk_id

    def add(self, word: str) -> int:
        return self.get(word.lower(), self.unk_id) if self.lowercase else self.unk_id
