"""What a provider's prompt cache would have kept: two regimes, and none.

A prefix counts as cached only after the first call that holds it has ended, so calls that are sent together pay
together. What precedes the messages (model, tools, response schema) is part of every prefix.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, Protocol

from sessioneval.errors import InputError
from sessioneval.testing.chat_request import ChatRequest
from sessioneval.testing.tokens import CHARACTERS_PER_TOKEN, TOKENS_PER_MESSAGE

MINIMUM_TOKENS = 1024
STEP_TOKENS = 128
MAX_WRITES = 4
MAX_PREFIXES = 500_000
_DIGEST_BYTES = 16

Regime = Literal["automatic", "breakpoint", "none"]


@dataclass(frozen=True, kw_only=True)
class CacheUse:
    """What one call reads from the cache and writes to it.

    Attributes:
        cached: Tokens read.
        written: Tokens written, where writing costs extra; None where it does not.
        prefixes: What is known once the call has ended.
    """

    cached: int = 0
    written: int | None = None
    prefixes: tuple[bytes, ...] = field(default=(), repr=False)


class PromptCache(Protocol):
    """Decides what a call shares with the calls that ended before it."""

    def look_up(self, request: ChatRequest) -> CacheUse:
        """Return what the request reads and would write."""
        ...

    def remember(self, use: CacheUse) -> None:
        """Keep the prefixes of a call that has ended."""
        ...

    def clear(self) -> None:
        """Forget all prefixes."""
        ...


def prompt_cache(regime: Regime) -> PromptCache:
    """Return an empty cache of a regime.

    Raises:
        InputError: There is no such regime.
    """
    regimes: dict[str, Callable[[], PromptCache]] = {
        "automatic": AutomaticCache,
        "breakpoint": BreakpointCache,
        "none": NoCache,
    }
    if regime not in regimes:
        raise InputError(f"prompt cache {regime!r} is not known: use one of {', '.join(regimes)}")
    return regimes[regime]()


class NoCache:
    """Nothing is ever cached."""

    def look_up(self, request: ChatRequest) -> CacheUse:  # noqa: ARG002 - as the protocol wants it
        """Return no use."""
        return CacheUse()

    def remember(self, use: CacheUse) -> None:
        """Forget it."""

    def clear(self) -> None:
        """Do nothing: there is nothing."""


class AutomaticCache:
    """Shared prefixes of at least 1,024 tokens, in steps of 128 tokens; writing costs nothing.

    Source: https://platform.openai.com/docs/guides/prompt-caching
    """

    def __init__(self) -> None:
        self._known = _KnownPrefixes()

    def look_up(self, request: ChatRequest) -> CacheUse:
        """Return the longest known prefix, and every step of this request."""
        stream = _stream(request)
        step = STEP_TOKENS * CHARACTERS_PER_TOKEN
        cuts = range(step, len(stream) + 1, step)
        prefixes = tuple(_digests(request.prefix_seed, stream, cuts))
        shared = next((n for n in range(len(prefixes), 0, -1) if prefixes[n - 1] in self._known), 0) * STEP_TOKENS
        return CacheUse(cached=shared if shared >= MINIMUM_TOKENS else 0, prefixes=prefixes)

    def remember(self, use: CacheUse) -> None:
        """Keep every step of a call that has ended."""
        self._known.add(use.prefixes)

    def clear(self) -> None:
        """Forget all prefixes."""
        self._known.clear()


class BreakpointCache:
    """Prefixes are written, at a price, and read only where they end at a breakpoint.

    Marked content parts are breakpoints (the latest four, or three beside the implicit one), and so is the end of the
    newest message unless `prompt_cache_options.mode` is ``explicit``. At least 1,024 tokens.

    Source: https://developers.openai.com/api/docs/guides/prompt-caching, for gpt-5.6 and later.
    """

    def __init__(self) -> None:
        self._known = _KnownPrefixes()

    def look_up(self, request: ChatRequest) -> CacheUse:
        """Return the longest known prefix, and what the request's breakpoints write."""
        ends, written_at = _boundaries(request)
        digests = dict(zip(ends, _digests(request.prefix_seed, _stream(request), ends), strict=True))
        cached = max((end for end in ends if digests[end] in self._known), default=0)
        long_enough = [end for end in written_at if end >= MINIMUM_TOKENS * CHARACTERS_PER_TOKEN]
        written = max(0, max(long_enough, default=0) - cached)
        return CacheUse(
            cached=cached // CHARACTERS_PER_TOKEN,
            written=written // CHARACTERS_PER_TOKEN,
            prefixes=tuple(digests[end] for end in long_enough),
        )

    def remember(self, use: CacheUse) -> None:
        """Keep what a call that has ended has written."""
        self._known.add(use.prefixes)

    def clear(self) -> None:
        """Forget all prefixes."""
        self._known.clear()


class _KnownPrefixes:
    """Digests of prefixes; those not seen for longest go first."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def __contains__(self, prefix: bytes) -> bool:
        return prefix in self._seen

    def clear(self) -> None:
        self._seen.clear()

    def add(self, prefixes: tuple[bytes, ...]) -> None:
        for prefix in prefixes:
            self._seen[prefix] = None
            self._seen.move_to_end(prefix)
        while len(self._seen) > MAX_PREFIXES:
            self._seen.popitem(last=False)


def _stream(request: ChatRequest) -> str:
    """Return the messages as one text in which every 4 characters are one token of the estimate."""
    return "".join(piece for message in request.messages for piece in _framed(message.role, message.text))


def _framed(role: str, text: str) -> Iterator[str]:
    yield role.ljust(TOKENS_PER_MESSAGE * CHARACTERS_PER_TOKEN)
    yield text
    yield "\0" * (-len(text) % CHARACTERS_PER_TOKEN)


def _boundaries(request: ChatRequest) -> tuple[list[int], list[int]]:
    """Return where a prefix may end, and at which of these the request writes one, as offsets into the stream."""
    ends: set[int] = set()
    marked: list[int] = []
    at = 0
    for message in request.messages:
        text_at = at + TOKENS_PER_MESSAGE * CHARACTERS_PER_TOKEN
        marked += [_whole_tokens(text_at + offset) for offset in message.breakpoints]
        at = _whole_tokens(text_at + len(message.text))
        ends.add(at)
    writes = [*marked[-(MAX_WRITES - 1) :], at] if request.implicit_breakpoint else marked[-MAX_WRITES:]
    return sorted(ends | set(marked)), sorted(set(writes))


def _whole_tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN) * CHARACTERS_PER_TOKEN


def _digests(seed: str, stream: str, cuts: "range | list[int]") -> Iterator[bytes]:
    """Yield a digest of everything before each cut."""
    running = hashlib.sha256(seed.encode())
    for start, end in pairwise([0, *cuts]):
        running.update(stream[start:end].encode("utf-8", "surrogatepass"))
        yield running.digest()[:_DIGEST_BYTES]
