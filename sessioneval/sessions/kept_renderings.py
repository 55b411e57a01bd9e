"""Renderings that live as long as their transcripts, so that all judges of a session share one."""

import weakref
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from sessioneval.model.transcript import Transcript

Rendering = TypeVar("Rendering")


class KeptRenderings(Generic[Rendering]):
    """What was made of each transcript object, by key; forgotten with the object."""

    def __init__(self) -> None:
        # By identity: transcripts hold dicts, so they have no hash.
        self._kept: dict[int, dict[Hashable, Rendering]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, transcript: Transcript, key: Hashable, make: Callable[[], Rendering]) -> Rendering:
        """Return what `make` returned for this very object and key; it is called at most once while both live."""
        kept = self._kept.get(id(transcript))
        if kept is None:
            kept = self._kept[id(transcript)] = {}
            weakref.finalize(transcript, self._kept.pop, id(transcript), None).atexit = False
        if key not in kept:
            kept[key] = make()
        return kept[key]
