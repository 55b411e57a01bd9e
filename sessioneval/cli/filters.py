"""The filters that all reading commands share, as one `Selection`."""

import functools
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import click

from sessioneval.cli.parameters import MOMENT, PAIR
from sessioneval.errors import InputError
from sessioneval.sessions.selection import Selection

_OPTIONS = (
    click.option(
        "--since",
        type=MOMENT,
        metavar="TIME",
        help="Sessions that started at or after this ISO 8601 time (UTC), or 7d for 7 days ago.",
    ),
    click.option("--until", type=MOMENT, metavar="TIME", help="Sessions that started before this time."),
    click.option("--session", "session_ids", multiple=True, metavar="ID", help="Session id; may be repeated."),
    click.option("--user", "user_ids", multiple=True, metavar="ID", help="User id; may be repeated."),
    click.option("--source", "sources", multiple=True, metavar="NAME", help="session.source; may be repeated."),
    click.option("--agent-version", "agent_versions", multiple=True, metavar="VERSION", help="May be repeated."),
    click.option(
        "--where",
        multiple=True,
        type=PAIR,
        metavar="COLUMN=VALUE",
        help="A session column or metadata.KEY; may be repeated, all must hold.",
    ),
)


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the filters to a command; it gets them as `selection`, None where none is given."""

    @functools.wraps(command)
    def with_selection(
        *args: Any, since: datetime | None, until: datetime | None, where: Iterable[tuple[str, str]], **rest: Any
    ) -> Any:
        listed = {name: frozenset(rest.pop(name)) for name in ("session_ids", "user_ids", "sources", "agent_versions")}
        given: dict[str, Any] = {"since": since, "until": until, "where": _distinct(where), **listed}
        selection = Selection(**given) if any(given.values()) else None
        return command(*args, selection=selection, **rest)

    for option in reversed(_OPTIONS):
        with_selection = option(with_selection)
    return with_selection


def _distinct(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for column, value in pairs:
        if found.get(column, value) != value:
            raise InputError(
                f"--where gives {column!r} twice, {found[column]!r} and {value!r}; all must hold, keep one"
            )
        found[column] = value
    return found
