"""How notebooks are made and executed: build, run, strip."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = {"en": "notebooks", "zh": "notebooks/zh"}  # folders of what is built
SIDE = {"en": 0, "zh": 1}  # of a pair of words


def chosen(paths: list[Path], numbers: list[str], what: str = "chapter") -> list[Path]:
    """Return the paths of chapters whose numbers are wanted; all if none is named."""
    there = {path.name[:2]: path for path in sorted(paths)}
    wanted = [number.zfill(2) for number in numbers]
    if unknown := sorted(set(wanted) - set(there)):
        raise ValueError(
            f"there is no {what} {', '.join(unknown)}; "
            f"there are {', '.join(there) or 'none'}"
        )
    return [path for number, path in there.items() if not wanted or number in wanted]
