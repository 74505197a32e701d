"""What is said to one who gives a text where the name of a file is wanted."""

import pytest

from pyffnn import LanguageModel, TextClassifier


@pytest.mark.parametrize("model", [TextClassifier(), LanguageModel()], ids=["texts", "tokens"])
@pytest.mark.parametrize("text", ["the cat sat.", "the cat sat on the mat " * 200])
def test_a_text_in_place_of_a_file(model, text):
    with pytest.raises(OSError, match="texts go in as a list") as error:
        model.fit(text)
    assert error.value.filename.startswith("the cat") and len(str(error.value)) < 200


def test_the_name_of_a_file_that_is_not_there(tmp_path):
    missing = str(tmp_path / "my texts.csv")
    with pytest.raises(FileNotFoundError) as error:
        TextClassifier().fit(missing)
    assert error.value.filename == missing and "as a list" not in str(error.value)
