"""Notes in pictures: kept as long as nobody changes the picture."""

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from helpers import seal

NOTE = {"source": "12ab", "threshold": "0.5", "diameter": ""}
GREY = np.arange(90, dtype=np.uint16).reshape(9, 10) * 700
COLOUR = np.dstack([GREY // 256] * 3).astype(np.uint8)


@pytest.mark.parametrize(
    ("name", "array"), [("a.png", GREY), ("b.png", COLOUR), ("c.jpg", COLOUR)]
)
def test_a_note_is_read_back_and_harms_nothing(tmp_path, name, array):
    file = tmp_path / name
    seal.write(file, Image.fromarray(array), NOTE)
    assert seal.read(file) == NOTE
    with Image.open(file) as picture:
        picture.verify()
    with Image.open(file) as picture:
        texts = [*picture.info, str(picture.info.get("comment"))]
        assert any("fundus-course" in text for text in texts), "readers show it"
        back = np.asarray(picture)
    assert back.shape == array.shape
    assert name == "c.jpg" or (back == array).all()


@pytest.mark.parametrize(("name", "array"), [("a.png", GREY), ("c.jpg", COLOUR)])
def test_a_changed_picture_has_no_note(tmp_path, name, array):
    file = tmp_path / name
    seal.write(file, Image.fromarray(array), NOTE)
    content = file.read_bytes()
    for changed in (content[:-1], content + b"x", content[:-9] + b"?" + content[-8:]):
        file.write_bytes(changed)
        assert seal.read(file) is None
    file.write_bytes(content.replace(b'"0.5"', b'"0.6"'))
    assert name == "c.jpg" or seal.read(file) is None, "a PNG has a check sum"
    file.write_bytes(content)
    with Image.open(file) as picture:  # painted on by a program that keeps texts
        texts = PngImagePlugin.PngInfo()
        for key, value in picture.info.items():
            texts.add_text(key, str(value))
        picture.load()
        picture.putpixel((0, 0), 0 if picture.mode != "RGB" else (9, 9, 9))
        picture.save(file, pnginfo=texts)
    assert b"fundus-course" in file.read_bytes() and seal.read(file) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"fundus-course", b"\x89PNG fundus-course\0{}", b"fundus-course\0[1}", None],
)
def test_other_files_have_no_note(tmp_path, content):
    file = tmp_path / "x.png"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    assert seal.read(file) is None


def test_what_is_too_long_for_a_jpeg_is_shrunk(tmp_path):
    seal.write(tmp_path / "a.jpg", Image.new("RGB", (70_000, 64)), NOTE)
    assert Image.open(tmp_path / "a.jpg").width == seal.LONGEST_SIDE
