"""What the JSON files of trainings and scores hold."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

import numpy as np
import torch

from helpers import datasets, evaluation, fundus, inference, metrics, places

from . import elsewhere, kinds, work

KEYS = ("auc_roc", "auc_pr", "dice")


# ---- Cross-validated ----


def by_variant(row: kinds.Training, names) -> dict[str, list[dict]]:
    """Train and score the folds of some variants: what ``work`` gave of each."""
    networks = [x for name in names for x in work.of_folds(row, name)]
    each = iter(work.made(networks))
    return {name: [next(each) for _ in row.folds] for name in names}


def joined(answers: list[dict], key: str) -> np.ndarray:
    """Return an array of all eyes, fold by fold."""
    return np.concatenate([answer[key] for answer in answers])


def dice_of_each(tables, threshold: float) -> np.ndarray:
    """Return the Dice of each eye."""
    counts = [metrics.counts_at(table, threshold) for table in tables]
    return np.array([metrics.scores(x)["dice"] for x in counts])


def compare(ours, theirs) -> tuple[dict, dict]:
    """Return pooled scores of our histograms, and the paired differences to theirs.

    Each is scored at its own best threshold of the eyes held out: the same favour to
    all, so only differences count.
    """
    at = metrics.best_threshold(ours), metrics.best_threshold(theirs)
    mine, other = dice_of_each(ours, at[0]), dice_of_each(theirs, at[1])
    scores = metrics.pooled_scores(ours, at[0])
    gains = metrics.paired_differences(ours, theirs, at)
    scores, gains = ({key: x[key] for key in KEYS} for x in (scores, gains))
    scores["dice_of_each"] = mine.round(5).tolist()
    gains["dice_of_each"] = (mine - other).round(5).tolist()
    return scores, gains


def beside(pairs: dict) -> dict:
    """Compare in each condition: (our histograms, theirs)."""
    each = {condition: compare(*pair) for condition, pair in pairs.items()}
    return {
        "scores": {condition: scores for condition, (scores, _) in each.items()},
        "difference": {condition: gains for condition, (_, gains) in each.items()},
    }


def ablations(row: kinds.Training) -> dict:
    """Return a row for each variant; those that the file has as declared today stay.

    New ones are compared with the recipe as it is trained beside them.
    """
    today, old = row.declaration(), kinds.read(row.name)
    then = old.get("declaration", {})
    same = then | {"variants": 0} == today | {"variants": 0}
    rows = {x["name"]: x for x in old["rows"]} if same else {}
    there, wanted = then["variants"] if same else {}, today["variants"]
    new = [name for name in wanted if there.get(name) != wanted[name]]
    answers = by_variant(row, {"base": 0} | dict.fromkeys(new)) if new else {}
    for name in new:
        variant, ours, base = row.variants[name], answers[name], answers["base"]
        curves = joined(ours, "objects").mean(0).T.round(5).tolist()
        rows[name] = {
            "question": variant.question,
            "text": variant.text,
            "device": ours[0]["environment"]["device"],
            "beside": base[0]["environment"]["device"],  # the recipe's
            "topology": dict(zip(work.CURVE, curves, strict=True)),
        } | beside({x: (joined(ours, x), joined(base, x)) for x in row.conditions})
    looks = {"flips": "4 mirrored copies", "d4": "8 turned copies"}
    for tta, text in looks.items() if "base" in new else ():
        pair = joined(answers["base"], tta), joined(answers["base"], "plain")
        rows[tta] = {"question": "test time", "text": text} | beside({"plain": pair})
    names = sorted(datasets.ids("DRIVE", "train") + datasets.ids("DRIVE", "val"))
    return {
        "images": [x for fold in row.folds for x in names[fold :: kinds.FOLDS]],
        "folds": kinds.FOLDS,
        "config": asdict(row.config({})),
        "thresholds": kinds.THRESHOLDS,  # of the curves in "topology"
        "speck": evaluation.SPECK,  # smaller pieces were dropped before them
        "collected": time.strftime("%Y-%m-%d"),
        "rows": [{"name": name} | rows[name] for name in (*wanted, *looks)],
    }


def on_children(network: work.Network) -> list:
    """Return coarse histograms of CHASE_DB1's children 01 to 10, eye by eye."""
    torch.set_num_threads(1)
    segmenter, home = network.load(), places.data_dir()
    pairs = (
        (x, segmenter.probs(x.image, x.fov))
        for x in fundus.OnDisk("CHASEDB1", "all", home)
        if elsewhere.chooses(x.name)
    )
    tables = (metrics.histogram(p, x.vessels, x.fov) for x, p in pairs)
    return [metrics.coarsened(table) for table in tables]


def lamps(row: kinds.Training) -> dict:
    """Compare variants on eyes held out, as they are and changed, and on CHASE_DB1.

    "children" are CHASE_DB1's 01 to 10, whom no network saw, once for each fold.
    """
    answers, first = by_variant(row, row.variants), {}
    networks = [x for name in row.variants for x in work.of_folds(row, name)]
    children, rows = iter(work.at_once(on_children, networks)), []
    for name, ours in answers.items():
        tables = {x: joined(ours, x) for x in row.conditions}
        tables["children"] = np.concatenate([next(children) for _ in ours])
        first = first or tables
        pairs = {x: (tables[x], first[x]) for x in tables}
        variant = row.variants[name]
        said = {"name": name, "question": variant.question, "text": variant.text}
        said["seconds"] = [x["seconds"] for x in ours]
        rows.append(said | beside(pairs))
    return {"config": asdict(row.config({})), "rows": rows}


def judged(tables, topology: list[dict]) -> dict:
    """Return what eyes held out say: thresholds, and scores at the best one."""
    at, top = metrics.best_threshold(tables), max(row["dice"] for row in topology)
    enough = (x["threshold"] for x in topology if x["dice"] >= top - kinds.SLACK)
    return {
        "threshold": at,
        "pooled": metrics.pooled_scores(tables, at),
        "topology": topology,
        "threshold_for_topology": min(enough),
    }


def best(row: kinds.Training) -> dict:
    """Choose a candidate by average precision; train it on all eyes."""
    candidates, first, keys = [], None, ("threshold", *work.CURVE)
    for name, ours in by_variant(row, row.variants).items():
        tables, means = joined(ours, "plain"), joined(ours, "objects").mean(0)
        first = tables if first is None else first
        points = np.c_[kinds.THRESHOLDS, means].tolist()
        said = judged(tables, [dict(zip(keys, x, strict=True)) for x in points])
        said |= {"name": name, "difference": compare(tables, first)[1]}
        candidates.append(said)
    chosen = max(candidates, key=lambda x: x["pooled"]["auc_pr"])
    name, how = chosen["name"], {"threshold": chosen["threshold"]}
    networks = work.made([work.Network(row, name, k, **how) for k in row.seeds])
    return {"candidates": candidates, "best": name, "networks": networks}


def crossval(row: kinds.Training) -> dict:
    """Choose the threshold on all eyes; write it into the networks of the folds."""
    networks = work.of_folds(row, "base")
    facts, pairs = work.made(networks), []
    for network in networks:
        segmenter, held = network.load(), work.deal(network)[2]
        pairs += [(x, segmenter.probs(x.image, x.fov)) for x in held]
    tables = {x.name: metrics.histogram(p, x.vessels, x.fov) for x, p in pairs}
    said = judged(list(tables.values()), work.topology(pairs))
    for network in networks:
        segmenter = network.load()
        segmenter.threshold = said["threshold"]
        segmenter.save(network.file)
    each = {name: metrics.best_threshold([table]) for name, table in tables.items()}
    return said | {"threshold_of_each_image": each, "networks": facts}


# ---- Trained on all images, or chosen by validation ----


def networks(row: kinds.Training) -> dict:
    """Return how each network came about, the SHA-256 of its weights, its scores."""
    rows, networks = [], work.of_all(row)
    for network, facts in zip(networks, work.made(networks), strict=True):
        facts["weights_sha256"] = datasets.sha256(network.file)
        rows.append(facts | {x: on_photographs(network, x) for x in row.splits})
    return {"networks": rows}


def network(row: kinds.Training) -> dict:
    """Return the same of a training of one network."""
    return networks(row)["networks"][0]


def seeds(row: kinds.Training) -> dict:
    """Return the same of each seed, and the standard deviation of its scores."""
    rows = [{"seed": k} for k in row.seeds]
    for said, facts in zip(rows, networks(row)["networks"], strict=True):
        said |= facts.pop("test") | facts
    values = {key: [x["pooled"][key] for x in rows] for key in (*KEYS, "accuracy")}
    sd = {key: float(np.std(x, ddof=1)) for key, x in values.items()}
    return {"rows": rows, "sd": sd}


def on_photographs(network: work.Network, split: str) -> dict:
    """Score a network on DRIVE, prepared as in its training."""
    images = fundus.OnDisk("DRIVE", split, places.data_dir())
    segmenter, whole = network.load(), network.predictor()

    def predict(x: fundus.FundusImage) -> np.ndarray:
        if "prepare" in network.changes:
            return whole(x.image) * x.fov
        return segmenter.probs(x.image, x.fov)

    scored = evaluation.evaluate(predict, images, segmenter.threshold)
    return {"images": len(images), "pooled": scored.pooled, "ci95": scored.ci95}


# ---- Scored ----


@dataclass(frozen=True)
class Scored:
    """The average of some networks, scored on a split by ``evaluate_split``."""

    training: kinds.Training | None = None  # None: the shipped network
    seeds: tuple[int, ...] = (0,)
    dataset: str = "DRIVE"
    split: str = "test"
    tta: str = "none"
    topology: kinds.Training | None = None  # whose threshold for topology is taken
    elsewhere: bool = False  # the threshold for other cameras, not that of home

    def declaration(self) -> dict:
        """Return all that decides the scores."""
        row, other = self.training, self.topology
        said = vars(self) | {"speck": evaluation.SPECK, "thin": evaluation.THIN}
        if not self.elsewhere:
            del said["elsewhere"]  # files of before know no other threshold
        said["training"] = row or datasets.sha256(inference.SHIPPED)
        said["topology"] = other and kinds.known(other.name, "threshold_for_topology")
        if row and row.folds:
            said["chosen"] = [kinds.known(row.name, x) for x in ("best", "threshold")]
        return kinds.plain(said)

    def make(self) -> dict:
        """Score; the networks' files are named from the root."""
        networks = work.of_all(self.training, self.seeds) if self.training else []
        work.made(networks)
        files = [network.file for network in networks]
        loaded = [inference.Segmenter.load(file) for file in files or [None]]
        home = loaded[0].origin["dataset"]
        at = inference.mean_threshold(loaded, None if self.elsewhere else home)
        options = {"threshold": self.declaration()["topology"] or at, "tta": self.tta}
        where = (self.dataset, self.split, places.data_dir(), files)
        content = evaluation.evaluate_split(*where, **options, say=print)
        names = [f"outputs/{file.relative_to(work.STORE.parent)}" for file in files]
        return content | {"weights": " ".join(names) or "shipped"}

    def __str__(self):
        who = self.training.name if self.training else "shipped"
        return f"{who} on {self.dataset} {self.split}"
