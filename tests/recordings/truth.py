"""The truth of a recording: what was said, by the script, and whether the spans hold it."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from frameworks import FRAMEWORKS
from script import GUARD_PROMPT, MAIN, SCENARIOS, TITLE_REQUEST, TOOLS, Call, Scenario, ToolFailedError, Turn

Message = dict[str, Any]


def truth_of(
    framework: str, scenario: str, sessions: dict[str, str], values: list[Any], session_ids: list[str] | None = None
) -> dict[str, Any]:
    """Return the truth document.

    Args:
        framework: Name of the framework.
        scenario: Name of the scenario.
        sessions: Session ids that the app meant, with their users.
        values: All attribute values of the spans (OTLP/JSON `AnyValue` objects).
        session_ids: Ids that the spans carry under one of the usual keys.
    """
    texts, parsed = _texts(values)
    script = SCENARIOS[scenario]
    shown = session_ids or []
    return {
        "format": "heldout-truth/1",
        "name": f"{framework}__{scenario}",
        "framework": framework,
        "scenario": scenario,
        "versions": dict(package.split("==") for package in FRAMEWORKS[framework].packages if "==" in package),
        "sessions": {
            session: {
                "user_id": user,
                "session_id_on_spans": [session] if session in shown else _made(shown, number, len(sessions)),
                "messages": [_placed(message, texts, parsed) for message in messages(talk, framework)],
            }
            for number, ((session, user), talk) in enumerate(zip(sessions.items(), script.talks(), strict=True))
        },
    }


def _made(shown: list[str], number: int, n_sessions: int) -> list[str]:
    """Return the ids that the framework made itself for a session; those of several tell the order they began in."""
    if n_sessions == 1:
        return shown
    return [sorted(shown)[number]] if len(shown) == n_sessions else []


def messages(script: Scenario, framework: str) -> Iterator[Message]:
    """Yield the conversation as its user saw it, with the tools' calls and results."""
    yield {"role": "system", "content": script.agents[MAIN], "turn": 0}
    agent = MAIN
    for number, turn in enumerate(script.turns):
        if script.summary and number == script.summary_after:
            yield {"role": "system", "content": script.summary, "turn": number, "changed": True}
        said: Message = {"role": "user", "content": turn.user, "turn": number}
        yield said | ({"attachments": ["image/png"]} if turn.image else {})
        for say in turn.says:
            if say.agent != agent:
                agent = say.agent
                yield {"role": "system", "content": script.agents[agent], "turn": number, "changed": True}
            asked = [FRAMEWORKS[framework].named(call) for call in say.calls]
            calls = [{"id": "", "name": call.name, "arguments": call.arguments} for call in asked]
            answer: Message = {"role": "assistant", "content": say.text, "turn": number, "agent": agent}
            yield answer | ({"tool_calls": calls} if calls else {})
            for call, named in zip(say.calls, asked, strict=True):
                yield {"role": "tool", "name": named.name, "turn": number, **_result(call, script, framework)}


def _result(call: Call, script: Scenario, framework: str) -> dict[str, Any]:
    if call.name.startswith("transfer_to_"):
        return {"content": FRAMEWORKS[framework].transferred}
    if call.name == "ask_researcher":
        turn = next(turn for turn in script.nested if turn.user == call.arguments["question"])
        return {"content": FRAMEWORKS[framework].answered.format(answer=turn.says[-1].text)}
    try:
        return {"content": TOOLS[call.name](**call.arguments)}
    except ToolFailedError as error:
        return {
            "content": FRAMEWORKS[framework].failed.format(error=error, name=call.name, arguments=call.arguments),
            "content_alt": str(error),
        }


def side_texts(script: Scenario) -> list[str]:
    """Return texts of side calls, none of which may stand in a transcript as a message."""
    found = [GUARD_PROMPT, "SAFE"] if script.guarded else []
    found += [TITLE_REQUEST, script.title] if script.title else []
    return found + [turn_text for turn in script.nested for turn_text in _nested_texts(turn)]


def _nested_texts(turn: Turn) -> Iterator[str]:
    yield turn.user


def _placed(message: Message, texts: set[str], parsed: set[str]) -> Message:
    """Return the message with `in_spans`: whether its text can be found at all."""
    content = message.get("content")
    if not content:
        return message
    if content.strip() in texts:
        place = "exact"
    elif _canonical(content) in parsed:
        place = "json"
    else:
        place = "inside" if any(content.strip() in text for text in texts) else "absent"
    return message | {"in_spans": place}


def _canonical(text: str) -> str | None:
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return None


def _texts(values: Iterable[Any]) -> tuple[set[str], set[str]]:
    texts: set[str] = set()
    parsed: set[str] = set()
    pending = list(values)
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            parsed.add(json.dumps(value, sort_keys=True))
            pending += value.values()
        elif isinstance(value, list):
            pending += value
        elif isinstance(value, str):
            texts.add(value.strip())
            if value[:1] in ("{", "[", '"'):
                try:
                    pending.append(json.loads(value))
                except ValueError:
                    continue
    return texts, parsed
