"""What `import sessioneval` costs the app that is traced."""

import subprocess
import sys

HEAVY = ["pandas", "openai", "pyarrow", "numpy", "opentelemetry", "click", "rich", "importlib.metadata"]
MEASURE = "import time; start = time.perf_counter(); import sessioneval; print(time.perf_counter() - start)"


def output_of(code):
    """Run code in a fresh interpreter."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_the_import_loads_nothing_heavy():
    """Each name loads its module when it is first used."""
    code = f"import sys, sessioneval; print([name for name in {HEAVY} if name in sys.modules])"
    assert output_of(code) == "[]\n"


def test_the_import_takes_less_than_30_ms():
    """The best of five: a busy machine is no fault of ours."""
    assert min(float(output_of(MEASURE)) for _ in range(5)) < 0.03


def test_the_nouns_load_nothing_heavy_either():
    """An app may name Evaluation or SessionEvalError in its own code."""
    code = (
        "import sys, sessioneval as se; se.Evaluation, se.Message, se.Transcript, se.Session, se.SessionEvalError\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    assert output_of(code) == "[]\n"
