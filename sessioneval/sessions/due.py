"""When a session is due for judging: sampled, settled, complete."""

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sessioneval.errors import InputError
from sessioneval.model.session import Session
from sessioneval.model.transcript import Transcript

SkipReason = Literal[
    "not_sampled", "not_idle", "not_complete", "no_messages", "unreadable_spans", "too_lossy", "over_budget"
]
OVER_BUDGET = "over_budget"


@dataclass(frozen=True, kw_only=True)
class DueRule:
    """The gates that a session passes before it is judged.

    Attributes:
        sample: Share of sessions to judge, 0 to 1; decided by a hash of the session id, so the same
            sessions are chosen in every run, process and version.
        idle: A session is settled when its last span ended this long ago; 0 judges at once. A
            session that carries the completion marker is settled without waiting.
        completed_only: Judge only sessions that carry the completion marker.
        max_loss: Judge only sessions of which at most this share of what was said is known to be missing
            (`Transcript.loss_share`), 0 to 1.

    Raises:
        InputError: A value is out of range.
    """

    sample: float = 1.0
    idle: timedelta = timedelta(0)
    completed_only: bool = False
    max_loss: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.sample <= 1 or math.isnan(self.sample):
            raise InputError(f"sample {self.sample!r} is not a share; use a number from 0.0 (none) to 1.0 (all)")
        if not 0 <= self.max_loss <= 1:
            raise InputError(f"max_loss {self.max_loss!r} is not a share; use a number from 0.0 (nothing lost) to 1.0")
        if self.idle < timedelta(0):
            raise InputError(f"idle {self.idle!s} is negative; use a duration such as 10m, or 0s to judge at once")

    def reason_to_skip(self, session: Session, now: datetime) -> SkipReason | None:
        """Return why the session is not due at `now`, or None if it is."""
        if sampling_point(session.session_id) >= self.sample:
            return "not_sampled"
        if self.completed_only and not session.is_complete:
            return "not_complete"
        if self.idle and not session.is_complete and now - session.end_time < self.idle:
            return "not_idle"
        return None

    def reason_to_skip_read(self, transcript: Transcript) -> SkipReason | None:
        """Return why a session cannot be judged by its transcript, or None if it can.

        A session without recorded messages is not an empty talk, and one of which spans are damaged or were
        deleted since the listing would be judged by half of it.
        """
        if transcript.loss.spans_seen < transcript.session.n_spans:
            return "unreadable_spans"
        if all(message.role == "system" for message in transcript.messages):
            return "no_messages"
        return "too_lossy" if transcript.loss_share > self.max_loss else None


def sampling_point(session_id: str) -> float:
    """Return the session's fixed place in [0, 1): it is judged at every rate above it.

    The first 53 bits of SHA-256 of the id (UTF-8), so rates nest: what 5 % chooses, 10 % chooses too.

    Example:
        >>> sampling_point("chat-42")
        0.10495162459645146
    """
    digest = hashlib.sha256(session_id.encode("utf-8", "surrogatepass")).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / (1 << 53)
