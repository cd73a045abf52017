"""Image files: formats read alike, in full depth; refusals and their words."""

import os
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from helpers import fundus, phantom, pictures

DEPTHS = ((np.uint8, 255), (np.uint16, 65535), (np.uint16, 4095))  # type, white
EYE = np.rint(phantom.draw(1, 120, 110).image * 255).astype(np.uint8).transpose(1, 2, 0)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", {}),
        ("a.tif", {}),
        ("lzw.tif", {"compression": "tiff_lzw"}),
        ("a.bmp", {}),
        ("a.ppm", {}),
        ("a.webp", {"lossless": True}),
        ("wrong name.jpg", {"format": "PNG"}),
    ],
)
def test_lossless_formats_read_alike(tmp_path, name, options):
    Image.fromarray(EYE).save(tmp_path / name, **options)
    read = pictures.read_photo(tmp_path / name)[0]
    assert read.dtype == np.float32 and read.flags["C_CONTIGUOUS"]
    assert np.array_equal(read, EYE.transpose(2, 0, 1).astype(np.float32) / 255)


@pytest.mark.parametrize(
    ("mode", "name", "tolerance"),
    [
        ("RGB", "a.jpg", 20),
        ("RGB", "a.webp", 40),
        ("CMYK", "a.jpg", 20),
        ("CMYK", "a.tif", 2),
        ("P", "a.png", 12),
        ("P", "a.gif", 12),
    ],
)
def test_lossy_formats_and_other_colours_read_nearly_alike(
    tmp_path, mode, name, tolerance
):
    options = {"palette": Image.Palette.ADAPTIVE} if mode == "P" else {}
    Image.fromarray(EYE).convert(mode, **options).save(tmp_path / name)
    difference = pictures.read_photo(tmp_path / name)[0] * 255 - EYE.transpose(2, 0, 1)
    assert np.quantile(np.abs(difference), 0.95) <= tolerance


@pytest.mark.parametrize(
    ("name", "dtype", "white"),
    [(name, dtype, white) for name in ("a.png", "a.tif") for dtype, white in DEPTHS]
    + [("a.tif", np.float32, 1)],
)
def test_grey_images_of_any_depth_reach_from_black_to_white(
    tmp_path, name, dtype, white
):
    grey = np.linspace(0, 1, 120 * 110).reshape(120, 110)
    rounded = grey if white == 1 else np.rint(grey * white)
    Image.fromarray(rounded.astype(dtype)).save(tmp_path / name)
    read = pictures.read_photo(tmp_path / name)[0]
    assert read.shape == (3, 120, 110) and np.abs(read - grey).max() <= 0.5 / 255


def test_transparent_parts_are_black_and_rotation_is_followed(tmp_path):
    layers = np.dstack([EYE, np.full(EYE.shape[:2], 255, np.uint8)])
    layers[:30, :, :3], layers[:30, :, 3] = 255, 0
    Image.fromarray(layers).save(tmp_path / "a.png")
    read = pictures.read_photo(tmp_path / "a.png")[0]
    assert not read[:, :30].any() and np.allclose(
        read[:, 30:] * 255, EYE[30:].transpose(2, 0, 1)
    )
    exif = Image.Exif()
    exif[0x0112] = 6  # turned: show it a quarter turn clockwise
    Image.fromarray(np.rot90(EYE)).save(tmp_path / "b.webp", lossless=True, exif=exif)
    turned = pictures.read_photo(tmp_path / "b.webp")[0]
    assert np.allclose(turned * 255, EYE.transpose(2, 0, 1))
    as_stored = fundus.read_image(tmp_path / "b.webp")  # of a set: pixels as they are
    assert as_stored.shape == (3, 110, 120)


def test_photographs_too_small_too_large_and_with_a_flipped_bit(tmp_path, monkeypatch):
    Image.fromarray(EYE[:60]).save(tmp_path / "small.png")
    with pytest.raises(ValueError, match="110 x 60 pixels; vessels need at least 64"):
        pictures.read_photo(tmp_path / "small.png")[0]
    monkeypatch.setattr(pictures, "MAX_PIXELS", 10_000)
    Image.fromarray(EYE).save(tmp_path / "large.png")
    with pytest.raises(ValueError, match=r"large\.png has 110 x 120 pixels.*shrink it"):
        pictures.read_photo(tmp_path / "large.png")[0]
    monkeypatch.undo()
    content = bytearray((tmp_path / "large.png").read_bytes())
    content[-13] ^= 1  # of the last check sum; the pixels could still be decoded
    (tmp_path / "flipped.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"flipped\.png cannot be read"):
        pictures.read_photo(tmp_path / "flipped.png")[0]
    (tmp_path / "text.jpg").write_text("no image")
    with pytest.raises(ValueError, match="no known image format"):
        pictures.read_photo(tmp_path / "text.jpg")[0]


# ---- Full depth ----


def chunk(kind: bytes, body: bytes, flip: int = 0) -> bytes:
    """Return a part of a PNG; ``flip`` spoils its check sum."""
    check = struct.pack(">I", zlib.crc32(kind + body) ^ flip)
    return struct.pack(">I", len(body)) + kind + body + check


def write_png(path, picture, side=b""):
    """Write (H, W, 3 or 4) uint16, which Pillow cannot; ``side`` comes before it."""
    height, width, channels = picture.shape
    kind = {3: 2, 4: 6}[channels]
    head = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in picture)
    body = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(pictures.PNG + chunk(b"IHDR", head) + side + body)


def with_alpha(picture):
    return np.dstack([picture, np.full(picture.shape[:2], 65535, np.uint16)])


def write_tiff(path, picture, planes=False, **options):
    picture = picture.transpose(2, 0, 1) if planes else picture
    options |= {"planarconfig": "separate"} if planes else {}
    tifffile.imwrite(path, picture, photometric="rgb", **options)


DEEP = {
    "png": write_png,
    "png with alpha": lambda path, picture: write_png(path, with_alpha(picture)),
    "tiff": write_tiff,
    "big-endian": lambda path, picture: write_tiff(path, picture, byteorder=">"),
    "deflate": lambda path, picture: write_tiff(path, picture, compression="zlib"),
    "tiles": lambda path, picture: write_tiff(path, picture, tile=(32, 32)),
    "planes": lambda path, picture: write_tiff(path, picture, planes=True),
    "ppm": lambda path, picture: path.write_bytes(
        b"P6\n110 120\n65535\n" + picture.astype(">u2").tobytes()
    ),
}


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("kind", DEEP)
def test_colours_of_more_than_8_bits_keep_them(tmp_path, kind, bits):
    ramp = np.linspace(0, 1, 110 * 120 * 3).reshape(120, 110, 3)
    DEEP[kind](tmp_path / "x", np.rint(ramp * (2**bits - 1)).astype(np.uint16))
    read, notes = pictures.read_photo(tmp_path / "x")
    assert np.abs(read - ramp.transpose(2, 0, 1)).max() < 0.6 / (2**bits - 1)
    assert not notes


def test_a_hot_pixel_is_not_the_white_of_the_others(tmp_path):
    deep = EYE.astype(np.uint16) * 4  # 10 bits
    deep[60, 60] = 65535
    for name, picture in (("grey.tif", deep[..., 1]), ("colour.tif", deep)):
        tifffile.imwrite(tmp_path / name, picture)
        read, _ = pictures.read_photo(tmp_path / name)
        assert read.max() == 1 and abs(read[1] - EYE[..., 1] / 255.75).mean() < 1e-3


# ---- Several pictures, broken side matter, foreign files ----


def test_of_several_pictures_the_largest_is_taken_and_the_others_are_told(tmp_path):
    eye, half = Image.fromarray(EYE), Image.fromarray(EYE[::2, ::2])
    half.save(tmp_path / "preview.tif", save_all=True, append_images=[eye])
    read, notes = pictures.read_photo(tmp_path / "preview.tif")
    assert read.shape == (3, 120, 110) and not notes
    for name in ("pair.tif", "pair.mpo", "pair.webp"):
        eye.save(tmp_path / name, save_all=True, append_images=[eye.rotate(180)])
        read, notes = pictures.read_photo(tmp_path / name)
        assert notes == ["the file holds 2 pictures; number 1 was taken"]
        assert np.abs(read * 255 - EYE.transpose(2, 0, 1)).mean() < 6


def test_broken_side_matter_does_no_harm(tmp_path):
    zipped = zlib.compress(b"x" * 9_000_000)
    harmless = {
        "long text": chunk(b"zTXt", b"note\0\0" + zipped),
        "long xmp": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zipped),
        "wrong sum": chunk(b"tEXt", b"note\0hello", flip=1),
    }
    for name, side in harmless.items():
        write_png(tmp_path / name, EYE.astype(np.uint16) * 257, side)
        read, _ = pictures.read_photo(tmp_path / name)
        assert np.allclose(read * 255, EYE.transpose(2, 0, 1), atol=0.01)
    exif = Image.Exif()
    exif[0x0112], exif[0x011A] = 6, 0.01  # turned; a resolution
    content = bytearray(exif.tobytes())
    entry = content.index(struct.pack(">HHI", 0x011A, 5, 1))
    content[entry + 8 : entry + 12] = b"\x7f\xff\xff\xff"  # it lies nowhere
    Image.fromarray(EYE).save(tmp_path / "exif.jpg", exif=bytes(content), quality=95)
    assert pictures.read_photo(tmp_path / "exif.jpg")[0].shape == (3, 110, 120)


def test_a_note_of_rotation_that_cannot_be_followed_is_none(tmp_path, monkeypatch):
    Image.fromarray(EYE).save(tmp_path / "eye.png")

    def overflow(_):  # as of a rational out of range
        raise struct.error("argument out of range")

    monkeypatch.setattr(pictures.ImageOps, "exif_transpose", overflow)
    assert pictures.read_photo(tmp_path / "eye.png")[0].shape == (3, 120, 110)


FOREIGN = {
    "eye.heic": (b"\0\0\0\x18ftypheic" + b"\0" * 200, "HEIC.*export it as PNG"),
    "heic.png": (b"\0\0\0\x18ftypmif1" + b"\0" * 200, "HEIC.*export it as PNG"),
    "eye.dcm": (b"\0" * 128 + b"DICM" + b"\0" * 99, "DICOM.*export"),
    "eye.pdf": (b"%PDF-1.7 ...", "PDF.*export"),
    "eye.mp4": (b"\0\0\0\x18ftypisom" + b"\0" * 99, "video"),
    "page.jpg": (b"<!DOCTYPE html><html>", "web page.*get it again"),
    "lfs.png": (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_files_are_called_by_their_name(tmp_path, name):
    content, words = FOREIGN[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name} is a.*{words}"):
        pictures.read_photo(tmp_path / name)


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
def test_no_other_program_is_started(tmp_path, monkeypatch):
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    Image.fromarray(EYE).save(tmp_path / "eye.eps")
    (tmp_path / "21_training.tif").write_bytes((tmp_path / "eye.eps").read_bytes())
    for name in ("eye.eps", "21_training.tif"):
        for read in (pictures.read_photo, pictures.open_image, fundus.read_label):
            with pytest.raises(
                ValueError, match="PostScript file: export it as PNG or"
            ):
                read(tmp_path / name)
    assert not (tmp_path / "started").exists()


def test_only_the_formats_of_the_list_are_read(tmp_path):
    assert {".jpg", ".mpo", ".png", ".tif", ".bmp", ".ppm", ".webp", ".gif"} <= (
        pictures.suffixes()
    )
    assert not {".eps", ".pdf", ".mpg", ".dcm", ".fits"} & pictures.suffixes()
    for name in ("a.tga", "a.pcx", "a.ico", "a.jp2", "a.sgi"):
        Image.fromarray(EYE[:64, :64]).save(tmp_path / name)
        with pytest.raises(ValueError, match=r"no known image format|is a JPEG 2000"):
            pictures.read_photo(tmp_path / name)


def test_a_tiff_of_floating_colours_is_told_what_to_do(tmp_path):
    write_tiff(tmp_path / "x.tif", EYE.astype(np.float32) / 255)
    with pytest.raises(
        ValueError, match=r"x\.tif cannot be read.*colours may be float"
    ):
        pictures.read_photo(tmp_path / "x.tif")


def test_a_wrong_path_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="is a folder, no file"):
        pictures.read_photo(tmp_path)
    with pytest.raises(FileNotFoundError, match="missing: no such file"):
        pictures.read_photo(tmp_path / "no.png")
