"""Data that several models are tested on."""

from __future__ import annotations

import random

import pytest

FED = ["cat", "horse", "cow"]
PEOPLE = ["teacher", "doctor", "nurse", "farmer", "driver", "singer", "baker", "painter"]
PEOPLE += ["writer", "lawyer", "pilot", "tailor", "waiter", "judge", "clerk"]
THINGS = ["car", "house", "roof", "door", "fence", "bridge", "road", "table", "chair"]
THINGS += ["window", "gate", "boat", "bike", "truck", "wall"]
ANIMAL_DOES = ["sleeps in the barn", "eats grass", "drinks water", "runs in the field"]
PERSON_GETS = ["paid", "hired", "promoted", "tired", "invited"]
THING_GETS = ["fixed", "washed", "sold", "painted", "moved"]


@pytest.fixture(scope="session")
def fed_sentences() -> list[list[str]]:
    """Sentences in which cats, horses and cows get fed; dogs live as they do but get nothing.

    Many other words get something else, so "gets" alone says little of "fed": a model must know
    that dogs are like cats to expect "fed" after "the dog gets".
    """
    animals = [f"the {animal} {does} ." for animal in [*FED, "dog"] for does in ANIMAL_DOES] * 16
    fed = [f"the {animal} gets fed ." for animal in FED] * 10
    people = [f"the {person} gets {done} ." for person in PEOPLE for done in PERSON_GETS] * 6
    people += [f"the {person} works in town ." for person in PEOPLE] * 4
    things = [f"the {thing} gets {done} ." for thing in THINGS for done in THING_GETS] * 6
    things += [f"the {thing} is new ." for thing in THINGS] * 4
    sentences = animals + fed + people + things
    random.Random(0).shuffle(sentences)
    return [sentence.split() for sentence in sentences]
