"""Data sets: taken from their sources or from what people have, and verified.

A file is known by its SHA-256, which stands in the manifest, whatever a source calls
it. A source of one's own may also hold other bytes of the right name and shape; they
are taken with a warning and called not verified.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from . import datasets, fetch, places, saving

ENDINGS = re.compile(r"(\.(gz|tiff?|gif|png|jpe?g|p[bgnp]m|bmp|webp))+$")  # of images


def _stem_and_folder(path: str) -> tuple[str, str]:
    """Return a file's name without endings and the folder it lies in, in lower case."""
    *folders, last = re.split(r"[/\\]", path.casefold())
    return ENDINGS.sub("", last), folders[-1] if folders else ""


class _Known:
    """The paths in a set by content and by name, looked up for each file of a source.

    Read once: a source may hold a hundred thousand files.
    """

    def __init__(self, name: str):
        self.stacks = datasets.DATASETS[name].stacks or {}
        self.digests, self.stems = {}, {}
        for path, digest in datasets.manifest(name).items():
            self.digests.setdefault(digest, set()).add(path)
        for path in [path for form in datasets.forms(name)[::-1] for path in form]:
            stem, folder = _stem_and_folder(path)
            self.stems.setdefault(stem, {})[path] = folder

    def by_content(self, content: bytes) -> set[str]:
        """Return the paths whose published bytes these are."""
        files = self.digests.get(hashlib.sha256(content).hexdigest(), set())
        stacks = [x for x in self.stacks.items() if datasets.is_original(content, x[1])]
        return files.union(dict(stacks))

    def by_name(self, member: str) -> list[str]:
        """Return the paths that a file can be by its stem and its folder.

        The folder counts only where it tells apart paths of one stem.
        """
        stem, folder = _stem_and_folder(member)
        same = self.stems.get(stem, {})
        return [path for path in same if same[path] == folder] or list(same)


def _is_photograph(name: str, path: str) -> bool:
    """Tell whether a path in a set is that of photographs; others are labels."""
    dataset = datasets.DATASETS[name]
    photographs = [dataset.path(dataset.image, i) for i in datasets.ids(name, "all")]
    photographs += list(dataset.stacks or ())[:1]
    return path.casefold() in map(str.casefold, photographs)


def _flaw(name: str, path: str, file: Path) -> str | None:
    """Say why a file cannot stand for the path in a set; None where it can."""
    if not file.is_file():
        return "missing"
    from . import pictures  # not above: numpy and Pillow are not needed to fetch

    dataset, is_photograph = datasets.DATASETS[name], _is_photograph(name, path)
    is_stack = path in (dataset.stacks or {})
    try:
        for page in range(len(datasets.ids(name, "all")) if is_stack else 1):
            picture = pictures.open_image(file, page)
            shape, size = (picture.height, picture.width), dataset.size
            if size and shape != size:
                return "{} x {}, not {} x {}".format(*shape, *size)
            colours = picture.convert("L").getcolors(2)  # None: more than two
            if is_photograph and colours:
                return "no photograph"
            if not is_photograph and (not colours or len(colours) < 2):
                return "no label of two values"
    except (OSError, ValueError):
        return "not whole, or no image"
    return None


def _described(flaws: dict[str, str]) -> str:
    """Say in words {path that the name of a file means: flaw}."""
    reasons, paths = sorted(set(flaws.values())), sorted(flaws)
    return f"{' or '.join(reasons)} (for {' or '.join(paths)})"


def _paths(wanted: list[dict[str, str]]) -> set[str]:
    """Return all that any form lacks; nothing where one form is whole."""
    return set().union(*wanted) if all(wanted) else set()


class _Import:
    """What a set lacks, while it is taken from the files of a source, one by one."""

    def __init__(self, name: str, data_dir: Path | str, by_name: bool, scratch: Path):
        self.name, self.place = name, datasets.home(name, data_dir)
        self.by_name, self.scratch = by_name, scratch
        self.known = _Known(name)
        self.wanted = datasets.lacking(name, self.place)
        self.is_new = self.wanted == datasets.forms(name)
        self.taken = set()  # originals
        self.spares = {}  # {path: (file in the source, a copy of it)}, known by name
        self.flawed = {}  # {file in the source: {path that its name means: flaw}}

    @property
    def lacking(self) -> set[str]:
        """Return the paths that a file is still taken for."""
        return _paths(self.wanted)

    @property
    def asked(self) -> list[str]:
        """Return the paths that a web folder is asked for, stacks before slices."""
        return [path for form in self.wanted[::-1] for path in form]

    def take_from(self, files: fetch.Files) -> None:
        """Go through the (name, bytes) of a source until nothing is lacking."""
        for member, content in files:
            self._judge(member, content)
            if not self.lacking:
                break

    def _judge(self, member: str, content: bytes) -> None:
        """Take an original; keep a copy or a flaw of what is known by its name."""
        originals, named = self.known.by_content(content), self.known.by_name(member)
        for path in originals & self.lacking:
            self._take(path, content)
        if originals.intersection(named) or not self.lacking.intersection(named):
            return
        copy = self.scratch / f"{len(self.spares)}"  # overwritten if not kept
        flaws = self._flaws(named, content, copy, is_original=bool(originals))
        if fits := [path for path in named if not flaws[path]]:
            self.spares.setdefault(fits[0], (member, copy))
        else:
            self.flawed[member] = flaws

    def _take(self, path: str, content: bytes) -> None:
        saving.write_bytes(self.place / path, content)
        self.taken.add(path)
        for form in self.wanted:
            form.pop(path, None)

    def _flaws(
        self, named: list[str], content: bytes, copy: Path, is_original: bool
    ) -> dict[str, str | None]:
        """Say for each path why this cannot be its file; None where it can."""
        if is_original:
            return dict.fromkeys(named, "the bytes of another file")
        if not self.by_name:
            return dict.fromkeys(named, "not the original")
        saving.write_bytes(copy, content)
        return {path: _flaw(self.name, path, copy) for path in named}

    def use_spares(self) -> dict[str, str]:
        """Take the copies of what no original came for; return {path: its origin}."""
        used = {p: spare for p, spare in self.spares.items() if p in self.lacking}
        for path, (_, copy) in used.items():
            saving.write_bytes(self.place / path, copy.read_bytes())
        return {path: member for path, (member, _) in used.items()}

    def damaged(self, used: Iterable[str]) -> dict[str, str]:
        """Return {file in the source: flaw} of those that something still lacks."""
        lacking = self.lacking.difference(used)
        return {
            member: _described(flaws)
            for member, flaws in self.flawed.items()
            if lacking.intersection(flaws)
        }


def import_from(
    name: str,
    source: Path | str,
    data_dir: Path | str,
    sha256: str | None = None,
    say: fetch.Say = print,
    by_name: bool = True,
) -> dict[str, str]:
    """Take what a set lacks from a folder, an archive or an address of one.

    Files are known by SHA-256, under any name and in any folder; where no original is
    found, by name and shape (``by_name``), with a warning: not verified. The result is
    {file in the source: its flaw} of those known by name and not taken.
    ``sha256`` is that of an archive.
    """
    with tempfile.TemporaryDirectory(prefix="fundus-") as scratch:
        task = _Import(name, data_dir, by_name, Path(scratch))
        if not task.lacking:
            return {}
        files = fetch.contents(str(source), task.asked, sha256, task.scratch, say)
        with contextlib.closing(files):
            task.take_from(files)
        used = task.use_spares()
    if used:
        pairs = ", ".join(f"{path} (from {member})" for path, member in used.items())
        say(f"WARNING: known by name and shape alone, not verified: {pairs}")
    damaged = task.damaged(used)
    if not (task.taken or used or damaged):
        if task.is_new:
            raise ValueError(
                f"{source} holds no file of {name}, neither by content nor by name; "
                f"fetch the set at {datasets.DATASETS[name].home}"
            )
        say(f"{source} holds no original of what is lacking here")
    return damaged


def _from_public_sources(
    name: str, data_dir: Path | str, accept_terms: bool, say: fetch.Say
) -> None:
    """Try the sources of a set in order until nothing is lacking."""
    for source in datasets.DATASETS[name].sources:
        place = datasets.home(name, data_dir)
        lacking = _paths(datasets.lacking(name, place))
        has_any = any(path.startswith(source.gives) for path in lacking)
        if not has_any or not (source.covered or accept_terms):
            continue
        if not source.covered:
            say(
                "The next source is a copy that the owner's terms do not cover; it is "
                "tried because you accepted that."
            )
        say(f"Fetching from {source.address}")
        try:
            others = import_from(
                name, source.address, data_dir, source.sha256, say, by_name=False
            )
        except (fetch.DownloadError, ValueError) as error:
            say("  " + str(error).splitlines()[0])
        else:
            if others:
                say(f"  not the originals, so not taken: {', '.join(others)}")


def state(name: str, data_dir: Path | str) -> tuple[list[str], list[str], list[str]]:
    """Return the verified, the not verified and the lacking files of a set on disk.

    Of several forms, the one with the smallest lacking part counts.
    """
    states, place = [], datasets.home(name, data_dir)
    for form, differ in zip(
        datasets.forms(name), datasets.lacking(name, place), strict=True
    ):
        flaws = {f: _flaw(name, f, datasets.locate(place, f)) for f in differ}
        doubtful = [file for file in flaws if not flaws[file]]
        lacking = [file for file in flaws if flaws[file]]
        states.append(([f for f in form if f not in differ], doubtful, lacking))
    return min(states, key=lambda x: len(x[2]) / max(1, sum(map(len, x))))


def _summary(name: str, data_dir: Path | str, say: fetch.Say) -> str:
    """Say what is there; DownloadError where it is less than the owner publishes."""
    good, doubtful, lacking = state(name, data_dir)
    place, dataset = datasets.home(name, data_dir), datasets.DATASETS[name]
    files = good + doubtful + lacking
    count = f"{place}: {len(good)} of {len(files)} files of {name} verified"
    if doubtful:
        count += f", {len(doubtful)} not verified: {', '.join(doubtful)}"
    if not lacking:
        say(f"{count}." if doubtful else f"{count}: complete.")
        return "not verified" if doubtful else "complete"
    closed = datasets.unpublished(name).intersection(files)
    ways = "A full copy that you have comes in by --from FOLDER_OR_ARCHIVE_OR_ADDRESS"
    if closed:
        ways += "; --accept-terms tries copies that the owner's terms do not cover"
    if set(lacking) == closed and not any((place / file).exists() for file in lacking):
        folders = ", ".join(sorted({file.rpartition("/")[0] for file in closed}))
        say(f"{count}: all that is published.\nNot published: {folders}. {ways}.")
        return "official"
    first = ", ".join(lacking[:5]) + (", ..." if len(lacking) > 5 else "")
    raise fetch.DownloadError(
        f"{count}; missing or damaged are {first}\n"
        f"Try again later, or fetch them by hand at {dataset.home} and "
        f"run: {places.COMMAND} data {name} --from FILE_OR_FOLDER\n{ways}."
    )


def get(
    name: str,
    data_dir: Path | str,
    accept_terms: bool = False,
    source: Path | str | None = None,
    say: fetch.Say = print,
) -> str:
    """Bring a set into its folder in ``data_dir`` and verify every file of it.

    Terms and citation are said before the first byte. Originals that are there stay
    untouched. Without ``source`` the public ones are tried in order, those that the
    owner's terms do not cover only with ``accept_terms``. Returns "complete", "not
    verified" where some files are known by name and shape alone, or "official" where
    exactly that is missing which the owner does not publish.
    """
    dataset = datasets.get(name)
    if dataset.drawn:
        raise ValueError(f"{name} is drawn, not fetched; helpers.phantom draws it")
    say(f"{dataset.title}\n  home: {dataset.home}\n  terms: {dataset.terms}")
    say(f"  please cite: {dataset.citation}")
    splits = ", ".join(f"{len(x)} {split}" for split, x in dataset.splits.items())
    if dataset.vessels:
        fov = "published" if dataset.fov else "found automatically"
        second = f"in {', '.join(dataset.second_in)}" if dataset.second else "none"
        say(f"  field of view: {fov}; second observer: {second}")
    say(f"  images: {splits}")
    if source is None:
        _from_public_sources(name, data_dir, accept_terms, say)
    elif damaged := import_from(name, source, data_dir, say=say):
        good, doubtful, lacking = map(len, state(name, data_dir))
        raise ValueError(
            f"{len(damaged)} of the files in {source} are damaged and were not taken: "
            f"{', '.join(f'{file}: {flaw}' for file, flaw in damaged.items())}; fetch "
            f"them again at {dataset.home}. Now {good} files of {name} are verified, "
            f"{doubtful} not verified, {lacking} lacking"
        )
    return _summary(name, data_dir, say)
