"""Run one app in its environment: `python run_app.py MODULE FRAMEWORK SCENARIO SPANS_FILE`; prints sessions and users."""

import json
import sys
from importlib import import_module
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE), str(_HERE / "apps")]


def main(module: str, framework: str, scenario: str, path: str) -> None:
    """Run the app."""
    from fake_model import FakeModel
    from frameworks import FRAMEWORKS
    from script import SCENARIOS
    from span_file import SpanFile

    model = FakeModel(SCENARIOS[scenario], FRAMEWORKS[framework].named)
    sessions = import_module(module).run(framework, SCENARIOS[scenario], model.url, SpanFile(Path(path)))
    sys.stdout.write("\nSESSIONS " + json.dumps(sessions) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
