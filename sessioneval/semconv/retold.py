"""What one agent did, as frameworks retell it to the next agent inside a user message, turned back into messages.

Google ADK quotes another agent's events under "For context:"; Strands puts the user's request into a "Context:".
Nobody said these words, so they must not stand in a transcript as the user's.

Source: google-adk, flows/llm_flows/context/_fencing.py and contents.py; strands-agents, multiagent/swarm.py.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Any

PREAMBLE = "For context:"
_FENCE = re.compile(r"<<<BEGIN_QUOTED_AGENT_CONTENT>>>\n(?P<text>.*)\n<<<END_QUOTED_AGENT_CONTENT>>>", re.DOTALL)
_SAID = re.compile(r"\[(?P<agent>[^\]\n]+)\] (?P<what>said|thought):\s(?P<text>.*)", re.DOTALL)
_CALLED = re.compile(r"\[(?P<agent>[^\]\n]+)\] called tool `(?P<tool>[^`]*)` with parameters:\s(?P<text>.*)", re.DOTALL)
_RETURNED = re.compile(r"\[(?P<agent>[^\]\n]+)\] `(?P<tool>[^`]*)` tool returned result:\s(?P<text>.*)", re.DOTALL)
_REQUEST = re.compile(
    r"Context:\n(?:Handoff Message: .*?\n\n)?User Request: (?P<task>.*?)\n\n"
    r"(?:Previous agents who worked on this: |Shared knowledge from previous agents:|"
    r"Other agents available for collaboration:|You have access to swarm coordination tools)",
    re.DOTALL,
)
_MAX_BRACKETS = 1_000
_NOT_LITERAL = (ValueError, SyntaxError, MemoryError, RecursionError)


def user_request(text: str) -> str:
    r"""Return the user's words in the input that Strands builds for an agent of a swarm; any other text as it is.

    Example:
        >>> user_request("Context:\nUser Request: Refund A-1\n\nYou have access to swarm coordination tools if")
        'Refund A-1'
    """
    match = _REQUEST.match(text)
    return match["task"] if match else text


def retold_message(texts: Sequence[str]) -> dict[str, Any] | None:
    """Return the GenAI message that ADK retells in the texts of a user message; None if it retells nothing.

    Example:
        >>> retold_message(["For context:", "[triage] said: One moment."])
        {'role': 'assistant', 'name': 'triage', 'parts': [{'type': 'text', 'content': 'One moment.'}]}
    """
    if len(texts) < 2 or not texts[0].startswith(PREAMBLE):  # noqa: PLR2004 - the preamble and what it is about
        return None
    parts = [part for text in texts[1:] for part in _parts(text)]
    agent = next((match["agent"] for text in texts for shape in _SHAPES if (match := shape.match(text))), None)
    if agent is None:
        return None
    role = "tool" if parts and parts[0]["type"] == "tool_call_response" else "assistant"
    return {"role": role, "name": agent, "parts": parts}


_SHAPES = (_SAID, _CALLED, _RETURNED)


def _parts(text: str) -> Iterator[dict[str, Any]]:
    if match := _SAID.fullmatch(text):
        yield {"type": "text" if match["what"] == "said" else "reasoning", "content": _quoted(match["text"])}
    elif match := _CALLED.fullmatch(text):
        yield {"type": "tool_call", "id": None, "name": match["tool"], "arguments": _literal(match["text"])}
    elif match := _RETURNED.fullmatch(text):
        yield {"type": "tool_call_response", "name": match["tool"], "response": _literal(match["text"])}


def _quoted(text: str) -> str:
    match = _FENCE.fullmatch(text.strip())
    return match["text"] if match else text


def _literal(text: str) -> Any:
    """Return the Python value that was printed; the text itself if it is none."""
    quoted = _quoted(text)
    if quoted.count("[") + quoted.count("{") > _MAX_BRACKETS:
        return quoted
    try:
        return ast.literal_eval(quoted)
    except _NOT_LITERAL:
        return quoted
