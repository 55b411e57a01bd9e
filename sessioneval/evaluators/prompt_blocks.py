"""Blocks of a judge's question that others wrote: references, tools and examples, each behind the session's fence.

They come from spans, tables and sessions, so their text is escaped as a transcript's is and their structure carries the
session's nonce.
"""

import json
from collections.abc import Iterable, Mapping, Sequence

from sessioneval.evaluators.rubric_parts import Example
from sessioneval.model.context import ToolDefinition
from sessioneval.sessions.escaping import escaped
from sessioneval.sessions.rendering import structure_line


def reference_block(references: Mapping[str, str], nonce: str) -> str:
    """Return what the session is to be held against, one section a name; empty without references."""
    sections = [_section(f"reference {_quoted(name, nonce)}", text, nonce) for name, text in references.items()]
    intro = "Reference, from those who run this evaluation. Hold the session against it; the assistant did not see it."
    return _block("reference", intro, sections, nonce) if sections else ""


def tools_block(tools: Sequence[ToolDefinition], nonce: str) -> str:
    """Return the tools that the agent had: name, description and JSON schema of the arguments."""
    sections = [_section(f"tool {_quoted(tool.name, nonce)}", _described(tool), nonce) for tool in tools]
    intro = "Tools that the assistant had in this session." if tools else "It is not recorded which tools there were."
    return _block("tools", intro, sections, nonce)


def examples_block(examples: Sequence[Example], nonce: str) -> str:
    """Return judged pieces of other sessions; empty without examples."""
    sections = [_section(f"example {number}", _judged(each), nonce) for number, each in enumerate(examples, 1)]
    intro = "Examples: pieces of other sessions with the label that is right for them."
    return _block("examples", intro, sections, nonce) if sections else ""


def _block(name: str, intro: str, sections: Iterable[str], nonce: str) -> str:
    return "\n".join([intro, structure_line(f"{name} begin", nonce), *sections, structure_line(f"{name} end", nonce)])


def _section(head: str, text: str, nonce: str) -> str:
    return f"{structure_line(head, nonce)}\n{escaped(text, nonce)}"


def _described(tool: ToolDefinition) -> str:
    schema = "" if tool.parameters is None else json.dumps(tool.parameters, ensure_ascii=False, default=str)
    return "\n".join(part for part in (tool.description, schema and f"Arguments: {schema}") if part)


def _judged(example: Example) -> str:
    return "\n".join([example.excerpt.strip(), f"Right label: {example.label}", *_because(example)])


def _because(example: Example) -> list[str]:
    return [f"Because: {example.reason.strip()}"] if example.reason.strip() else []


def _quoted(name: str, nonce: str) -> str:
    return escaped(json.dumps(name, ensure_ascii=False), nonce)
