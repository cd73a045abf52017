"""The pack: the whole course and verified data in one file, for a class or a USB stick.

With it every chapter runs where there is no network: the set-up cell takes it, so does
``download.import_from``, and ``start.bat`` or ``start.sh`` in it opens a chapter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from . import datasets, download, places, saving

COURSE = (  # what is published, without what runs and tools leave
    "helpers/**/*", "jobs/*", "notebooks/**/*", "results/**/*", "tests/**/*",
    "*.md", "*.cff", "*.toml", "*.sh", "*.bat", "requirements*.txt", "constraints.txt",
    "LICENSE", ".github/**/*", ".ci/*", ".gitattributes", ".gitignore",
    ".pre-commit-config.yaml",
)  # fmt: skip
LEFT_OUT = ("__pycache__", ".pyc", ".part", ".zip")  # the ends of names


def _is_left_out(path: Path) -> bool:
    """Tell whether a path below the course is a tool's: hidden in a folder, or cached.

    Hidden files and folders beside ``helpers`` are named in COURSE.
    """
    hidden = any(part.startswith(".") for part in path.parts[1:])
    return hidden or any(part.endswith(LEFT_OUT) for part in path.parts)


def _described(path: Path, member: str) -> ZipInfo:
    """Return what the archive says of a file: the same on every system.

    Windows knows no executable files, and a pack made there is unpacked elsewhere.
    """
    info = ZipInfo.from_file(path, member, strict_timestamps=False)
    runs = path.suffix == ".sh" or member == ".ci/run"
    info.create_system, info.external_attr = 3, (0o100755 if runs else 0o100644) << 16
    info.compress_type = ZIP_STORED if path.suffix == ".whl" else ZIP_DEFLATED
    return info


def _add(archive: ZipFile, path: Path, member: str) -> int:
    """Copy a file into an archive, a gzipped one of a data set unpacked."""
    content = datasets.read_bytes(path)
    archive.writestr(_described(path, member), content)
    return len(content)


def write(
    file: Path,
    data_dir: Path | str,
    names: Iterable[str] | None = None,
    wheels: Path | None = None,
    say: Callable[[str], None] = print,
) -> str:
    """Write a zip of the course, verified files of sets and wheels; return its SHA-256.

    Sets lie in it under ``data``; names None means all that are there. The wheels in
    the folder ``wheels`` come in, too; None means those of the pack that this course
    was unpacked from, if any. The same files, their times included, give the same
    bytes.
    """
    root, closed = places.ROOT, []
    course = {path for pattern in COURSE for path in root.glob(pattern)}
    packages = sorted((wheels or root / "wheels").glob("*.whl"))
    with saving.whole(file) as part, ZipFile(part, "w") as archive:
        for path in sorted(filter(Path.is_file, course)):
            member = path.relative_to(root)
            if not _is_left_out(member):
                _add(archive, path, member.as_posix())
        every = filter(datasets.manifest, datasets.DATASETS)
        for name in every if names is None else names:
            (files, *_), place = (
                download.state(name, data_dir),
                datasets.home(name, data_dir),
            )
            if names is not None and not files:
                raise ValueError(f"{place} holds no verified file; fetch {name} first")
            found = ((datasets.locate(place, x), f"data/{name}/{x}") for x in files)
            size = sum(_add(archive, *pair) for pair in found)
            if files:
                facts = f"{len(files)} verified files, {size / 1e6:.1f} MB"
                say(f"{name}: {facts}; terms: {datasets.DATASETS[name].terms}")
                closed += [] if datasets.DATASETS[name].may_be_passed_on else [name]
        size = sum(_add(archive, path, f"wheels/{path.name}") for path in packages)
    if packages:
        say(f"wheels: {len(packages)} packages, {size / 1e6:.1f} MB")
    digest = datasets.sha256(file)
    say(f"{file} is ready, {file.stat().st_size / 1e6:.1f} MB, SHA-256 {digest}")
    say(f"Where it is served, FUNDUS_REPO is its address and #sha256={digest}")
    if closed:
        say(
            f"The terms of {', '.join(closed)} do not let you pass the images on, or "
            "do not say so: keep this file to your own devices, or ask the owner."
        )
    return digest
