"""Content blocks become parts; of large data the type and the size stay."""

import json

import pytest

from sessioneval.model import columns as c
from sessioneval.semconv.content_blocks import part_of, said_text

PIXEL = "iVBORw0KGgo="  # 8 bytes
LARGE = "A" * 4_000  # 3000 bytes


@pytest.mark.parametrize("kind", ["text", "input_text", "output_text"])
def test_every_name_for_text_is_text(kind):
    """Three APIs, three names."""
    assert said_text({"type": kind, "text": "hi"}) == "hi"
    assert part_of({"type": kind, "text": "hi"}) == {c.PART_TYPE: "text", c.PART_TEXT: "hi"}


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{LARGE}"}},
        {"type": "input_image", "image_url": f"data:image/png;base64,{LARGE}"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": LARGE}},
        {"type": "image", "source_type": "base64", "mime_type": "image/png", "data": LARGE},
        {"type": "image", "base64": LARGE, "mime_type": "image/png"},
    ],
)
def test_a_large_image_leaves_its_type_and_size(block):
    """The data is in the attribute already; a message needs only what a reader can be told."""
    part = part_of(block)
    assert part[c.PART_TYPE] == "image"
    assert json.loads(part[c.PART_JSON]) == {"mime_type": "image/png", "bytes": 3_000}
    assert LARGE not in json.dumps(part)


def test_a_small_data_address_is_kept():
    """It costs nothing."""
    part = part_of({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}})
    assert part[c.PART_URL] == f"data:image/png;base64,{PIXEL}"
    assert json.loads(part[c.PART_JSON])["bytes"] == 8


def test_media_that_langfuse_moved_keeps_its_type():
    """Langfuse uploads images apart and leaves a reference."""
    reference = "@@@langfuseMedia:type=image/jpeg|id=cc48838a|source=base64_data_uri@@@"
    part = part_of({"type": "image_url", "image_url": {"url": reference}})
    assert json.loads(part[c.PART_JSON]) == {"mime_type": "image/jpeg"}


@pytest.mark.parametrize(
    ("block", "kind"),
    [
        ({"type": "input_audio", "input_audio": {"data": PIXEL, "format": "wav"}}, "audio"),
        ({"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PIXEL}"}}, "file"),
        ({"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}}, "file"),
        ({"type": "thinking", "thinking": "hm"}, "reasoning"),
        ({"type": "server_tool_use", "id": "x"}, "server_tool_use"),
        ({"type": ["odd"]}, "object"),
    ],
)
def test_other_blocks_have_their_kind(block, kind):
    """A reader is told what was there even where it cannot be shown."""
    assert part_of(block)[c.PART_TYPE] == kind
