"""What a judge's prompt says: which evaluator, which labels, and the messages inside the fence."""

import json
import re
from dataclasses import dataclass

from sessioneval.testing.chat_request import ChatRequest

_BEGIN = re.compile(r"^<<T:([0-9a-f]+) begin>>$", re.MULTILINE)
_EVALUATOR = re.compile(r"^Evaluator:[ \t]*(\S+)", re.MULTILINE)
_LABELS = re.compile(r"^Labels:[ \t]*(\S.*)$", re.MULTILINE)
_HEADER = re.compile(
    r'<<T:([0-9a-f]+) (\d{1,9})(?:\.\d{1,9})? (system|user|assistant|tool|tool-error|call)(?: ("(?:[^"\\]|\\.)*"))?>>'
)
_ESCAPED = re.compile(r"<<\\(\\*)T:")


@dataclass(frozen=True, kw_only=True)
class FencedMessage:
    """One message, tool call or tool result inside the fence.

    Attributes:
        index: The message's number in the transcript.
        role: system, user, assistant, tool, tool-error or call.
        name: The agent's or tool's name, empty where none is given.
        text: The body, unescaped.
    """

    index: int
    role: str
    name: str
    text: str


@dataclass(frozen=True, kw_only=True)
class JudgePrompt:
    """A judge's question about a transcript.

    Attributes:
        evaluator: The name on the line ``Evaluator: <name>``.
        labels: The names on the line ``Labels: a, b``; empty where there is none.
        messages: What stands inside the fence, in order; empty without a fence.
    """

    evaluator: str
    labels: tuple[str, ...]
    messages: tuple[FencedMessage, ...]

    def of_role(self, role: str) -> list[FencedMessage]:
        """Return the messages of one role, in order."""
        return [message for message in self.messages if message.role == role]


def judge_prompt(request: ChatRequest) -> JudgePrompt | None:
    """Return the judge's question, or None if the last message asks none.

    The line ``Evaluator: <name>`` has to open the last message, or stand after the fence if both are in one
    message; such a line inside the fence is part of the transcript and asks nothing.
    """
    last = request.messages[-1].text
    _, question = _split_fence(last)
    fenced = next((inside for message in request.messages if (inside := _split_fence(message.text)[0])), ())
    found = _EVALUATOR.search(question)
    if not found or (question[: found.start()].strip() and question == last):
        return None
    return JudgePrompt(evaluator=found[1], labels=_labels(question), messages=fenced)


def _labels(question: str) -> tuple[str, ...]:
    found = _LABELS.search(question)
    return tuple(label.strip() for label in found[1].split(",") if label.strip()) if found else ()


def _split_fence(text: str) -> tuple[tuple[FencedMessage, ...], str]:
    """Return the messages inside the first fence, and the text around it."""
    begin = _BEGIN.search(text)
    if not begin:
        return (), text
    end = text.find(f"\n<<T:{begin[1]} end>>", begin.end())
    inside = text[begin.end() + 1 : end if end >= 0 else None]
    around = text[: begin.start()] + (text[end + len(f"\n<<T:{begin[1]} end>>") :] if end >= 0 else "")
    return fenced_messages(inside, begin[1]), around


def fenced_messages(inside: str, nonce: str) -> tuple[FencedMessage, ...]:
    r"""Return the messages of a fenced transcript; only headers with the fence's own nonce count.

    Example:
        >>> fenced_messages("<<T:0a 0 user>>\nhi\n<<T:0b 1 assistant>>", "0a")[0].text
        'hi\n<<T:0b 1 assistant>>'
    """
    lines = inside.split("\n")
    headers = [(at, header) for at, line in enumerate(lines) if (header := _header(line, nonce))]
    ends = [at for at, _ in headers[1:]] + [len(lines)]
    return tuple(
        FencedMessage(
            index=int(header[2]), role=header[3], name=_name(header[4]), text=_unescaped("\n".join(lines[at + 1 : end]))
        )
        for (at, header), end in zip(headers, ends, strict=False)
    )


def _header(line: str, nonce: str) -> re.Match[str] | None:
    # Most lines are no header; the cheap look saves the match.
    header = _HEADER.fullmatch(line) if line.startswith("<<T:") else None
    return header if header and header[1] == nonce else None


def _name(quoted: str | None) -> str:
    try:
        return str(json.loads(_unescaped(quoted))) if quoted else ""
    except ValueError:
        return quoted or ""


def _unescaped(body: str) -> str:
    return _ESCAPED.sub(r"<<\1T:", body)
