"""How the attributes of a span become messages, worked out once for all spans that have the same keys.

The model calls of an app repeat a few sets of keys: those of a history of three messages, of five, and so on. Going
through keys one by one costs five times what following a plan costs.
"""

import sys
from collections import defaultdict
from typing import NamedTuple

from sessioneval.semconv.flattened_keys import (
    COLUMNS,
    FUNCTION_ARGUMENTS,
    FUNCTION_NAME,
    LONGEST_CACHED_KEY,
    Path,
    path_of,
)

_MAX_KEYS_OF_A_PLAN = 2_000
# Bounds the memory of the plans to about 10 MB.
_MAX_KEYS_OF_ALL_PLANS = 50_000
_MAX_SEEN = 10_000


Leaves = tuple[tuple[str, int], ...]
"""Keys of a message, each with the place of its value among a span's attributes."""


class InnerLeaves(NamedTuple):
    """The leaves of a message's parts and tool calls.

    Attributes:
        message: Position of the message in its list.
        leaves: Inner list, index in it, key, and place of the value.
    """

    message: int
    leaves: tuple[tuple[str, int, str, int], ...]


class ListPlan(NamedTuple):
    """From which places the messages of one column are made.

    Attributes:
        column: Its name.
        messages: Leaves of each message, in order.
        inner: Of the messages that have parts or tool calls.
        is_finished: Whether the messages are what the column holds once their leaves are together.
    """

    column: str
    messages: tuple[Leaves, ...]
    inner: tuple[InnerLeaves, ...]
    is_finished: bool


class KeyPlan(NamedTuple):
    """How attributes with certain keys are read, if the values of all messages are texts.

    Attributes:
        lists: The messages of each column.
        texts: Places whose values must be texts.
        rest: The other attributes and their places.
    """

    lists: tuple[ListPlan, ...]
    texts: tuple[int, ...]
    rest: Leaves


class KeyPlans:
    """Plans by keys. A plan is made when its keys come a second time, since many sets of keys never do."""

    def __init__(self) -> None:
        self._plans: dict[tuple[str, ...], KeyPlan] = {}
        self._seen: set[int] = set()
        self._n_keys = 0

    def of(self, keys: tuple[str, ...]) -> KeyPlan | None:
        """Return the plan for attributes with `keys` in this order; None if there is none (yet)."""
        plan = self._plans.get(keys)
        if plan is None and self._is_known(keys) and _is_plannable(keys):
            plan = _plan(keys)
            self._keep(tuple(map(sys.intern, keys)), plan)
        return plan

    def _is_known(self, keys: tuple[str, ...]) -> bool:
        digest = hash(keys)
        if digest in self._seen:
            return True
        if len(self._seen) >= _MAX_SEEN:
            self._seen = set()
        self._seen.add(digest)
        return False

    def _keep(self, keys: tuple[str, ...], plan: KeyPlan) -> None:
        if self._n_keys + len(keys) > _MAX_KEYS_OF_ALL_PLANS:
            self._plans, self._n_keys = {}, 0
        self._plans[keys] = plan
        self._n_keys += len(keys)


def _is_plannable(keys: tuple[str, ...]) -> bool:
    """Return whether no list stands nested under its bare prefix, and the keys are few and short enough to be kept."""
    if len(keys) > _MAX_KEYS_OF_A_PLAN or not COLUMNS.keys().isdisjoint(keys):
        return False
    return all(type(key) is str and len(key) <= LONGEST_CACHED_KEY for key in keys)


def _plan(keys: tuple[str, ...]) -> KeyPlan:
    tree: dict[str, dict[int, list[tuple[Path, int]]]] = defaultdict(lambda: defaultdict(list))
    rest: list[tuple[str, int]] = []
    texts: list[int] = []
    for place, key in enumerate(keys):
        path = path_of(key)
        if path is None:
            rest.append((sys.intern(key), place))
        else:
            texts.append(place)
            tree[COLUMNS[path.prefix]][path.position].append((path, place))
    lists = [_list_plan(column, [items[n] for n in sorted(items)]) for column, items in tree.items()]
    return KeyPlan(lists=tuple(lists), texts=tuple(texts), rest=tuple(rest))


def _list_plan(column: str, messages: list[list[tuple[Path, int]]]) -> ListPlan:
    plain = [tuple((path.leaf, place) for path, place in message if path.group is None) for message in messages]
    inner = [
        InnerLeaves(number, tuple((path.group, path.item, path.leaf, place) for path, place in message if path.group))
        for number, message in enumerate(messages)
    ]
    kept = tuple(each for each in inner if each.leaves)
    leaves = {leaf for message in plain for leaf, _ in message}
    is_finished = not kept and leaves.isdisjoint((FUNCTION_NAME, FUNCTION_ARGUMENTS))
    return ListPlan(column, tuple(plain), kept, is_finished)


plan_of = KeyPlans().of
"""The plans of this process."""
