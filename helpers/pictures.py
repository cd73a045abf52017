"""Image files: one list of formats."""

from __future__ import annotations

from PIL import Image

FORMATS = ("JPEG", "MPO", "PNG", "TIFF", "BMP", "PPM", "WEBP", "GIF")


def suffixes() -> set[str]:
    """Return the endings of the formats that are read, such as ".jpg"."""
    known = Image.registered_extensions()  # {".jpg": "JPEG", ...}
    return {suffix for suffix, name in known.items() if name in FORMATS}
