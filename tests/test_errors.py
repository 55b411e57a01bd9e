"""Errors say what to do, and survive the trip out of a worker process."""

import inspect
import pickle

import pytest

from sessioneval import errors
from sessioneval.errors import InputError, SessionEvalError, UnknownName

CLASSES = [item for _, item in inspect.getmembers(errors, inspect.isclass) if issubclass(item, Exception)]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_pickles_with_its_message(kind):
    """Process pools and Ray carry errors as pickles; a keyword argument would break them."""
    copy = pickle.loads(pickle.dumps(kind("what, 'value', allowed, do")))
    assert type(copy) is kind
    assert str(copy) == "what, 'value', allowed, do"


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_is_drawn_in_the_tree_and_caught_by_its_base(kind):
    """One `except SessionEvalError` must catch all, and the tree on top must not lie."""
    assert issubclass(kind, SessionEvalError)
    drawn = [line for line in errors.__doc__.splitlines() if f" {kind.__name__} " in f" {line} "]
    assert len(drawn) == 1
    depth = len(kind.__mro__) - len(SessionEvalError.__mro__)
    assert len(drawn[0]) - len(drawn[0].lstrip("│├└─ ")) == 4 * depth


def test_unknown_name_lists_at_most_twenty():
    """A store may hold a million session ids."""
    error = UnknownName.among("session", "s9999", [f"s{n}" for n in range(5_000)])
    assert isinstance(error, InputError)
    assert str(error).endswith("and 4980 more")
    assert len(str(error)) < 300


def test_unknown_name_among_none():
    """An empty store has no session to suggest."""
    assert str(UnknownName.among("session", "x", [])) == "unknown session 'x'. Known: none"
