import pickle

import numpy as np
import pytest

from baselines.base import DecodeError, UnavailableError, check_image, check_method
from baselines.raw import Raw


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        ([[[1, 2, 3]]], TypeError, "got list"),
        (np.zeros((4, 4, 3)), TypeError, "got dtype float64"),
        (np.zeros((4, 4, 3), np.uint16), TypeError, "got dtype uint16"),
        (np.zeros((4, 4), np.uint8), ValueError, r"got \(4, 4\)"),
        (np.zeros((4, 4, 4), np.uint8), ValueError, r"got \(4, 4, 4\)"),
        (np.zeros((3, 4, 4), np.uint8), ValueError, r"got \(3, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), ValueError, r"got \(0, 4, 3\)"),
    ],
)
def test_what_is_no_image_is_refused(image: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        check_image(image)


def test_an_image_is_accepted() -> None:
    check_image(np.zeros((1, 2, 3), np.uint8))


@pytest.mark.parametrize("error", [DecodeError("PNG", "cut off"), UnavailableError("FLIF", "gone")])
def test_errors_survive_the_way_between_processes(error: DecodeError | UnavailableError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.method, copy.reason) == (type(error), error.method, error.reason)
    assert error.reason in str(copy)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("name", ""), ("key", "JPEG XL"), ("key", "a/b"), ("suffix", "png"), ("suffix", ".a/b")],
)
def test_unusable_names_are_refused(attribute: str, value: str) -> None:
    method = Raw()
    setattr(method, attribute, value)
    with pytest.raises(ValueError, match=rf"Raw\.{attribute}: expected .*got {value!r}"):
        check_method(method)
