"""Where a judge's material comes from: tables and tools that were given, or the context of the session."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sessioneval.errors import UnknownName
from sessioneval.evaluators.judge_prompt import Material
from sessioneval.evaluators.references import References, as_reference
from sessioneval.evaluators.rubric import Rubric
from sessioneval.model.context import ToolDefinition
from sessioneval.model.transcript import Transcript

# A name is looked up as it is, then as an attribute of one of the families that a context holds.
_FAMILIES = ("", "session_eval.", "session.")


@dataclass(frozen=True, kw_only=True)
class MaterialSource:
    """What a rubric asks for beside the transcript, and where it is found.

    Attributes:
        names: The references that the rubric names.
        table: Where references are looked up; None for the session's attributes.
        shows_tools: Whether tools are shown.
        tools: Those that were given; None for the session's own.
    """

    names: tuple[str, ...]
    table: References | None
    shows_tools: bool
    tools: tuple[ToolDefinition, ...] | None

    @classmethod
    def of(cls, rubric: Rubric, reference: Any, tools: Sequence[ToolDefinition] | None) -> "MaterialSource":
        """Return the source for a rubric; `reference` as for `References.of`.

        Raises:
            InputError: The table cannot be read.
        """
        return cls(
            names=rubric.reference,
            table=None if reference is None or not rubric.reference else References.of(reference),
            shows_tools=rubric.tools,
            tools=None if tools is None else tuple(tools),
        )

    @property
    def needs_context(self) -> bool:
        """Whether something comes from the context of the session."""
        return (self.shows_tools and self.tools is None) or (bool(self.names) and self.table is None)

    def judged_by(self) -> dict[str, Any]:
        """Return what was given and may change a verdict, for the fingerprint."""
        tools = [asdict(tool) for tool in self.tools or ()] if self.shows_tools else []
        return {"references": self.table and self.table.digest, "tools": tools}

    def check(self) -> None:
        """Raise `UnknownName` where the rubric names a reference that no session of the table has."""
        for name in self.names if self.table else ():
            if self.table and name not in self.table.names:
                raise UnknownName.among("reference", name, self.table.names)

    def material(self, transcript: Transcript) -> Material:
        """Return what the judge is given about a session."""
        tools = transcript.context.tools if self.tools is None else self.tools
        return Material(references=self._references(transcript), tools=tools if self.shows_tools else None)

    def missing(self, transcript: Transcript) -> tuple[str, ...]:
        """Return the references that the rubric names and the session lacks."""
        found = self._references(transcript)
        return tuple(name for name in self.names if name not in found)

    def _references(self, transcript: Transcript) -> Mapping[str, str]:
        if self.table is not None:
            return self.table.of_session(transcript.session_id, self.names)
        found = {name: as_reference(_attribute(transcript, name)) for name in self.names}
        return {name: text for name, text in found.items() if text}


def _attribute(transcript: Transcript, name: str) -> Any:
    attributes = transcript.context.attributes
    return next((attributes[family + name] for family in _FAMILIES if family + name in attributes), None)
