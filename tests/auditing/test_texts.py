"""What is seen of texts by themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyffnn.auditing.texts import broken, groups_of_copies, key, language, script

SENTENCES = {
    "English": "It was one of the best films that I have seen, and you are not to miss it.",
    "German": "Das ist nicht der beste Film, den ich mit dir auf der Leinwand gesehen habe, und wir auch.",
    "French": "C'est un film pour vous et pour nous, mais les acteurs ne sont pas dans le ton.",
    "Spanish": "Los actores son muy buenos, pero la historia es una pena para los que la ven y esta es larga.",
    "Italian": "Il film non è per tutti, ma gli attori sono bravi e la storia della guerra è anche più bella.",
    "Portuguese": "O filme não é para você, mas os atores são bons e a história foi muito longa em uma noite.",
    "Dutch": "De film is niet voor iedereen, maar het verhaal van een man en zijn hond is ook mooi.",
    "Polish": "To jest film, który nie jest dla mnie, ale się podobał i był po prostu dobry.",
    "Swedish": "Det är en film som jag inte har sett och den är för lång, men vi har tid till den.",
    "Turkish": "Bu film için çok bekledim ve bir daha izlemem, ama ne kadar da güzel bir son var.",
}


@pytest.mark.parametrize("name", SENTENCES)
def test_languages(name: str) -> None:
    assert language(SENTENCES[name]) == name
    assert script(SENTENCES[name]) == "Latin"


def test_what_is_not_clear_has_no_language() -> None:
    assert language("great plot, awful cast") is None
    assert language("the der le la of und") is None
    assert language("") is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("plain", "Latin"),
        ("Größe", "Latin"),
        ("очень good фильм", "Cyrillic"),
        ("とても良い映画", "Japanese"),
        ("很好的电影", "Han"),
        ("좋은 영화", "Hangul"),
        ("ωραία", "Greek"),
        ("فيلم جيد", "Arabic"),
        ("12 !?", None),
        ("٣ …", None),
    ],
)
def test_scripts(text: str, name: str | None) -> None:
    assert script(text) == name


@pytest.mark.parametrize("text", ["café", "naïve Größe", "“quoted” – dash", "šťastný"])
def test_misread_encodings(text: str) -> None:
    assert broken(text) is None
    for codec in ("cp1252", "latin-1"):
        try:
            wrong = text.encode().decode(codec)
        except UnicodeDecodeError:  # cp1252 has no such character
            continue
        assert str(broken(wrong)).startswith("UTF-8 read as")


def test_other_broken_encodings() -> None:
    assert broken("caf\ufffd") == "replacement characters"
    assert broken("a\x00b") == broken("é\x07") == "control characters"
    assert broken("a\tb\nc\r") is None
    assert broken("\udce9t") == "lone surrogates"
    assert broken("Ünïcode, 映画, 😀") is None


def test_keys() -> None:
    assert key("A  Fine, FILM!") == key("a fine film") == key("a\u00a0fine film")
    assert key("\uff26ine ﬁlm") == key("Fine film")
    assert key("a fine film") != key("afine film")
    assert key(" \t\n") == "" and key("!!!") != key("???")


@given(st.lists(st.text("aB !", max_size=3), max_size=12))
def test_groups_hold_all_pairs_and_no_others(texts: list[str]) -> None:
    keys = [key(text) for text in texts]
    groups = groups_of_copies(keys)
    pairs = {(i, j) for group in groups for i in group for j in group if i < j}
    n = len(texts)
    assert pairs == {
        (i, j) for j in range(n) for i in range(j) if keys[i] == keys[j] and keys[i] != ""
    }
    assert groups == sorted(groups) and all(group == sorted(set(group)) for group in groups)
