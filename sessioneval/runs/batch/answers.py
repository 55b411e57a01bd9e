"""What came back of batches: for each call its answer, a refusal, or nothing yet."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import blake2b

from sessioneval.errors import JudgeUnavailable
from sessioneval.evaluators.dialect import Dialect
from sessioneval.evaluators.judge_answer import Completion
from sessioneval.evaluators.refusal import Refusal
from sessioneval.runs.batch.ledger import Batch, Ledger
from sessioneval.runs.batch.result_line import read_line

# A call that is in this many batches without an answer is given up, or a broken one would be sent for ever.
MAX_TRIES = 3
_OFFSET_BITS = 44


@dataclass(frozen=True, kw_only=True)
class Refused:
    """The answer of a provider that does not take a call.

    Attributes:
        refusal: What it said.
        dialect: How it was asked.
    """

    refusal: Refusal
    dialect: Dialect


@dataclass(frozen=True, kw_only=True)
class Unanswered:
    """A call that a batch brought no answer for, so that it may be asked again.

    Attributes:
        n_tries: In how many batches.
        batch: The last of them.
        said: What the provider said about it; empty if nothing.
    """

    n_tries: int
    batch: Batch
    said: str

    @property
    def why(self) -> str:
        """What happened, in the provider's words."""
        outcome = f"the last one ended as {self.batch.outcome!r}"
        return f"{outcome}, the call with {self.said!r}" if self.said else outcome


class Answers:
    """The answers of collected batches. In memory is where they stand, about 200 bytes a call, and no answer."""

    def __init__(self, ledger: Ledger) -> None:
        """Read the ledger as it is now; later changes are told by `wait_for` and `add`."""
        self._ledger = ledger
        self._names: list[str] = []
        self._numbers: dict[str, int] = {}
        # Digest of a key to -(n + 1) while batch n has not ended, or to n and the offset of its line there.
        self._places: dict[bytes, int] = {}
        self._unanswered: dict[bytes, Unanswered] = {}
        self._asked: set[bytes] = set()
        for batch in ledger.batches():
            if batch.step == "collected":
                self.add(batch)
            else:
                self.wait_for(ledger.keys(batch), batch.name)

    def wait_for(self, keys: Iterable[str], batch_name: str) -> None:
        """Note that calls are part of a batch that has not ended."""
        place = -(self._number(batch_name) + 1)
        for key in keys:
            self._places[_digest(key)] = place

    def add(self, batch: Batch) -> None:
        """Read what came back of a batch that was collected."""
        number = self._number(batch.name)
        nothing = Unanswered(n_tries=int(batch.is_tried), batch=batch, said="")
        missing = dict.fromkeys(map(_digest, self._ledger.keys(batch)), nothing)
        self._drop(missing, number)
        for offset, text in self._ledger.results(batch):
            line = read_line(text)
            digest = b"" if line is None else _digest(line.key)
            if line is None or digest not in missing:
                continue
            if line.is_final:
                self._places[digest] = number << _OFFSET_BITS | offset
                del missing[digest]
            else:
                missing[digest] = replace(nothing, said=line.said)
        for digest, unanswered in missing.items():
            self._miss(digest, unanswered)

    def drop(self, batch: Batch) -> None:
        """Note that a batch was forgotten before it was submitted."""
        self._drop(map(_digest, self._ledger.keys(batch)), self._number(batch.name))

    def batch_of(self, key: str) -> str | None:
        """Return the name of the batch that a call waits for; None if it waits for none."""
        place = self._places.get(_digest(key), 0)
        return self._names[-place - 1] if place < 0 else None

    def of(self, key: str) -> Completion | Refused | None:
        """Return what came back for a call; None when it has to be asked (again).

        Raises:
            JudgeUnavailable: It was in too many batches without an answer.
        """
        digest = _digest(key)
        self._asked.add(digest)
        place = self._places.get(digest, -1)
        if place >= 0:
            return self._at(place)
        unanswered = self._unanswered.get(digest)
        if unanswered is not None and unanswered.n_tries >= MAX_TRIES:
            raise JudgeUnavailable(f"no answer in {unanswered.n_tries} batches; {unanswered.why}")
        return None

    def all_asked(self, batch: Batch) -> bool:
        """Say whether this run has asked for every call of a batch."""
        return all(_digest(key) in self._asked for key in self._ledger.keys(batch))

    def _at(self, place: int) -> Completion | Refused | None:
        name = self._names[place >> _OFFSET_BITS]
        batch = self._ledger.batch(name)
        line = read_line(self._ledger.line(name, place & ((1 << _OFFSET_BITS) - 1)))
        if line is None or batch is None:
            return None
        return line.completion if line.is_answer else Refused(refusal=line.refusal, dialect=batch.dialect)

    def _miss(self, digest: bytes, now: Unanswered) -> None:
        before = self._unanswered.get(digest)
        self._unanswered[digest] = replace(now, n_tries=now.n_tries + before.n_tries) if before else now

    def _drop(self, digests: Iterable[bytes], number: int) -> None:
        for digest in digests:
            if self._places.get(digest) == -(number + 1):
                del self._places[digest]

    def _number(self, batch_name: str) -> int:
        if batch_name not in self._numbers:
            self._numbers[batch_name] = len(self._names)
            self._names.append(batch_name)
        return self._numbers[batch_name]


def _digest(key: str) -> bytes:
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()
