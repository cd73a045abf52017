"""Image files: one list of formats, opened with care, decoded in full depth."""

from __future__ import annotations

import io
import sys
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import tifffile  # scikit-image brings it
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from . import places
from .datasets import read_bytes

# What is opened and what is looked for in a folder. Pillow knows more formats; some
# start other programs (EPS), and each is one more way in for a hostile file.
# A JPEG of several pictures is called MPO; Pillow opens it as a JPEG.
FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "PPM", "WEBP", "GIF")
MAX_PIXELS = 40_000_000  # of a photograph; 6000 x 6000 are 36 million
MIN_SIDE = 64  # pixels of a photograph; fewer show no vessels
MAX_PAGES = 20  # of a file are looked at, to find the largest
WHITES = (1, 255, 1023, 4095, 16383, 65535)  # of floats and of 8 to 16 bits
PNG = b"\x89PNG\r\n\x1a\n"
Content = Path | io.BytesIO
Answer = TypeVar("Answer")


def suffixes() -> set[str]:
    """Return the endings of the formats that are read, such as ".jpg"."""
    known = Image.registered_extensions()  # {".jpg": "JPEG", ...}
    return {suffix for suffix, name in known.items() if name in (*FORMATS, "MPO")}


AS_PNG = ("export it as PNG or TIFF", "请导出成 PNG 或 TIFF")
FOREIGN = {  # how they begin: what they are, what to do
    b"%PDF": (("a PDF file", " PDF 文件"), AS_PNG),
    b"%!PS": (("a PostScript file", " PostScript 文件"), AS_PNG),
    b"\xff\x4f\xff\x51": (("a JPEG 2000 file", " JPEG 2000 文件"), AS_PNG),
    b"\0\0\0\x0cjP  ": (("a JPEG 2000 file", " JPEG 2000 文件"), AS_PNG),
    b"version https://git-lfs": (
        ("a pointer of Git LFS", " Git LFS 的指针，不是图像"),
        ("fetch the file itself", "请取来文件本身"),
    ),
    b"<": (
        ("a web page", "网页"),
        ("the download went wrong, get it again", "下载出了错，请重新下载"),
    ),
}


def foreign(head: bytes) -> tuple[str, str] | None:
    """Say in both languages what a file is that is not read, by its first 132 bytes."""
    kind = next((FOREIGN[sign] for sign in FOREIGN if head.startswith(sign)), None)
    if head[128:132] == b"DICM":
        kind = ("a DICOM file", " DICOM 文件"), AS_PNG
    elif head[4:8] == b"ftyp":
        brand = head[8:12]
        kind = ("a video", "视频"), ("take pictures out of it", "请从中截取图片")
        if brand in (b"avif", b"avis"):
            kind = ("an AVIF file", " AVIF 文件"), AS_PNG
        elif brand in (b"heic", b"heix", b"heim", b"hevc", b"mif1", b"msf1"):
            kind = (
                ("a HEIC file, as iPhones write them", " iPhone 的 HEIC 文件"),
                AS_PNG,
            )
    if not kind:
        return None
    (english, chinese), (cure, cure_zh) = kind
    return f"{english}: {cure}", f"{chinese}：{cure_zh}"


def _without_texts(content: bytes) -> bytes:
    """Return a PNG without its texts and without other side matter that is damaged.

    Texts of a size that Pillow refuses and wrong check sums of what is no part of the
    picture do no harm to the picture.
    """
    kept, at = [content[:8]], 8
    while at < len(content):
        end = at + 12 + int.from_bytes(content[at : at + 4], "big")
        chunk, at = content[at:end], end
        kind, body, check = chunk[4:8], chunk[4:-4], chunk[-4:]
        whole = zlib.crc32(body) == int.from_bytes(check, "big")
        if kind[:1].isupper() or (whole and kind not in (b"tEXt", b"zTXt", b"iTXt")):
            kept.append(chunk)
    return b"".join(kept)


def _half(tile: tuple, low: bool) -> tuple:
    """Return how Pillow shall read the high or the low bytes of 16-bit colours.

    It keeps one byte of the two; which one hangs on the order of bytes that it is told:
    B (big-endian), L (little-endian) or N (this machine's).
    """
    codec, box, offset, args = tile
    if codec == "ppm":
        codec, args = "raw", ("RGB;16B", 0, 1)
    raw, *rest = (args,) if isinstance(args, str) else args
    if low:
        order = raw[-1].replace("N", "L" if sys.byteorder == "little" else "B")
        raw = raw[:-1] + {"B": "L", "L": "B"}[order]
    args = raw if isinstance(args, str) else (raw, *rest)
    return getattr(tile, "_make", tuple)((codec, box, offset, args))


def _is_deep(file: Image.Image) -> bool:
    """Tell whether a file that was opened holds colours of 16 bits."""
    if not file.tile or file.mode not in ("RGB", "RGBA"):
        return False
    if bits := getattr(file, "tag_v2", {}).get(TiffImagePlugin.BITSPERSAMPLE):
        return max(bits) > 8
    codec, *_, args = file.tile[0]
    return args[-1] > 255 if codec == "ppm" else ";16" in str(args)


def _is_planar(file: Image.Image) -> bool:
    """Tell whether a file that was opened keeps its colours in planes of their own."""
    tags = getattr(file, "tag_v2", {})
    return tags.get(TiffImagePlugin.PLANAR_CONFIGURATION) == 2


def _load(content: Content, page: int = 0, low: bool | None = None) -> Image.Image:
    """Decode a page; of colours of 16 bits the high (low=False) or the low bytes."""
    with Image.open(content, formats=FORMATS) as file:
        file.seek(page)
        if low is not None:
            file.tile = [_half(tile, low) for tile in file.tile]
        file.load()
        return file.copy()


class TooLarge(Exception):  # noqa: N818 -- it never leaves this module
    """An image has more pixels than the memory should hold."""


def _read(path: Path, read: Callable[[Content], Answer], what: str = "") -> Answer:
    """Return what ``read`` makes of a file, gzipped or not, or say what is wrong."""
    what = what or str(path)
    if not path.is_file():
        state = ("a folder, no file", "是文件夹，不是文件")
        if not path.is_dir():
            state = ("missing: no such file", "不存在")
        english = f"{path} is {state[0]}; name an image that is there"
        raise FileNotFoundError(
            places.pick((english, f"{path} {state[1]}；请写一个图像文件的路径"))
        )
    with path.open("rb") as file:
        head = file.read(132)
    try:
        content = io.BytesIO(read_bytes(path)) if path.suffix == ".gz" else path
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # broken metadata alone does no harm
            try:
                return read(content)
            except (TooLarge, MemoryError):
                raise
            except Exception:
                if not head.startswith(PNG):
                    raise
                return read(io.BytesIO(_without_texts(path.read_bytes())))
    except TooLarge as error:
        raise ValueError(f"{what}{error}") from None
    except MemoryError:
        raise
    except Exception as error:  # a foreign file can make Pillow raise anything
        unknown = isinstance(error, UnidentifiedImageError)
        if unknown and (known := foreign(head)):
            english, chinese = f"{what} is {known[0]}", f"{what} 是{known[1]}"
            raise ValueError(places.pick((english, chinese))) from error
        reason = (
            ("no known image format", "不是已知的图像格式") if unknown else [error] * 2
        )
        if unknown and head.startswith((b"II*\0", b"MM\0*")):
            reason = (
                "no TIFF of whole numbers; colours may be floats",
                "不是整数的 TIFF",
            )
        english = (
            f"{what} cannot be read as an image ({reason[0]}); it may be cut off or be "
            "something else: get it again from where it came"
        )
        chinese = (
            f"{what} 读不成图像（{reason[1]}）：文件可能不完整，或者是别的文件；"
            "请重新拷贝或下载一份"
        )
        raise ValueError(places.pick((english, chinese))) from error


def _checked(content: Content, page: int = 0) -> None:
    """Refuse too many pixels, and wrong check sums, which only PNG has."""
    with Image.open(content, formats=FORMATS) as file:
        file.seek(page)
        width, height = file.size
    if width * height > MAX_PIXELS:
        size, most = f"{width} x {height}", f"{MAX_PIXELS:,}"
        english = f" has {size} pixels, more than {most}: shrink it"
        chinese = f" 有 {size} 像素，超过 {most}：请先缩小"
        raise TooLarge(places.pick((english, chinese)))
    with Image.open(content, formats=FORMATS) as file:
        file.verify()


def open_image(path: Path, page: int = 0) -> Image.Image:
    """Open and decode one page of an image file, gzipped or not; 8 bits a colour.

    FileNotFoundError and ValueError say what is wrong with the file and what helps.
    """

    def read(content: Content) -> Image.Image:
        _checked(content, page)
        return _load(content, page)

    return _read(path, read, f"page {page + 1} of {path}" if page else "")


def to_array(picture: Image.Image) -> np.ndarray:
    """Return (3, H, W) float32 in [0, 1]; channel by channel, to spare memory."""
    bands = picture.convert("RGB").split()
    image = np.empty((3, picture.height, picture.width), np.float32)
    for channel, band in zip(image, bands, strict=True):
        channel[:] = band
    image /= 255
    return image


def _turned(picture: Image.Image) -> Image.Image:
    """Follow the camera's note of rotation (EXIF); a broken note is none."""
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:
        return picture


def _scaled(values: np.ndarray) -> np.ndarray:
    """Return values of any depth as float32 in [0, 1].

    White is that of the smallest depth that holds nearly all of them: one pixel in a
    thousand may lie above it, as single pixels of a sensor are hot.
    """
    step = max(1, min(values.shape[-2:]) // 1000)  # every pixel of a large one is many
    bright = float(np.quantile(values[..., ::step, ::step], 0.999))
    white = next((w for w in WHITES if bright <= w), bright)
    values = np.asarray(values, np.float32)
    np.divide(values, white, out=values)
    return values.clip(0, 1, out=values)


def _joined(high: Image.Image, low: Image.Image) -> np.ndarray:
    """Return values of 0 to 65535, (3, H, W) float32, from their bytes."""
    image = np.empty((3, high.height, high.width), np.float32)
    for channel, *bands in zip(image, high.split(), low.split(), strict=False):
        channel[:] = bands[0]
        channel *= 256
        channel += np.asarray(bands[1])
    return image


def read_photo(path: Path | str) -> tuple[np.ndarray, list[str]]:
    """Read a photograph of one's own: (3, H, W) float32 in [0, 1], and doubts.

    JPEG, MPO, PNG, TIFF, BMP, PPM, WebP or GIF. Grey, palette and CMYK become RGB,
    transparent parts black; 10, 12, 14 and 16 bits are read in full; the camera's note
    of rotation (EXIF) is followed; of several pictures the largest is taken. ValueError
    names a file that is broken, too small or too large.
    """
    path = Path(path)
    pages, notes = _read(path, _pages), []
    page = int(np.argmax([height * width for height, width in pages]))
    areas = [height * width / np.prod(pages[page]) for height, width in pages]
    if sum(area > 0.5 for area in areas) > 1:
        english = f"the file holds {len(pages)} pictures; number {page + 1} was taken"
        chinese = f"文件里有 {len(pages)} 张图；取了第 {page + 1} 张"
        notes.append(places.pick((english, chinese)))
    if min(pages[page]) < MIN_SIDE:
        height, width = pages[page]
        english = (
            f"{path} has {width} x {height} pixels; vessels need at least {MIN_SIDE} "
            "on each side: take the photograph in its own size"
        )
        chinese = (
            f"{path} 只有 {width} × {height} 像素，每边至少要 {MIN_SIDE} 像素才看得清"
            "血管：请用原来大小的照片"
        )
        raise ValueError(places.pick((english, chinese)))
    return _read(path, lambda content: _photo(content, page)), notes


def _pages(content: Content) -> list[tuple[int, int]]:
    """Return (rows, columns) of the pictures in a file, of the first ``MAX_PAGES``."""
    sizes = []
    with Image.open(content, formats=FORMATS) as file:
        for page in range(MAX_PAGES):
            try:
                file.seek(page)
            except Exception:  # the end, or a later picture that is broken
                break
            sizes.append(file.size[::-1])
    return sizes


def _photo(content: Content, page: int) -> np.ndarray:
    """Decode a page as (3, H, W) float32 in [0, 1], in the depth that it has."""
    _checked(content, page)
    with Image.open(content, formats=FORMATS) as file:
        file.seek(page)
        deep, planes = _is_deep(file), _is_planar(file)
    if deep and planes:  # here Pillow errs
        return _scaled(tifffile.imread(content, key=page)[:3])
    picture = _turned(_load(content, page, low=False if deep else None))
    if deep:
        image = _scaled(_joined(picture, _turned(_load(content, page, low=True))))
        if picture.mode == "RGBA":
            image *= np.asarray(picture.getchannel("A"), np.float32) / 255
        return image
    if picture.mode in ("F", "I") or picture.mode.startswith("I;16"):
        grey = np.nan_to_num(np.asarray(picture, np.float32))
        return np.repeat(_scaled(grey)[None], 3, axis=0)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
        picture = Image.alpha_composite(black, picture)
    return to_array(picture)
