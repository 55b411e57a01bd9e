"""What a dialect is: a convention by which some instrumentation writes conversations on spans."""

from collections.abc import Callable
from typing import Any, NamedTuple

from sessioneval.model.raw_span import RawSpan


class Dialect(NamedTuple):
    """One convention of writing conversations on spans.

    Attributes:
        name: How the convention is called.
        recognises: Whether a span is written in it, decided by a few attribute keys or the scope.
        columns: The columns it fills, by name; values have the type of the column. A dialect that holds
            attributes exactly in its columns gives the others under `ATTRIBUTES`.
    """

    name: str
    recognises: Callable[[RawSpan], bool]
    columns: Callable[[RawSpan], dict[str, Any]]
