"""Pictures that carry a note: what they were made of, and how.

The note stands in the file behind the first part of its head, as a text of a PNG or a
comment of a JPEG, and holds the SHA-256 of the rest. Whoever changes the picture breaks
this seal: the file is theirs from then on.
"""

from __future__ import annotations

import hashlib
import io
import json
import zlib
from pathlib import Path

from PIL import Image

from . import saving

KEY = b"fundus-course"
# Where the note begins: behind the size of a PNG, behind the JFIF mark of a JPEG.
PNG, JPEG = 33, 20
OPTIONS = {
    PNG: {"format": "png", "compress_level": 1},
    JPEG: {"format": "jpeg", "quality": 90},
}
LONGEST_SIDE = 65500  # pixels, of a JPEG


def _framed(place: int, text: bytes) -> bytes:
    """Return a text as the file format wants it: its length, its kind, itself."""
    body = KEY + b"\0" + text
    if place == JPEG:
        return b"\xff\xfe" + (len(body) + 2).to_bytes(2, "big") + body
    chunk = b"tEXt" + body
    return len(body).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")


def write(path: Path, picture: Image.Image, note: dict[str, str]) -> None:
    """Write a .png or a .jpg with a note, whole or not at all.

    A picture that is too long for a JPEG is shrunk.
    """
    place = PNG if path.suffix == ".png" else JPEG
    if place == JPEG:
        picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    encoded = io.BytesIO()
    picture.save(encoded, **OPTIONS[place])
    content = encoded.getvalue()
    sealed = note | {"rest": hashlib.sha256(content).hexdigest()}
    frame = _framed(place, json.dumps(sealed).encode("ascii"))
    saving.write_bytes(path, content[:place] + frame + content[place:])


def read(path: Path) -> dict[str, str] | None:
    """Return the note of a file that ``write`` made and nobody changed, else None."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
            if KEY not in head:
                return None
            content = head + file.read()
        start = content.index(KEY) + len(KEY) + 1
        text = content[start : content.index(b"}", start) + 1]
        note = json.loads(text)
        place = PNG if head.startswith(b"\x89PNG") else JPEG
        frame = _framed(place, text)
        rest = content[:place] + content[place + len(frame) :]
        intact = content[place:].startswith(frame)
        if intact and note.pop("rest") == hashlib.sha256(rest).hexdigest():
            return note
    except (OSError, ValueError, KeyError):
        pass  # not readable, or somebody else's
    return None
