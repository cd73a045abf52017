"""Every number of a results table stands in results/, as measured."""

import json
import re
from itertools import pairwise

import numpy as np
import pytest

from helpers import datasets, inference, places
from helpers.metrics import KEYS

RESULTS = places.ROOT / "results"


def read(name):
    return json.loads((RESULTS / name).read_text("utf-8"))


COLUMNS = ("auc_roc", "auc_pr", "dice", "sensitivity", "specificity", "accuracy")
README = (  # the rows of its table: which file, which part of it
    ("drive_test_lesson", None),
    ("drive_test", None),
    ("drive_test_flips", None),
    ("drive_test_wide_flips", None),
    ("drive_test_best_flips", None),
    ("drive_test_average", None),
    ("drive_test", "second_observer"),
    ("drive_test", "sato"),
)
CARD = (
    ("drive_test", None),
    ("drive_test_flips", None),
    ("drive_test", "second_observer"),
    ("chasedb1_all", None),
    ("chasedb1_all_flips", None),
    ("chasedb1_all", "second_observer"),
)
PAGES = (
    ("README.md", README),
    ("README.zh-CN.md", README),
    ("helpers/weights/README.md", CARD),
)


def cells_of(line):
    """Return the cells of a table's line without its label."""
    return [cell.strip() for cell in line.strip("| ").split("|")][1:]


@pytest.mark.parametrize(("page", "rows"), PAGES)
def test_table_rows_are_measured_runs(page, rows):
    """Each number in its column and its row, each interval as in the file."""
    lines = (places.ROOT / page).read_text("utf-8").splitlines()
    scores = [x for x in lines if x.startswith("|") and x.count(" 0.") >= 4]
    scores = [x for x in scores if re.search(r" 0\.\d{4} ", x)]
    for line, (name, part) in zip(scores, rows, strict=True):
        content = read(f"{name}.json")
        content = content[part] if part else content
        for cell, key in zip(cells_of(line), COLUMNS, strict=True):
            if cell == "-":
                assert part == "second_observer" and key.startswith("auc")
                continue
            value, *interval = re.findall(r"0\.\d+", cell)
            assert value == f"{content['pooled'][key]:.4f}", line
            if interval:
                assert interval == [f"{x:.3f}" for x in content["ci95"][key]], line


def test_the_model_cards_objects_are_measured():
    content = read("drive_test.json")
    raw, cleaned = content["objects"]
    rows = (raw, cleaned, content["second_observer_objects"][0])
    rows = (*rows, content["sato_objects"][0])
    lines = (places.ROOT / "helpers/weights/README.md").read_text("utf-8").splitlines()
    (start,) = (n for n, line in enumerate(lines) if "clDice | Betti-0" in line)
    for line, row in zip(lines[start + 2 : start + 6], rows, strict=True):
        keys = ("cldice", "betti_0_error", "betti_1_error")
        keys += ("sensitivity_thin", "sensitivity_thick")
        digits = (3, 1, 1, 3, 3)
        said = [f"{row[k]:.{d}f}" for k, d in zip(keys, digits, strict=True)]
        assert cells_of(line) == said


def test_results_say_how_they_came_about():
    for name in ("drive_test.json", "drive_test_flips.json", "chasedb1_all.json"):
        content = read(name)
        assert content["protocol"] == "fov" and content["weights"] == "shipped"
        assert {"torch", "device", "threads"} <= set(content["environment"])
        assert set(content["pooled"]) == set(content["ci95"]) == set(KEYS)
        assert len(content["per_image"]) == content["images"]
        for key, (low, high) in content["ci95"].items():
            assert low <= content["pooled"][key] <= high
    assert read("drive_test.json")["images"] == 20
    assert read("drive_test.json")["split"] == "test"


def test_the_shipped_weights_are_those_of_the_record():
    record = read("train_drive.json")
    assert record["weights_sha256"] == datasets.sha256(inference.SHIPPED)
    assert record["dataset"] == "DRIVE"
    assert read("drive_test.json")["threshold"] == record["threshold"]
    assert record["threshold"] == read("crossval.json")["threshold"]


def test_published_scores_name_their_source():
    published = read("published.json")
    assert len(published["fov"]) >= 5
    for row in (*published["fov"], *published["whole_frame"]):
        assert row["source"] and row["mark"]


def test_chapter_10_and_its_record_agree():
    """Scores of the EM slices in prose, and the margin that the chapter speaks of."""
    content = read("em.json")
    runs = {(r["optimizer"], r["weight_map"]): r for r in content["runs"]}
    lesson = runs["AdamW", True]
    assert all(run["real"] and run["steps"] == 1500 for run in content["runs"])
    network = lesson["membranes"]["network"]["dice"]
    for rival in ("threshold", "sato"):
        assert network >= lesson["membranes"][rival]["dice"] + 0.05
    run = read("lesson_run.json")["chapters"]["10"]["em"]["membranes"]
    for page in ("README.md", "README.zh-CN.md"):
        text = (places.ROOT / page).read_text("utf-8")
        assert all(f" {row['dice']:.3f}" in text for row in run.values())
    quoted = [
        lesson["val_dice"]["network"],
        runs["SGD, momentum 0.99", True]["val_dice"]["network"],
    ]
    for folder in ("notebooks", "notebooks/zh"):
        text = (places.ROOT / folder / "10_paper_way.ipynb").read_text("utf-8")
        assert all(f" {dice:.3f}" in text for dice in quoted)


def test_tiles_cost_no_accuracy_and_less_memory():
    rows = read("overlap_tile.json")["rows"]
    for row in rows:
        assert row["largest_difference"] <= 1e-5 * row["largest_logit"]
        whole = next(
            r for r in rows if r["network"] == row["network"] and r["tile"] is None
        )
        assert row["tile"] is None or row["peak_mib"] < whole["peak_mib"]
    for folder in ("notebooks", "notebooks/zh"):
        text = (places.ROOT / folder / "10_paper_way.ipynb").read_text("utf-8")
        for row in rows[:2]:
            assert f"{row['peak_mib']} MiB" in text


def test_ablations_say_what_chapters_05_and_12_say():
    content = read("ablations.json")
    eyes = set(datasets.ids("DRIVE", "train")) | set(datasets.ids("DRIVE", "val"))
    assert set(content["images"]) < eyes
    rows = {row["name"]: row for row in content["rows"]}
    change = {name: row["difference"]["plain"] for name, row in rows.items()}
    for name, row in rows.items():
        each = row["scores"]["plain"]["dice_of_each"]
        assert len(each) == len(change[name]["dice_of_each"]) == len(content["images"])
        for key in ("auc_roc", "auc_pr", "dice"):
            mean, low, high = change[name][key]
            assert low <= mean <= high and (name != "base" or low == high == 0)
    dice = {name: values["dice"][0] for name, values in change.items()}
    assert min(dice, key=dice.get) == "unchanged"
    assert min(change["flips"]["dice"][1], change["d4"]["dice"][1]) > 0
    for name in ("mild", "patch256"):
        assert change[name]["auc_roc"][1] < 0 < change[name]["auc_roc"][2]
        assert rows[name]["difference"]["camera"]["auc_roc"][2] < 0
    _, low, high = change["colour"]["auc_roc"]
    assert low < 0 < high  # colours alone do as well as both
    assert change["enhanced"]["auc_roc"][2] < 0  # the chain alone a little worse
    assert rows["colour"]["difference"]["camera"]["auc_roc"][2] < 0  # another lamp
    inputs = ("green", "enhanced", "colour", "base")
    lamp = {name: rows[name]["scores"]["camera"]["auc_roc"] for name in inputs}
    assert sorted(lamp, key=lamp.get) == ["green", "colour", "enhanced", "base"]
    for name, text in (("green", "0.018"), ("enhanced", "0.004"), ("colour", "0.006")):
        lost = rows[name]["difference"]["camera"]["auc_roc"]
        assert f"{-lost[0]:.3f}" == text and lost[2] < 0
    for name in ("green", "enhanced"):
        assert change[name]["auc_roc"][0] == pytest.approx(-0.0015, abs=2e-4)
    grey = [n for n, c in change.items() if c["dice"][1] < 0 < c["dice"][2]]
    others = [k for k, name in enumerate(content["images"]) if name != "34"]
    draws = np.random.default_rng(0).integers(9, size=(2000, 9))
    coloured = set()
    for name in grey:  # one eye decides
        each = np.array(change[name]["dice_of_each"])[others]
        low, high = np.percentile(each[draws].mean(1), [2.5, 97.5])
        coloured |= {name} if low > 0 or high < 0 else set()
    assert coloured == {"green", "bce", "patch256", "constant", "long", "phantoms"}
    assert {"batch4", "deep", "constant", "last", "phantoms"} <= set(grey)
    start, longer = (change[name]["dice"][0] for name in ("phantoms", "long"))
    assert start == pytest.approx(longer, abs=5e-4)
    curves = {name: rows[name]["topology"] for name in ("base", "cldice")}
    best = {name: max(curve["cldice"]) for name, curve in curves.items()}
    top = {name: max(curve["dice"]) for name, curve in curves.items()}
    assert best["cldice"] > best["base"] and top["cldice"] < top["base"]
    crossval = read("crossval.json")
    four = [
        crossval["threshold_of_each_image"][k] for k in datasets.ids("DRIVE", "val")
    ]
    assert min(four) > crossval["threshold"]


def test_seeds_differ_little_and_the_readmes_quote_them():
    content = read("seeds.json")
    assert [row["seed"] for row in content["rows"]] == [0, 1, 2]
    assert {row["split"] for row in content["rows"]} == {"test"}
    dice = [row["pooled"]["dice"] for row in content["rows"]]
    assert content["sd"]["dice"] == pytest.approx(np.std(dice, ddof=1))
    assert content["sd"]["dice"] < 0.002
    change = {
        r["name"]: r["difference"]["plain"] for r in read("ablations.json")["rows"]
    }
    phantoms = read("drive_test_phantom.json")
    said = [f"{value:.4f}" for value in (*dice, content["sd"]["dice"])]
    said += [f"{phantoms['pooled']['auc_roc']:.3f}"]
    said += [f"{abs(change[name]['dice'][0]):.3f}" for name in ("unchanged", "flips")]
    for page in ("README.md", "README.zh-CN.md"):
        text = (places.ROOT / page).read_text("utf-8")
        assert all(number in text for number in said), page
    assert phantoms["pooled"]["auc_roc"] < phantoms["sato"]["pooled"]["auc_roc"]


def test_seeds_of_the_full_recipe_differ_less_and_the_readmes_quote_them():
    content = read("seeds_full.json")
    assert [row["seed"] for row in content["rows"]] == [0, 1, 2]
    dice = [row["pooled"]["dice"] for row in content["rows"]]
    assert content["sd"]["dice"] == pytest.approx(np.std(dice, ddof=1))
    assert content["sd"]["dice"] < read("seeds.json")["sd"]["dice"]
    assert {row["threshold"] for row in content["rows"]} == {
        read("crossval.json")["threshold"]
    }
    said = [f"{value:.4f}" for value in (*dice, content["sd"]["dice"])]
    for page in ("README.md", "README.zh-CN.md"):
        text = (places.ROOT / page).read_text("utf-8")
        assert all(number in text for number in said), page


def test_the_threshold_for_topology_is_foretold_and_kept():
    """Chapter 12: what the cross-validation says of a lower one holds on new eyes."""
    crossval = read("crossval.json")
    curve = {row["threshold"]: row for row in crossval["topology"]}
    best = max(row["dice"] for row in curve.values())
    lower = min(t for t, row in curve.items() if row["dice"] >= best - 0.0025)
    assert crossval["threshold_for_topology"] == lower == 0.3
    usual, topology = (
        read(f"drive_test_{name}.json") for name in ("twenty_average", "topology")
    )
    assert usual["weights"] == topology["weights"]
    assert usual["threshold"] == crossval["threshold"] and topology["threshold"] == 0.3
    foretold = curve[0.4], curve[0.3]
    came = usual["objects"][1], topology["objects"][1]
    for key in ("dice", "cldice"):
        before, after = (pair[1][key] - pair[0][key] for pair in (foretold, came))
        assert after == pytest.approx(before, abs=3e-4)
    assert came[1]["dice"] - came[0]["dice"] == pytest.approx(-0.001, abs=5e-4)
    assert came[1]["cldice"] - came[0]["cldice"] == pytest.approx(0.008, abs=5e-4)
    said = [f"{row['dice']:.4f}" for row in came]
    said += [f"{row['cldice']:.3f}" for row in came]
    for page in ("README.md", "README.zh-CN.md"):
        text = (places.ROOT / page).read_text("utf-8")
        assert all(number in text for number in said), page


def test_the_best_networks_keep_vessels_whole_and_see_another_camera():
    (best,) = (
        row
        for row in read("best.json")["candidates"]
        if row["name"] == read("best.json")["best"]
    )
    names = ("drive_test_average", "drive_test_average_topology")
    usual, topology = (read(f"{name}.json") for name in names)
    assert usual["weights"] == topology["weights"]
    assert usual["threshold"] == best["threshold"]
    assert topology["threshold"] == best["threshold_for_topology"]
    came = usual["objects"][1], topology["objects"][1]
    assert came[1]["dice"] > 0.828 and came[1]["cldice"] > 0.84
    assert came[1]["betti_0_error"] < 5
    said = [f"{row['dice']:.4f}" for row in came]
    said += [f"{row['cldice']:.3f}" for row in came]
    said.append(f" {came[1]['betti_0_error']:.1f}")
    chase = read("chasedb1_all_average.json")
    assert chase["weights"] == usual["weights"] and chase["tta"] == "flips"
    said += [f"{chase['pooled'][key]:.4f}" for key in ("auc_roc", "dice")]
    for page in ("README.md", "README.zh-CN.md"):
        text = (places.ROOT / page).read_text("utf-8")
        assert all(number in text for number in said), page


def test_steps_add_up_as_chapter_12_says():
    names = ("", "_flips", "_twenty_flips", "_wide_flips", "_best_flips", "_average")
    tables = [read(f"drive_test{name}.json") for name in names]
    each = [np.array([row["dice"] for row in t["per_image"]]) for t in tables]
    for number, (before, after) in enumerate(pairwise(each), start=1):
        gaps = after - before
        draws = np.random.default_rng(0).integers(20, size=(2000, 20))
        low, high = np.percentile(gaps[draws].mean(1), [2.5, 97.5])
        assert gaps.mean() < 0.002
        assert low < 0 < high if number == 4 else low > 0
    first, last = tables[0]["pooled"], tables[-1]["pooled"]
    assert last["dice"] - first["dice"] == pytest.approx(0.006, abs=5e-4)
    assert last["auc_roc"] - first["auc_roc"] == pytest.approx(0.002, abs=5e-4)
    best = read("best.json")
    candidates = {row["name"]: row for row in best["candidates"]}
    chosen = candidates[best["best"]]
    assert chosen == max(best["candidates"], key=lambda row: row["pooled"]["auc_pr"])
    gain, low, _ = chosen["difference"]["dice"]
    assert best["candidates"][0]["name"] == "wide" and low > 0
    assert gain == pytest.approx(0.002, abs=5e-4)
    for table in tables:  # each from a cross-validation
        origin = chosen if "best" in table["weights"] else read("crossval.json")
        assert table["threshold"] == origin["threshold"]
    eyes = [*datasets.ids("DRIVE", "train"), *datasets.ids("DRIVE", "val")]
    for network in (*read("wide.json")["networks"], *best["networks"]):
        assert network["trained_on"] == best["images"] == sorted(eyes)
    assert all(not t.get("trained_on_of_these") for t in tables)
    (lwnet,) = (row for row in read("published.json")["fov"] if "lwnet" in row["name"])
    said = [tables[2]["pooled"][key] for key in ("auc_roc", "auc_pr", "dice")]
    said += [lwnet[key] for key in ("auc_roc", "auc_pr", "dice")]
    for page in ("README.md", "README.zh-CN.md"):
        text = (places.ROOT / page).read_text("utf-8")
        assert all(f"{number:.4f}" in text for number in said), page


def test_other_cameras_are_what_chapter_11_and_the_readmes_say():
    chase, home = (
        read("other_cameras.json")["sets"]["CHASEDB1"],
        read("drive_test.json"),
    )
    rows, alone = chase["rows"], read("chasedb1_all.json")
    for key in ("auc_roc", "auc_pr", "dice"):
        assert rows["resized"][key] == pytest.approx(alone["pooled"][key], abs=1e-6)
    human = alone["second_observer"]["pooled"]["dice"]
    assert chase["second_observer_dice"] == pytest.approx(human)
    regained = {
        key: (rows["resized"][key] - rows["own size"][key])
        / (home["pooled"][key] - rows["own size"][key])
        for key in ("auc_roc", "auc_pr", "dice")
    }
    assert regained["auc_roc"] > 0.9  # nearly all
    assert regained["auc_pr"] == pytest.approx(2 / 3, abs=0.06)
    assert regained["dice"] == pytest.approx(1 / 3, abs=0.03)
    assert rows["resized, flips"]["against_resized"]["dice"][1] > 0
    assert rows["resized, recoloured"]["against_resized"]["dice"][2] < 0
    plain = rows["resized"]
    way = plain["dice_best_threshold"] - plain["dice"]
    assert plain["dice_by_share"] - plain["dice"] > way / 2  # more than half of the way
    assert rows["own size"]["dice_by_share"] < rows["own size"]["dice"]
    in_domain = read("chasedb1_test_flips.json")
    assert in_domain["images"] == 8 and in_domain["split"] == "test"
    said = [
        plain["dice_by_share"],
        rows["own size"]["dice"],
        in_domain["pooled"]["dice"],
    ]
    for page in ("README.md", "README.zh-CN.md"):
        text = (places.ROOT / page).read_text("utf-8")
        assert all(f"{number:.4f}" in text for number in said), page


def test_phantoms_without_colours_beat_the_ridge_filter():
    content, home = read("phantom_only.json"), read("drive_test.json")
    assert content["config"]["in_channels"] == 1 and content["test"]["images"] == 20
    grey = content["test"]["pooled"]["auc_roc"]
    assert grey > home["sato"]["pooled"]["auc_roc"]
    for page in ("README.md", "README.zh-CN.md"):
        assert f"{grey:.3f}" in (places.ROOT / page).read_text("utf-8"), page


def test_photographs_of_ones_own_are_within_their_limits():
    content = read("photographs.json")
    assert content["large"]["pixels"] == [6000, 4000]
    assert content["large"]["peak_mib"] < 1430  # 1.5 GB
    for differences in content["largest_difference"].values():
        assert max(differences.values()) < 1e-3
    for rows in content["fov"].values():
        assert rows["least_share_of_vessels_kept"] >= 0.994
        assert rows["least_dice"] >= 0.98


def test_two_of_four_is_the_best_rule_for_labels_at_half_resolution():
    content = read("halving.json")
    measured = [content[key] for key in ("DRIVE train", "CHASEDB1 all")]
    for rows in measured:
        best = max(rows, key=lambda rule: rows[rule]["dice"])
        assert best == content["rule_of_the_course"] == "two of four"


DRIVE_TEST = [path.stem for path in sorted(RESULTS.glob("drive_test*.json"))]


@pytest.mark.parametrize("name", DRIVE_TEST)
def test_accuracy_is_that_of_the_pixels_inside_the_fov(name):
    """DRIVE's test labels have 577,649 vessel pixels of 4,538,143 inside the FOV."""
    vessels, pixels = 577_649, 4_538_143
    row = read(f"{name}.json")["pooled"]
    right = row["sensitivity"] * vessels + row["specificity"] * (pixels - vessels)
    assert row["accuracy"] == pytest.approx(right / pixels, abs=1e-9)


@pytest.mark.parametrize("name", DRIVE_TEST)
def test_scores_can_come_from_the_pixels_inside_the_fov(name):
    """Accuracy, sensitivity and specificity fit DRIVE's pixel counts, as claimed."""
    reason = "pip install mlscorecheck, which knows the pixel counts of DRIVE"
    retina = pytest.importorskip("mlscorecheck.check.bundles.retina", reason=reason)
    keys = {"acc": "accuracy", "sens": "sensitivity", "spec": "specificity"}

    def rounded(row):
        return {short: round(row[key], 4) for short, key in keys.items()}

    content, about = read(f"{name}.json"), {"annotator": 1, "eps": 1e-4}
    scores = rounded(content["pooled"])
    found = retina.check_drive_vessel_aggregated(
        imageset="test", scores=scores, verbosity=0, **about
    )["inconsistency"]
    assert not found["inconsistency_fov_som"]  # the score of all pixels together
    assert found["inconsistency_all_som"]  # not counted on the whole frame
    for row in content["per_image"]:
        found = retina.check_drive_vessel_image(
            image_identifier=row["name"], scores=rounded(row), **about
        )["inconsistency"]
        assert not found["inconsistency_fov"], row["name"]


def test_speed_in_the_readmes_is_measured():
    rows = {row["what"]: row for row in read("bench.json")["rows"]}
    plain = 1 / rows["segmenting, images"]["ours"]
    flips = 1 / rows["segmenting with flips, images"]["ours"]
    marks = rows["training to validation AUC"]
    assert marks["naive"]["0.98"] is None and read("bench.json")["limit_seconds"] == 300
    for page in ("README.md", "README.zh-CN.md"):
        text = (places.ROOT / page).read_text("utf-8")
        for number in (
            f" {plain:.2f} ",
            f" {flips:.2f} ",
            f" {marks['ours']['0.98']:.0f} ",
        ):
            assert number in text
