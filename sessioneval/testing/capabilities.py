"""What a model or server does not take, refused with the words that providers use."""

from collections.abc import Callable, Iterable
from typing import Any

from sessioneval.errors import InputError
from sessioneval.testing.api_errors import bad_request
from sessioneval.testing.http_connection import Reply


def _response_format(kind: str) -> Callable[[dict[str, Any]], bool]:
    def asked(fields: dict[str, Any]) -> bool:
        wanted = fields.get("response_format")
        return isinstance(wanted, dict) and wanted.get("type") == kind

    return asked


def _present(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda fields: fields.get(name) is not None


def _temperature(fields: dict[str, Any]) -> bool:
    return fields.get("temperature") not in (None, 1)


def _breakpoint(fields: dict[str, Any]) -> bool:
    messages = fields.get("messages")
    contents = [entry.get("content") for entry in messages or [] if isinstance(entry, dict)]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return any(isinstance(part, dict) and "prompt_cache_breakpoint" in part for part in parts)


_UNSUPPORTED = "Unsupported parameter: '{name}' is not supported with this model."
_UNKNOWN = "Unrecognized request argument supplied: {name}"
_DEFAULT_ONLY = (
    "Unsupported value: '{name}' does not support {value} with this model. Only the default (1) value is supported."
)
_FORMAT = "Invalid parameter: 'response_format' of type '{name}' is not supported with this model."

CAPABILITIES: dict[str, tuple[Callable[[dict[str, Any]], bool], str, str | None, str | None]] = {
    "json_schema": (_response_format("json_schema"), _FORMAT, "response_format", None),
    "json_object": (_response_format("json_object"), _FORMAT, "response_format", None),
    "tools": (_present("tools"), _UNSUPPORTED, "tools", "unsupported_parameter"),
    "tool_choice": (_present("tool_choice"), _UNSUPPORTED, "tool_choice", "unsupported_parameter"),
    "temperature": (
        _temperature,
        _DEFAULT_ONLY,
        "temperature",
        "unsupported_value",
    ),
    "max_tokens": (
        _present("max_tokens"),
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "max_tokens",
        "unsupported_parameter",
    ),
    "max_completion_tokens": (_present("max_completion_tokens"), _UNKNOWN, None, None),
    "seed": (_present("seed"), _UNKNOWN, None, None),
    "logprobs": (_present("logprobs"), _UNSUPPORTED, "logprobs", "unsupported_parameter"),
    "reasoning_effort": (_present("reasoning_effort"), _UNKNOWN, None, None),
    "service_tier": (_present("service_tier"), _UNKNOWN, None, None),
    "prompt_cache_key": (_present("prompt_cache_key"), _UNKNOWN, None, None),
    "prompt_cache_options": (_present("prompt_cache_options"), _UNKNOWN, None, None),
    "prompt_cache_breakpoint": (
        _breakpoint,
        "Unknown parameter: 'messages[].content[].prompt_cache_breakpoint'.",
        "messages",
        "unknown_parameter",
    ),
}
"""Capability to: whether a request asks for it, the error's text, its `param` and its `code`."""


def checked_capabilities(names: Iterable[str]) -> frozenset[str]:
    """Return the names as a set.

    Raises:
        InputError: A name is no capability.
    """
    wanted = frozenset(names)
    unknown = sorted(wanted - CAPABILITIES.keys())
    if unknown:
        raise InputError(f"capability {unknown[0]!r} is not known: use some of {', '.join(CAPABILITIES)}")
    return wanted


def refused(fields: dict[str, Any], refuses: frozenset[str]) -> Reply | None:
    """Return the error for the first refused capability that the request asks for, or None.

    Args:
        fields: The parsed body.
        refuses: Names of `CAPABILITIES`.

    Example:
        >>> refused({"seed": 7}, frozenset({"seed"})).status
        400
    """
    for name, (asks, text, param, code) in CAPABILITIES.items():
        if name in refuses and asks(fields):
            return bad_request(text.format(name=name, value=fields.get(name)), param=param, code=code)
    return None
