"""One offline page: a browser finds the vessels of a photograph, nothing leaves it.

In it are the network as an ONNX file, ONNX Runtime Web (from npm) and the course's own
scripts in ``helpers/web``, which prepare a photograph as ``preprocess`` does.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import tarfile
from pathlib import Path
from string import Template

from . import fetch, places, saving

# The newest with a build that knows nothing of threads: the smallest. Any other version
# needs its integrity: npm view onnxruntime-web@VERSION dist.integrity
NAME = "onnxruntime-web-1.18.0.tgz"
INTEGRITY = (
    "sha512-o1UKj4ABIj1gmG7ae0RKJ3/GT+3yoF0RRpfDfeoe0huzRW4FDRLfbkDETmdFAvnJ"
    "EXuYDE0YT+hhkia0352StQ=="
)
SCRIPT, BINARY = "ort.wasm-core.min.js", "ort-wasm-simd.wasm"
WEB = Path(__file__).parent / "web"
CHANNELS = 4  # that prepare.js makes of a photograph
OWN = ("fov.js", "prepare.js", "worker.js")  # in this order, after SCRIPT


def runtime(
    given: Path | None = None, say: fetch.Say = lambda _: None
) -> dict[str, bytes]:
    """Return SCRIPT and BINARY of ONNX Runtime Web.

    They are in npm's package (36 MB), which is ``given`` or fetched once into the
    outputs. DownloadError, FileNotFoundError, ValueError say how to get it by hand.
    """
    path = given or places.output_dir() / NAME
    if given and not given.is_file():
        raise FileNotFoundError(f"{given} is missing; give the {NAME} that npm has")
    if not path.is_file():
        _fetch(path, say)
    _check(path)
    with tarfile.open(path) as archive:
        names = {name: f"package/dist/{name}" for name in (SCRIPT, BINARY)}
        return {k: archive.extractfile(name).read() for k, name in names.items()}


def _fetch(path: Path, say: fetch.Say) -> None:
    """Fetch the package from npm's registry; what is not it does not stay."""
    address = f"{places.npm_registry()}/onnxruntime-web/-/{NAME}"
    say(f"Fetching {address}, 36 MB, once")
    try:
        with saving.whole(path) as part:
            fetch.fetch(part, [address], None, fetch.LIMIT, say)
            if not _is_npms(part):
                raise ValueError(
                    f"{address} gave other bytes than npm's {NAME}; fetch it elsewhere "
                    "and name it with --from FILE.tgz"
                )
    except fetch.DownloadError as error:
        reason = str(error).partition("\n")[0]
        raise fetch.DownloadError(
            f"{reason}; the page needs that file once: fetch it where there is a "
            "network and name it with --from FILE.tgz"
        ) from error


def _is_npms(path: Path) -> bool:
    """Tell whether a file is npm's package, byte for byte."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    return f"sha512-{base64.b64encode(digest).decode()}" == INTEGRITY


def _check(path: Path) -> None:
    """Raise ValueError where a file is not npm's package."""
    if not _is_npms(path):
        raise ValueError(
            f"{path} is not npm's {NAME}: its SHA-512 is another one; delete it and "
            f"get it again, from {places.npm_registry()}/onnxruntime-web/-/{NAME}"
        )


def write(path: Path, network: bytes, settings: dict, files: dict[str, bytes]) -> None:
    """Write the page of an ONNX file, ``Segmenter.settings`` and files of ``runtime``.

    The slider starts at the threshold for other cameras. ValueError where the network
    takes something else than ``preprocess.prepare`` makes of a photograph.
    """
    if (channels := settings["settings"]["in_channels"]) != CHANNELS:
        raise ValueError(
            f"these weights take {channels} channels, the page prepares {CHANNELS}; "
            "take weights of the usual recipe"
        )
    scripts = [(WEB / name).read_text("utf-8") for name in OWN]
    threshold = settings["threshold_elsewhere"] or settings["threshold"]
    chosen = {"threshold": threshold, "known": settings["fov_diameter"]}
    template = Template((WEB / "page.html").read_text("utf-8"))
    page = template.substitute(
        settings=json.dumps(chosen),
        runtime=_packed(files[BINARY]),
        network=_packed(network),
        worker="\n".join([files[SCRIPT].decode(), *scripts]),
        page=(WEB / "page.js").read_text("utf-8"),
    )
    saving.write_bytes(path, page.encode())


def _packed(content: bytes) -> str:
    """Return bytes gzipped, in base64, as text in a page must be."""
    return base64.b64encode(gzip.compress(content, mtime=0)).decode()
