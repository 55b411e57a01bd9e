"""A commented rubric file to begin with."""

from pathlib import Path

from sessioneval.model.evaluation import check_evaluator_name

_TEMPLATE = Path(__file__).with_suffix(".toml")
_PLACEHOLDER = "NAME"


def rubric_template(name: str) -> str:
    """Return the TOML text of a rubric called `name`, every key explained; it can be judged with as it stands.

    Raises:
        InputError: The name is not allowed.

    Example:
        >>> 'name = "politeness"' in rubric_template("politeness")
        True
    """
    return _TEMPLATE.read_text(encoding="utf-8").replace(_PLACEHOLDER, check_evaluator_name(name))
