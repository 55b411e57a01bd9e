"""The Vercel AI SDK under its own telemetry: the script is told to `vercel_app.mjs`, which runs it by Node."""

import json
import subprocess
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tool_schemas import schema

from script import GUARD_PROMPT, PNG, SUMMARY_REQUEST, TITLE_REQUEST, TOOLS, Scenario, ToolFailedError

_HERE = Path(__file__).resolve().parent


def run(framework: str, scenario: Scenario, url: str, exporter: Any) -> dict[str, str]:
    """Run all sessions and return session ids with their users."""
    sessions = {
        str(uuid.uuid5(uuid.NAMESPACE_OID, f"{framework}{scenario.name}{n}")): f"user-{n % 2}"
        for n, _ in enumerate(scenario.talks())
    }
    told = {
        "framework": framework,
        "url": url,
        "file": str(exporter.path),
        "talks": [
            {"session": session, "user": user, **asdict(talk)}
            for (session, user), talk in zip(sessions.items(), scenario.talks(), strict=True)
        ],
        "schemas": {name: schema(name) for names in scenario.tools.values() for name in names},
        "results": _results(scenario),
        "guard": GUARD_PROMPT,
        "title": TITLE_REQUEST,
        "summary": SUMMARY_REQUEST,
        "png": PNG,
    }
    subprocess.run(
        ["node", str(_HERE / "vercel_app.mjs"), str(_node_modules())], input=json.dumps(told), text=True, check=True
    )
    return sessions


def _node_modules() -> Path:
    import sys

    return Path(sys.prefix) / "node" / "node_modules"


def _results(scenario: Scenario) -> dict[str, Any]:
    """Return what each call of a tool in the script gives or how it fails, by name and arguments."""
    found = {}
    for turn, _ in scenario.all_turns():
        for call in (call for say in turn.says for call in say.calls if call.name in TOOLS):
            key = f"{call.name} {json.dumps(call.arguments, sort_keys=True, separators=(',', ':'))}"
            try:
                found[key] = {"value": json.loads(TOOLS[call.name](**call.arguments))}
            except ToolFailedError as error:
                found[key] = {"error": str(error)}
    return found
