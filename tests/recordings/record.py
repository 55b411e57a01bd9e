"""Record one framework: `python tests/recordings/record.py FRAMEWORK [SCENARIO ...] [--into DIRECTORY]`.

Makes an environment with pinned versions under the cache directory (once), runs the app of the framework in it,
and writes NAME.jsonl and NAME.truth.json. Only installing needs a network.
"""

import argparse
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from frameworks import FRAMEWORKS, Framework  # noqa: E402 - beside this script
from truth import truth_of  # noqa: E402

CACHE = Path(os.environ.get("SESSIONEVAL_RECORDING_CACHE", Path(tempfile.gettempdir()) / "sessioneval-recordings"))

# Where Python lies on the machine that recorded: stack traces in the spans tell it.
_LIBRARY = re.compile(r"/[\w./-]+/lib/python3\.\d+/")
_SESSION_KEYS = (
    "session.id",
    "gen_ai.conversation.id",
    "traceloop.association.properties.session_id",
    "langsmith.metadata.session_id",
    "langsmith.metadata.thread_id",
)


def environment(framework: Framework) -> Path:
    """Return the interpreter of the framework's environment, made if it is missing."""
    pins = "\n".join((*framework.packages, *framework.node_packages))
    folder = CACHE / hashlib.sha256(pins.encode()).hexdigest()[:12]
    if not (folder / "installed").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", *framework.packages], check=True)
        if framework.node_packages:
            (folder / "node").mkdir()
            subprocess.run(
                ["npm", "install", "--no-audit", "--no-fund", *framework.node_packages], cwd=folder / "node", check=True
            )
        (folder / "installed").write_text(pins)
    return folder / "bin" / "python"


def record(name: str, scenario: str, into: Path, python: Path | None = None) -> Path:
    """Record one scenario and return the file of its spans."""
    framework = FRAMEWORKS[name]
    interpreter = python or environment(framework)
    target = into / f"{name}__{scenario}{framework.ending}"
    for old in (target, target.with_suffix(".logs.jsonl")):
        old.unlink(missing_ok=True)
    command = [interpreter, HERE / "run_app.py", framework.app, name, scenario, target]
    done = subprocess.run(
        command, env=_environment_of(framework), capture_output=True, text=True, timeout=120, check=False
    )
    found = re.findall(r"^SESSIONS (.*)$", done.stdout, re.MULTILINE)
    if not found or not target.exists():
        raise SystemExit(f"{name} {scenario} was not recorded:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    for written in (target, target.with_suffix(".logs.jsonl")):
        if written.exists():
            text = written.read_text(encoding="utf-8").replace(str(HERE), "/app")
            written.write_text(_LIBRARY.sub("/lib/python3/", text), encoding="utf-8")
    pairs = list(span_attributes(target))
    truth = truth_of(name, scenario, json.loads(found[-1]), [value for _, value in pairs], session_ids(pairs))
    (into / f"{name}__{scenario}.truth.json").write_text(
        json.dumps(truth, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    return target


def _environment_of(framework: Framework) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG", "TMPDIR")}
    return {**kept, "OPENAI_API_KEY": "sk-none", "PYTHONWARNINGS": "ignore", **framework.variables}


def span_attributes(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield all attributes, key and value, in a file of spans, those of span events too."""
    for line in path.read_text(encoding="utf-8").splitlines():
        document = json.loads(line)
        for event in document.get("spans", ()):
            yield "session.id", {"stringValue": event.get("session_id")}
            yield "meta", event["meta"]
        for resource in document.get("resourceSpans", ()):
            for scope in resource["scopeSpans"]:
                for span in scope.get("spans", ()):
                    for holder in (span, *span.get("events", ())):
                        yield from ((pair["key"], pair.get("value")) for pair in holder.get("attributes", ()))


def session_ids(pairs: Iterable[tuple[str, Any]]) -> list[str]:
    """Return the session ids on spans, in order of appearance."""
    found = (value.get("stringValue") for key, value in pairs if key in _SESSION_KEYS and value)
    return list(dict.fromkeys(session for session in found if session and not session.startswith("[Scrubbed")))


def pack(path: Path) -> None:
    """Compress a recording, and its log records, for the fixtures: the same bytes each time."""
    for file in (path, path.with_suffix(".logs.jsonl")):
        if file.exists():
            file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))
            file.unlink()


def main() -> None:
    """Record what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("framework", choices=[*FRAMEWORKS, "all"])
    parser.add_argument("scenario", nargs="*")
    parser.add_argument("--into", type=Path, default=HERE / "fixtures")
    parser.add_argument("--python", type=Path, help="an interpreter that has the packages already")
    parser.add_argument("--pack", action="store_true", help="compress, as the committed fixtures are")
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    for name in FRAMEWORKS if options.framework == "all" else [options.framework]:
        for scenario in options.scenario or FRAMEWORKS[name].scenarios:
            path = record(name, scenario, options.into, options.python)
            if options.pack:
                pack(path)


if __name__ == "__main__":
    main()
