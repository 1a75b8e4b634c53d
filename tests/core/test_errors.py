"""The tree of errors, and what the command line ends with for each."""

import re

import pytest

from onlooker.core import errors
from onlooker.core.errors import (
    ConfigError,
    DatasetError,
    InputError,
    ModelError,
    ModelUnreadable,
    ObjectMissing,
    OnlookerError,
    PictureError,
    StorageError,
    StorageFull,
)

KINDS = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (OnlookerError, 1),
        (InputError, 2),
        (PictureError, 2),
        (DatasetError, 2),
        (ConfigError, 2),
        (StorageError, 2),
        (ObjectMissing, 2),
        (StorageFull, 2),
        (ModelError, 3),
        (ModelUnreadable, 3),
    ],
)
def test_each_error_has_its_exit_code(kind: type[OnlookerError], code: int) -> None:
    assert kind("a sentence").exit_code == code


def test_whoever_catches_the_base_catches_all() -> None:
    assert KINDS
    assert all(issubclass(kind, OnlookerError) for kind in KINDS)


def test_the_tree_that_is_drawn_is_the_tree_that_is() -> None:
    assert errors.__doc__ is not None
    drawn = re.findall(r"^[ |]*(?:\+-- )?(\w+)  ", errors.__doc__, re.MULTILINE)
    assert sorted(drawn) == sorted(kind.__name__ for kind in KINDS)


def test_a_picture_or_data_error_is_the_users_input_and_a_model_error_is_not() -> None:
    assert issubclass(PictureError, InputError)
    assert issubclass(DatasetError, InputError)
    assert not issubclass(ModelError, InputError)
