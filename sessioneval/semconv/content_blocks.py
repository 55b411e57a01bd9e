"""Content blocks of chat messages (text, images, audio, files, reasoning) as parts of the store.

Source: OpenAI API reference (chat completions, responses), Anthropic API reference (messages), langchain-core
content blocks; OpenInference `message_content.*` for the result.
"""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from sessioneval.model import columns as c
from sessioneval.semconv.json_text import json_text, text_of

_LARGEST_KEPT_URL_CHARS = 1_000
_BASE64_CHARS, _BASE64_BYTES = 4, 3
_MOVED = re.compile(r"@@@langfuseMedia:type=([^|@]+)\|.*@@@", re.DOTALL)  # Langfuse uploads media apart
_MLFLOW = "mlflow-attachment://"  # MLflow too
_TEXTS = frozenset({"text", "input_text", "output_text", "refusal"})
_SPOKEN_KEYS = ("text", "content", "refusal")


def said_text(block: dict[str, Any]) -> str | None:
    """Return the text of a block that is nothing but text; None for any other block.

    Example:
        >>> said_text({"type": "output_text", "text": "hi", "annotations": []}), said_text({"type": "image"})
        ('hi', None)
    """
    if str(block.get("type", "text")) not in _TEXTS:
        return None
    return next((block[key] for key in _SPOKEN_KEYS if isinstance(block.get(key), str)), None)


def part_of(block: dict[str, Any]) -> dict[str, Any]:
    """Return a block as a part; of large data only MIME type and size are kept, the data stays in the attribute.

    Example:
        >>> part_of({"type": "image_url", "image_url": {"url": "https://example.org/a.png"}})
        {'message_content.type': 'image', 'message_content.image.image.url': 'https://example.org/a.png'}
    """
    kind = block.get("type", "text")
    return _PARTS.get(kind if isinstance(kind, str) else "", _other)(block)


def _spoken(block: dict[str, Any]) -> dict[str, Any]:
    return {c.PART_TYPE: "text", c.PART_TEXT: said_text(block) or text_of(block.get("text")) or ""}


def _reasoning(block: dict[str, Any]) -> dict[str, Any]:
    text = block.get("thinking", block.get("reasoning", block.get("text")))
    return {c.PART_TYPE: "reasoning", c.PART_TEXT: text_of(text) or ""}


def _image(block: dict[str, Any]) -> dict[str, Any]:
    return _media("image", *_location(block))


def _audio(block: dict[str, Any]) -> dict[str, Any]:
    return _media("audio", *_location(block))


def _file(block: dict[str, Any]) -> dict[str, Any]:
    return _media("file", *_location(block))


def _location(block: dict[str, Any]) -> tuple[str | None, str | None, str | None]:
    """Return (address, MIME type, base64 data) of a medium."""
    held = next((block[key] for key in _HOLDERS if block.get(key) is not None), block)
    if isinstance(held, str):
        return held, None, None
    held = held if isinstance(held, dict) else {}
    address = _first(held, "url", "uri", "file_id", "id")
    data = _first(held, "data", "base64", "file_data")
    if data and data.startswith("data:"):
        return data, None, None
    kind = _first(held, "media_type", "mime_type")
    return address, kind or (f"audio/{held['format']}" if held.get("format") else None), data


_HOLDERS = ("image_url", "source", "input_audio", "file")


def moved_away(address: str) -> dict[str, Any]:
    """Return MIME type and size of data that the SDK keeps elsewhere, under an address new for each call; else nothing.

    Example:
        >>> moved_away("mlflow-attachment://5?content_type=image%2Fpng&trace_id=tr-1&size=70")
        {'mime_type': 'image/png', 'bytes': 70}
    """
    if moved := _MOVED.fullmatch(address):
        return {"mime_type": moved[1]}
    if not address.startswith(_MLFLOW):
        return {}
    told = parse_qs(address.partition("?")[2])
    mime_type, size = told.get("content_type", [""])[0], told.get("size", [""])[0]
    return {"mime_type": mime_type or None, **({"bytes": int(size)} if size.isascii() and size.isdigit() else {})}


def _media(kind: str, address: str | None, mime_type: str | None, data: str | None) -> dict[str, Any]:
    if address and address.startswith("data:"):
        head, _, data = address.partition(",")
        mime_type = head.removeprefix("data:").partition(";")[0] or mime_type
        address = address if len(address) <= _LARGEST_KEPT_URL_CHARS else None
    size = {"bytes": len(data.rstrip("=")) * _BASE64_BYTES // _BASE64_CHARS} if data else {}
    facts = {**({"mime_type": mime_type} if mime_type else {}), **size}
    if address and (moved := moved_away(address)):
        address, facts = None, moved
    part = {c.PART_TYPE: kind, c.PART_URL: address, c.PART_JSON: json_text(facts) if facts else None}
    return {key: value for key, value in part.items() if value is not None}


def _other(block: dict[str, Any]) -> dict[str, Any]:
    kind = block.get("type")
    return {c.PART_TYPE: kind if isinstance(kind, str) else "object", c.PART_JSON: json_text(block)}


def _first(held: dict[str, Any], *keys: str) -> str | None:
    return next((held[key] for key in keys if isinstance(held.get(key), str)), None)


_PARTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    **dict.fromkeys(_TEXTS, _spoken),
    **dict.fromkeys(("thinking", "reasoning"), _reasoning),
    **dict.fromkeys(("image", "image_url", "input_image"), _image),
    **dict.fromkeys(("audio", "input_audio"), _audio),
    **dict.fromkeys(("file", "input_file", "document"), _file),
}
