"""What the JSON files of trainings and scores hold; a function bears a row's name."""

from __future__ import annotations

import dataclasses
import time

import numpy as np

from helpers import datasets, evaluation, fundus, metrics, places, runtime

from . import kinds, work

KEYS = ("auc_roc", "auc_pr", "dice")


def eyes(folds) -> list[str]:
    """Return the names of DRIVE's eyes, fold by fold."""
    names = sorted(datasets.ids("DRIVE", "train") + datasets.ids("DRIVE", "val"))
    return [name for fold in folds for name in names[fold :: kinds.FOLDS]]


def by_variant(row: kinds.Training, names) -> dict[str, list[dict]]:
    """Train and score the folds of some variants: what ``work`` gave of each."""
    answers = work.made([x for name in names for x in work.of_folds(row, name)])
    parts = (answers[k :: len(row.folds)] for k in range(len(row.folds)))
    return dict(zip(names, map(list, zip(*parts, strict=True)), strict=True))


def joined(answers: list[dict], key: str) -> np.ndarray:
    """Return an array of all eyes, fold by fold."""
    return np.concatenate([answer[key] for answer in answers])


# ---- Cross-validated ----


def compare(ours, theirs) -> tuple[dict, dict]:
    """Return pooled scores of our histograms, and the paired differences to theirs.

    Each is scored at its own best threshold of the eyes held out: the same favour to
    all, so only differences count.
    """
    thresholds = metrics.best_threshold(ours), metrics.best_threshold(theirs)
    mine, other = (
        np.array([metrics.scores(metrics.counts_at(x, at))["dice"] for x in tables])
        for tables, at in zip((ours, theirs), thresholds, strict=True)
    )
    scores = metrics.pooled_scores(ours, thresholds[0])
    differences = metrics.paired_differences(ours, theirs, thresholds)
    scores, differences = ({k: x[k] for k in KEYS} for x in (scores, differences))
    differences["dice_of_each"] = (mine - other).round(5).tolist()
    return scores | {"dice_of_each": mine.round(5).tolist()}, differences


def ablation(variant: kinds.Variant, ours: list, base: list, conditions) -> dict:
    """Return all that was measured of a variant, beside the recipe."""
    pairs = {c: compare(joined(ours, c), joined(base, c)) for c in conditions}
    curves = joined(ours, "objects").mean(0).T.round(5).tolist()
    return {
        "question": variant.question,
        "text": variant.text,
        "seconds": [x["seconds"] for x in ours],
        "precision": ours[0]["precision"],
        "device": ours[0]["environment"]["device"],
        "beside": base[0]["environment"]["device"],  # the recipe's
        "scores": {c: pair[0] for c, pair in pairs.items()},
        "difference": {c: pair[1] for c, pair in pairs.items()},
        "topology": dict(zip(work.CURVE, curves, strict=True)),
    }


def ablations(row: kinds.Training) -> dict:
    """Return a row for each variant; those that the file has as declared today stay.

    New ones are compared with the recipe as it is trained beside them.
    """
    old, today = kinds.read(row.name), row.declaration()
    then = old.get("declaration", {})
    same = then | {"variants": 0} == today | {"variants": 0}
    known = {x["name"]: x for x in old["rows"]} if same else {}
    new = [
        k
        for k, x in today["variants"].items()
        if not same or then["variants"].get(k) != x
    ]
    if new:
        answers = by_variant(row, {"base": 0} | dict.fromkeys(new))
        base = answers["base"]
        for name in new:
            variant = row.variants[name], answers[name]
            known[name] = ablation(*variant, base, row.conditions)
    if "base" in new:
        for tta, text in (("flips", "4 mirrored copies"), ("d4", "8 turned copies")):
            scores, change = compare(joined(base, tta), joined(base, "plain"))
            known[tta] = {"question": "test time", "text": text}
            known[tta] |= {"scores": {"plain": scores}, "difference": {"plain": change}}
    return {
        "dataset": row.dataset,
        "images": eyes(row.folds),
        "folds": kinds.FOLDS,
        "config": dataclasses.asdict(row.config({})),
        "thresholds": kinds.THRESHOLDS,  # of the curves in "topology"
        "speck": evaluation.SPECK,  # smaller pieces were dropped before them
        "collected": time.strftime("%Y-%m-%d"),
        "rows": [{"name": k} | known[k] for k in (*row.variants, "flips", "d4")],
    }


def judged(tables, topology: list[dict]) -> dict:
    """Return what eyes held out say: thresholds, and scores at the best one."""
    at, best = metrics.best_threshold(tables), max(row["dice"] for row in topology)
    enough = (x["threshold"] for x in topology if x["dice"] >= best - kinds.SLACK)
    return {
        "threshold": at,
        "pooled": metrics.pooled_scores(tables, at),
        "ci95": metrics.bootstrap_ci(tables, at),
        "topology": topology,
        "threshold_for_topology": min(enough),
    }


def best(row: kinds.Training) -> dict:
    """Choose a candidate by average precision; train it on all eyes."""
    answers, judgements = by_variant(row, row.variants), []
    first = joined(next(iter(answers.values())), "plain")
    for name, ours in answers.items():
        tables, means = joined(ours, "plain"), joined(ours, "objects").mean(0)
        values = np.c_[kinds.THRESHOLDS, means].tolist()
        keys = ("threshold", *work.CURVE)
        said = {"name": name, "changes": row.variants[name].changes}
        said |= {"seconds": [x["seconds"] for x in ours]}
        said |= judged(tables, [dict(zip(keys, x, strict=True)) for x in values])
        mirrored = joined(ours, "flips")
        said["flips"] = metrics.pooled_scores(mirrored, said["threshold"])
        pair = said["threshold"], metrics.best_threshold(first)
        change = metrics.paired_differences(tables, first, pair)
        judgements.append(said | {"difference": {key: change[key] for key in KEYS}})
    chosen = max(judgements, key=lambda x: x["pooled"]["auc_pr"])
    winner = work.of_all(row, best=(chosen["name"], chosen["threshold"]))
    content = {"dataset": row.dataset, "images": sorted(eyes(row.folds))}
    content |= {"candidates": judgements, "best": chosen["name"]}
    return content | {"networks": work.made(winner)}


def crossval(row: kinds.Training) -> dict:
    """Choose the threshold on all eyes; write it into the networks of the folds."""
    networks = work.of_folds(row, "base")
    said_of_each, pairs = work.made(networks), []
    segmenters = [network.load() for network in networks]
    for network, segmenter in zip(networks, segmenters, strict=True):
        held = work.deal(network)[2]
        pairs += [(x, segmenter.probs(x.image, x.fov)) for x in held]
    tables = [metrics.histogram(p, x.vessels, x.fov) for x, p in pairs]
    said = judged(tables, work.topology(pairs))
    for network, segmenter in zip(networks, segmenters, strict=True):
        segmenter.threshold = said["threshold"]
        segmenter.save(network.file)
    names, objects = [x.name for x, _ in pairs], evaluation.Objects(said["threshold"])
    for pair in pairs:
        objects.add(*pair)
    alone = [metrics.best_threshold([table]) for table in tables]
    content = {"dataset": row.dataset, "protocol": "fov", "images": names} | said
    return content | {
        "threshold_of_each_image": dict(zip(names, alone, strict=True)),
        "calibration": metrics.calibration(sum(tables)),
        "objects": objects.means(),
        "networks": said_of_each,
        "environment": runtime.environment() | {"threads": 1},
    }


# ---- Trained on all images, or chosen by validation ----


def facts(row: kinds.Training) -> dict:
    """Return how each network came about: for rows that have no function here."""
    return {"networks": work.made(work.of_all(row))}


def train_drive(row: kinds.Training) -> dict:
    """Return how the network came about, and the SHA-256 of its weights."""
    (network,) = work.of_all(row)
    (came,) = work.made([network])
    return came | {"weights_sha256": datasets.sha256(network.file)}


def on_photographs(network: work.Network, split: str) -> evaluation.Evaluation:
    """Score a network on DRIVE, prepared as in its training."""
    images = fundus.OnDisk("DRIVE", split, places.data_dir())
    segmenter, whole = network.load(), network.predictor()

    def predict(x: fundus.FundusImage) -> np.ndarray:
        if "prepare" in network.changes:
            return whole(x.image) * x.fov
        return segmenter.probs(x.image, x.fov)

    return evaluation.evaluate(predict, images, segmenter.threshold)


def seeds(row: kinds.Training) -> dict:
    """Score each seed once; their standard deviation."""
    each, networks, (split,) = [], work.of_all(row), row.splits
    for network, came in zip(networks, work.made(networks), strict=True):
        said = {"seed": network.seed, "device": came["environment"]["device"]}
        said |= {key: came[key] for key in ("precision", "threshold")}
        pooled = on_photographs(network, split).pooled
        each.append(said | {"split": split, "pooled": pooled})
    values = {key: [x["pooled"][key] for x in each] for key in (*KEYS, "accuracy")}
    sd = {key: float(np.std(x, ddof=1)) for key, x in values.items()}
    return {"dataset": "DRIVE", "mode": row.preset, "rows": each, "sd": sd}


seeds_full = seeds


def phantom_only(row: kinds.Training) -> dict:
    """Score a network that saw phantoms alone, without colours, on photographs."""
    (network,) = work.of_all(row)
    (came,) = work.made([network])
    content = {"trained_on": f"{row.dataset} train", "protocol": "fov"}
    keys = ("config", "precision", "seconds", "environment")
    content |= {key: came[key] for key in keys}
    keys = ("step", "auc_roc", "dice", "threshold")
    content |= {"phantoms": {key: came["best"][key] for key in keys}}
    for split in row.splits:
        scored = on_photographs(network, split)
        count = {"images": len(scored.per_image), "pooled": scored.pooled}
        content[split] = count | {"ci95": scored.ci95}
    return content


# ---- Scored ----


def scored(row: kinds.Scored) -> dict:
    """Score networks on a split; the JSON file names their files from the root."""
    networks = work.of_all(row.training, row.seeds) if row.training else []
    work.made(networks)
    files = [network.file for network in networks]
    options = {"threshold": row.threshold, "tta": row.tta, "say": print}
    where = (row.dataset, row.split, places.data_dir(), files)
    content = evaluation.evaluate_split(*where, **options)
    names = [f"outputs/{file.relative_to(work.STORE.parent)}" for file in files]
    return content | {"weights": " ".join(names) or "shipped"}
