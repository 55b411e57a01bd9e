"""Which sessions a command is about: filters that every command and frame shares."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sessioneval.errors import InputError, UnknownName
from sessioneval.model.session import Session

_METADATA = "metadata."
_FIELDS = ("session_id", "user_id", "source", "agent_version", "is_complete", "tags", "anchor_span_id")


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Sessions that pass every filter that is set; an empty filter passes all.

    Attributes:
        since: Started at or after this moment.
        until: Started before this moment.
        session_ids, user_ids, sources, agent_versions: The session's value is one of these.
        where: Field to wanted text; fields are those of `Session`, or ``metadata.KEY``.

    Raises:
        InputError: A moment has no time zone, or `since` is not before `until`.
        UnknownName: A field of `where` does not exist.
    """

    since: datetime | None = None
    until: datetime | None = None
    session_ids: frozenset[str] = frozenset()
    user_ids: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    agent_versions: frozenset[str] = frozenset()
    where: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, moment in (("since", self.since), ("until", self.until)):
            if moment is not None and moment.tzinfo is None:
                raise InputError(f"{name} {moment.isoformat()!r} has no time zone; use UTC, as in datetime.now(UTC)")
        if self.since and self.until and self.since >= self.until:
            raise InputError(f"since {self.since.isoformat()!r} is not before until {self.until.isoformat()!r}")
        for name in self.where:
            if not name.startswith(_METADATA) and name not in _FIELDS:
                raise UnknownName.among("column", name, [*_FIELDS, "metadata.KEY"])

    def admits(self, session: Session) -> bool:
        """Return whether the session passes all filters."""
        return (
            (self.since is None or session.start_time >= self.since)
            and (self.until is None or session.start_time < self.until)
            and (not self.session_ids or session.session_id in self.session_ids)
            and (not self.user_ids or session.user_id in self.user_ids)
            and (not self.sources or session.source in self.sources)
            and (not self.agent_versions or session.agent_version in self.agent_versions)
            and all(_matches(session, name, wanted) for name, wanted in self.where.items())
        )


def _matches(session: Session, name: str, wanted: str) -> bool:
    value = _value(session, name)
    if isinstance(value, tuple):
        return wanted in value
    return value is not None and _text(value) == wanted


def _value(session: Session, name: str) -> Any:
    if name.startswith(_METADATA):
        return session.metadata.get(name.removeprefix(_METADATA))
    return getattr(session, name)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
