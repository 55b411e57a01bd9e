"""Reading a rendering back: the inverse of `rendering`, by the lines that carry the nonce and nothing else."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import get_args

from sessioneval.model.message import Message, ToolCall
from sessioneval.sessions.escaping import unescaped
from sessioneval.sessions.rendering import Gap, Part, PartRole

_NAME = r'"(?:[^"\\]|\\.)*"'
_HEAD = re.compile(rf"(\d+)(?:\.(\d+))? ({'|'.join(get_args(PartRole))})(-error)?(?: ({_NAME}))?(?: by ({_NAME}))?")
_ROLES: dict[str, PartRole] = {role: role for role in get_args(PartRole)}
_GAP = re.compile(r"\[… ([\d,]+) characters (.+) …\]")


def parse(rendered: str, nonce: str) -> tuple[Message, ...]:
    r"""Return the messages of a rendered transcript, as far as a judge reads them: no ids, spans or turns.

    Args:
        rendered: What `render` returned for `nonce`.
        nonce: The fence's.

    Example:
        >>> parse("<<T:5eed begin>>\n<<T:5eed 0 user>>\nHello.\n<<T:5eed end>>", "5eed")[0].content
        'Hello.'
    """
    messages: list[Message] = []
    for part in parsed_parts(rendered, nonce):
        if part.role == "call":
            call = ToolCall(id="", name=part.name or "", arguments=json.loads(part.text), is_error=part.is_error)
            messages[-1] = replace(messages[-1], tool_calls=(*messages[-1].tool_calls, call))
        else:
            messages.append(
                Message(role=part.role, content=part.text, name=part.name, agent=part.agent, is_error=part.is_error)
            )
    return tuple(messages)


def parsed_parts(rendered: str, nonce: str) -> tuple[Part, ...]:
    """Return the parts that a prompt shows, gaps included; lines about windows are left out."""
    parts: list[Part] = []
    is_part = False
    for structure, text in _sections(rendered, nonce):
        head, gap = _HEAD.fullmatch(structure), _GAP.fullmatch(structure)
        is_part = bool(head) or (is_part and bool(gap))
        if head:
            parts.append(_part(head))
        elif gap and is_part:
            left = Gap(int(gap[1].replace(",", "")), gap[2])
            parts[-1] = replace(parts[-1], pieces=(*parts[-1].pieces, left))
        if is_part and text:
            parts[-1] = replace(parts[-1], pieces=(*parts[-1].pieces, text))
    return tuple(parts)


def _sections(rendered: str, nonce: str) -> Iterator[tuple[str, str]]:
    """Yield what each structure line says, with the text behind it."""
    opening, lines = f"<<T:{nonce} ", rendered.split("\n")
    starts = [at for at, line in enumerate(lines) if line.startswith(opening) and line.endswith(">>")]
    for at, following in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield lines[at][len(opening) : -2], unescaped("\n".join(lines[at + 1 : following]))


def _part(head: re.Match[str]) -> Part:
    name, agent = (json.loads(unescaped(quoted)) if quoted else None for quoted in (head[5], head[6]))
    call = None if head[2] is None else int(head[2])
    return Part(
        message=int(head[1]), role=_ROLES[head[3]], pieces=(), call=call, is_error=bool(head[4]), name=name, agent=agent
    )
