"""What a judge's prompt says: which evaluator, which labels, and the messages inside the fence."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from sessioneval.sessions.escaping import unescaped
from sessioneval.testing.chat_request import ChatRequest

_BEGIN = re.compile(r"^<<T:([0-9a-f]+) begin>>$", re.MULTILINE)
_EVALUATOR = re.compile(r"^Evaluator:[ \t]*(\S+)", re.MULTILINE)
_LABELS = re.compile(r"^Labels:[ \t]*(\S.*)$", re.MULTILINE)
_QUOTED = r'("(?:[^"\\]|\\.)*")'
_HEADER = re.compile(
    rf"(\d{{1,9}})(?:\.\d{{1,9}})? (system|user|assistant|tool|call)(-error)?(?: {_QUOTED})?(?: by {_QUOTED})?"
)
_GAP = "["
_OPENING = "opening "
_BLOCK = re.compile(r"^<<T:([0-9a-f]+) (\w+) begin>>$.*?^<<T:\1 \2 end>>$", re.MULTILINE | re.DOTALL)
_CHECKLIST = re.compile(r"^Checklist, for answers:\n((?:- .*(?:\n|\Z))+)", re.MULTILINE)
_ITEM = re.compile(r"^- (\w+) \((one of: ([^()]*)|a short text)\)", re.MULTILINE)
_SHORT_TEXT = "none"


@dataclass(frozen=True, kw_only=True)
class FencedMessage:
    """One message, tool call or tool result inside the fence.

    Attributes:
        index: The message's number in the transcript.
        role: system, user, assistant, tool or call, with -error behind it for one that failed.
        name: The speaker's, agent's or tool's name, empty where none is given.
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
        opening: The user's first message as a later window of a long session repeats it; empty elsewhere.
        checklist: The items that want one answer each.
    """

    evaluator: str
    labels: tuple[str, ...]
    messages: tuple[FencedMessage, ...]
    opening: str = ""
    checklist: tuple["ChecklistItem", ...] = ()

    def of_role(self, role: str) -> list[FencedMessage]:
        """Return the messages of one role, in order."""
        return [message for message in self.messages if message.role == role]


@dataclass(frozen=True, kw_only=True)
class ChecklistItem:
    """An item of the checklist and the answers it may get; the first is the one that is given."""

    id: str
    answers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Fence:
    """A fenced transcript as it stands in a message.

    Attributes:
        nonce: What its structure carries.
        inside: The text between its first and last line.
        around: The rest of the message.
    """

    nonce: str
    inside: str
    around: str

    @property
    def n_user_messages(self) -> int:
        """How many messages of users it shows."""
        return len(re.findall(rf"^<<T:{self.nonce} \d+ user(?:-error)?\b", self.inside, re.MULTILINE))

    @property
    def session(self) -> str:
        """16 hex digits that are the same for the same transcript behind another nonce."""
        text = self.inside.replace(f"<<T:{self.nonce} ", "<<T: ")
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a judge is asked.

    Attributes:
        evaluators: The names on the lines ``Evaluator: <name>``.
        labels: The names on the first line ``Labels: a, b``; empty where there is none.
        text: All of it, without the blocks of others' words.
    """

    evaluators: tuple[str, ...]
    labels: tuple[str, ...]
    text: str

    @property
    def checklist(self) -> tuple[ChecklistItem, ...]:
        """The items that want one answer each."""
        found = _CHECKLIST.search(self.text)
        return tuple(
            ChecklistItem(id=item[1], answers=tuple(item[3].split(", ")) if item[3] else (_SHORT_TEXT,))
            for item in _ITEM.finditer(found[1] if found else "")
        )


def judge_prompt(request: ChatRequest) -> JudgePrompt | None:
    """Return the judge's question, or None if the last message asks none.

    The line ``Evaluator: <name>`` has to open the last message, or stand after the fence if both are in one
    message; such a line inside the fence is part of the transcript and asks nothing.
    """
    question = find_question(request)
    if not question:
        return None
    fence = find_fence(request)
    parts = _parts(fence.inside, fence.nonce) if fence else []
    return JudgePrompt(
        evaluator=question.evaluators[0],
        labels=question.labels,
        messages=tuple(_messages(parts)),
        opening=next((unescaped("\n".join(lines)) for said, lines in parts if said.startswith(_OPENING)), ""),
        checklist=question.checklist,
    )


def find_question(request: ChatRequest) -> Question | None:
    """Return the question in the last message, or None."""
    last = request.messages[-1].text
    fence = _fence(last)
    question = _BLOCK.sub("", fence.around if fence else last)
    found = _EVALUATOR.search(question)
    if not found or (question[: found.start()].strip() and not fence):
        return None
    return Question(evaluators=tuple(_EVALUATOR.findall(question)), labels=_labels(question), text=question)


def find_fence(request: ChatRequest) -> Fence | None:
    """Return the first fenced transcript that is not empty, or None."""
    fences = (_fence(message.text) for message in request.messages)
    return next((fence for fence in fences if fence and fence.inside), None)


def _labels(question: str) -> tuple[str, ...]:
    found = _LABELS.search(question)
    return tuple(label.strip() for label in found[1].split(",") if label.strip()) if found else ()


def _fence(text: str) -> Fence | None:
    # The cheap look saves the search through texts without a fence.
    begin = _BEGIN.search(text) if "<<T:" in text else None
    if not begin:
        return None
    closing = f"\n<<T:{begin[1]} end>>"
    end = text.find(closing, begin.end())
    behind = text[end + len(closing) :] if end >= 0 else ""
    inside = text[begin.end() + 1 : end if end >= 0 else None]
    return Fence(nonce=begin[1], inside=inside, around=text[: begin.start()] + behind)


def fenced_messages(inside: str, nonce: str) -> tuple[FencedMessage, ...]:
    r"""Return the messages of a fenced transcript; only headers with the fence's own nonce count.

    What stands under another line of structure (a window, the opening repeated, a record) is no message.

    Example:
        >>> fenced_messages("<<T:0a 0 user>>\nhi\n<<T:0b 1 assistant>>", "0a")[0].text
        'hi\n<<T:0b 1 assistant>>'
    """
    return tuple(_messages(_parts(inside, nonce)))


def _parts(inside: str, nonce: str) -> list[tuple[str, list[str]]]:
    """Return what each line of structure says, with the lines under it."""
    mark = f"<<T:{nonce} "
    parts: list[tuple[str, list[str]]] = []
    for line in inside.split("\n"):
        said = line[len(mark) : -2] if line.startswith(mark) and line.endswith(">>") else None
        if said is None and parts:
            parts[-1][1].append(line)
        elif said is not None and not said.startswith(_GAP):
            parts.append((said, []))
    return parts


def _messages(parts: list[tuple[str, list[str]]]) -> Iterator[FencedMessage]:
    for said, lines in parts:
        header = _HEADER.fullmatch(said)
        if header:
            yield _message(header, lines)


def _message(header: re.Match[str], lines: list[str]) -> FencedMessage:
    return FencedMessage(
        index=int(header[1]),
        role=header[2] + (header[3] or ""),
        name=_name(header[4] or header[5]),
        text=unescaped("\n".join(lines)),
    )


def _name(quoted: str | None) -> str:
    try:
        return str(json.loads(unescaped(quoted))) if quoted else ""
    except ValueError:
        return quoted or ""
