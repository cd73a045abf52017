"""The measured runs agree with each other; the pages are filled from them."""

import json
from itertools import pairwise

import numpy as np
import pytest
from mlscorecheck.check.bundles import retina

from helpers import datasets, inference, places, plan
from results.experiments import arithmetic, cost

RESULTS = places.ROOT / "results"
DRIVE_TEST = [path.stem for path in sorted(RESULTS.glob("drive_test*.json"))]


def read(name):
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


def test_the_shipped_weights_are_those_of_the_record():
    chosen, shipped = read("elsewhere"), inference.Segmenter.load()
    assert chosen["weights_sha256"] == datasets.sha256(inference.SHIPPED)
    assert shipped.threshold_elsewhere == chosen["threshold"]
    assert shipped.threshold == read("train_drive")["threshold"]


def test_each_data_set_gets_its_threshold():
    """DRIVE's row hangs on DRIVE's threshold alone, whatever is chosen for others."""
    shipped = inference.Segmenter.load()
    assert shipped.threshold_for("DRIVE") == read("crossval")["threshold"]
    assert read("drive_test")["threshold"] == shipped.threshold_for("DRIVE")
    assert shipped.threshold_for("CHASEDB1") == shipped.threshold_for()
    assert shipped.threshold_for() == read("elsewhere")["threshold"]


@pytest.mark.parametrize("name", DRIVE_TEST)
def test_accuracy_is_that_of_the_pixels_inside_the_fov(name):
    """DRIVE's test labels have 577,649 vessel pixels of 4,538,143 inside the FOV."""
    vessels, pixels = 577_649, 4_538_143
    row = read(name)["pooled"]
    right = row["sensitivity"] * vessels + row["specificity"] * (pixels - vessels)
    assert row["accuracy"] == pytest.approx(right / pixels, abs=1e-9)


@pytest.mark.filterwarnings("ignore:.*PuLP 4.0:DeprecationWarning")
@pytest.mark.parametrize("name", DRIVE_TEST)
def test_scores_can_come_from_the_pixels_inside_the_fov(name):
    """Accuracy, sensitivity and specificity fit DRIVE's pixel counts, as claimed."""
    keys = {"acc": "accuracy", "sens": "sensitivity", "spec": "specificity"}

    def rounded(row):
        return {short: round(row[key], 4) for short, key in keys.items()}

    content, about = read(name), {"annotator": 1, "eps": 1e-4}
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


# Thresholds: where each comes from


def thresholds():
    """Return the threshold that each table should have, by the table's name."""
    crossval, before, best = (read(x) for x in ("crossval", "crossval_eight", "best"))
    (chosen,) = (x for x in best["candidates"] if x["name"] == best["best"])
    lesson = read("lesson_run")["chapters"]["08"]["scores"]["val"]["threshold"]
    eight = ("_eight", "_eight_flips", "_eight_twenty_flips", "_wide", "_wide_flips")
    known = {f"drive_test{ending}": before["threshold"] for ending in eight}
    four = ("", "_flips", "_twenty_flips", "_twenty_average")
    known |= {f"drive_test{ending}": crossval["threshold"] for ending in four}
    known |= dict.fromkeys(("chasedb1_all", "chasedb1_all_flips"), known["drive_test"])
    known |= {
        f"drive_test{ending}": chosen["threshold"]
        for ending in ("_best", "_best_flips", "_average")
    }
    return known | {
        "train_drive": crossval["threshold"],
        "chasedb1_all_average": chosen["threshold"],
        "drive_test_topology": crossval["threshold_for_topology"],
        "drive_test_average_topology": chosen["threshold_for_topology"],
        "drive_test_lesson": lesson,
    }


def test_each_threshold_is_that_of_its_cross_validation_or_record():
    known = thresholds()
    assert {name: read(name)["threshold"] for name in known} == known
    assert {row["threshold"] for row in read("seeds_full")["rows"]} == {
        known["drive_test_twenty_flips"]
    }
    assert set(DRIVE_TEST) - set(known) == {"drive_test_phantom"}  # from its phantoms


def test_no_test_image_was_trained_on():
    eyes = {*datasets.ids("DRIVE", "train"), *datasets.ids("DRIVE", "val")}
    networks = [read("train_drive"), *read("wide")["networks"]]
    for network in (
        *networks,
        *read("best")["networks"],
        *read("crossval")["networks"],
        *read("crossval_eight")["networks"],
    ):
        assert set(network["trained_on"]) <= eyes
    for name in DRIVE_TEST:
        assert not read(name).get("trained_on_of_these")


def test_a_plan_rests_on_what_photographs_cost():
    """helpers/plan.py cannot read results/, so it repeats them with two digits."""
    each = read("photographs")["each"]
    for name, known in {"small": plan.SMALL, "large": plan.LARGE}.items():
        for key, value in known.items():
            assert value == float(f"{each[name][key.removesuffix('_each')]:.2g}")


# Comparisons in words, which no field can hold


def interval(gaps):
    """Return the 95 % bootstrap interval of the mean over eyes, as chapter 12 does."""
    draws = np.random.default_rng(0).integers(len(gaps), size=(2000, len(gaps)))
    return np.percentile(gaps[draws].mean(1), [2.5, 97.5])


def test_network_and_second_observer():
    """READMEs, model card: better than the person on DRIVE, worse on CHASE_DB1."""
    assert read("drive_test")["against_second_observer"]["dice"][1] > 0
    assert read("chasedb1_all")["against_second_observer"]["dice"][2] < 0


def test_phantoms_and_the_sato_filter():
    """With their colours less than the filter, without them more."""
    sato = read("drive_test")["sato"]["pooled"]["auc_roc"]
    assert read("drive_test_phantom")["pooled"]["auc_roc"] < sato
    assert read("phantom_only")["test"]["ci95"]["auc_roc"][0] > sato


def test_ablations_say_what_chapter_12_says():
    changes = {row["name"]: row["difference"] for row in read("ablations")["rows"]}
    dice = {name: change["plain"]["dice"] for name, change in changes.items()}
    assert min(dice, key=lambda name: dice[name][0]) == "unchanged"
    assert min(dice["flips"][1], dice["d4"][1]) > 0  # more looks help
    _, low, high = changes["colour"]["plain"]["auc_roc"]
    assert low < 0 < high  # CLAHE beside the colours: cannot tell
    assert changes["colour"]["camera"]["auc_roc"][2] < 0  # but under another lamp


def test_bf16_without_amx_is_as_slow_as_is_said():
    """runtime.py: half as long again; chapter 13: a third slower."""
    seconds = read("scaling")["without_amx"]["step_seconds"]
    assert seconds["bf16"] / seconds["fp32"] == pytest.approx(1.5, abs=0.05)


def test_lwnet_beside_the_network_of_now():
    """published.json repeats it by hand: the old pair, moved by what ours gained."""
    paired = read("published")["against_lwnet"]
    after, before = (
        read(f"drive_test{x}")["per_image"] for x in ("_flips", "_eight_flips")
    )
    for key, digits in (("auc_roc", 5), ("dice", 4)):
        gained = np.mean([x[key] - y[key] for x, y in zip(after, before, strict=True)])
        known = paired["DRIVE, shipped, 16 eyes"][key][0] + gained
        said = paired["DRIVE, shipped now, 16 eyes"][key]
        assert said == [pytest.approx(known, abs=0.6 * 10**-digits)]


def test_steps_add_up_as_chapter_12_says():
    """Four of five steps are gains, none above 0.002; twice to four times is open."""
    names = ("_eight", "_eight_flips", "_eight_twenty_flips", "_wide_flips")
    names += ("_best_flips", "_average")
    tables = [read(f"drive_test{name}")["per_image"] for name in names]
    each = [np.array([row["dice"] for row in table]) for table in tables]
    gains = [after - before for before, after in pairwise(each)]
    assert [interval(gain)[0] > 0 for gain in gains] == [True, True, True, False, True]
    assert max(gain.mean() for gain in gains) < 0.0025


def test_resizing_gives_back_what_chapter_11_says():
    """Of the distance to DRIVE: AUC nearly all, AP two thirds, Dice two fifths."""
    rows = read("other_cameras")["sets"]["CHASEDB1"]["rows"]
    home, own, resized = read("drive_test")["pooled"], rows["own size"], rows["resized"]
    share = {
        key: (resized[key] - own[key]) / (home[key] - own[key])
        for key in ("auc_roc", "auc_pr", "dice")
    }
    assert share["auc_roc"] > 0.9
    assert share["auc_pr"] == pytest.approx(2 / 3, abs=0.06)
    assert share["dice"] == pytest.approx(2 / 5, abs=0.03)


def test_the_width_is_what_chapter_11_says():
    """Too wide at any size; the second threshold takes half of it away."""
    rows = read("other_cameras")["sets"]["CHASEDB1"]["rows"]
    resized, turned = rows["resized"], rows["resized, by angle"]
    assert turned["area"] > resized["area"] > 1.4  # the size is not the reason
    assert turned["auc_roc"] < resized["auc_roc"]
    kept = resized["kept"]
    assert kept["dice_elsewhere"] > kept["dice_by_share_of_set"] > kept["dice"]
    assert kept["dice_elsewhere"] > kept["dice_by_share"] > kept["dice"]
    pooled = (read(f"chasedb1_{name}")["pooled"] for name in ("all", "elsewhere"))
    before, after = (x["sensitivity"] / x["precision"] - 1 for x in pooled)
    assert after / before == pytest.approx(0.5, abs=0.05)


def test_the_wiring_matters_as_little_as_chapter_12_says():
    plain, *others = read("which_u")["rows"]
    gaps = {row["name"]: row["difference"] for row in others}
    no_u = gaps.pop("dilated, no U")
    changes = {row["name"]: row["difference"] for row in read("ablations")["rows"]}
    fewer_eyes = abs(changes["eyes8"]["plain"]["auc_roc"][0])
    assert len(gaps) == 4 and plain["name"] == "U-Net"
    assert all(abs(x["auc_roc"][0]) < fewer_eyes / 2 for x in gaps.values())
    dice = {name: x["dice"] for name, x in gaps.items()}
    assert max(dice, key=lambda name: abs(dice[name][0])) == "W-Net"
    open_to = {name for name, (_, low, high) in dice.items() if low < 0 < high}
    assert open_to == {"U-Net++", "Attention U-Net", "residual U-Net"}
    assert max(gaps, key=lambda name: gaps[name]["auc_roc"][0]) == "U-Net++"
    assert all(no_u[key][2] < 0 for key in ("auc_roc", "dice"))
    assert gaps["W-Net"]["dice"][2] < 0


def test_no_lamp_in_training_helps_as_chapter_11_says():
    rows = {row["name"]: row["difference"] for row in read("lamps")["rows"]}
    del rows["base"]
    assert len(rows) == 7
    gains = {name: row["children"]["auc_roc"][0] for name, row in rows.items()}
    assert max(gains, key=gains.get) == "field" and gains["field"] < 0.001
    assert rows["field"]["children"]["auc_roc"][1] < 0  # cannot tell
    assert rows["field"]["camera"]["auc_roc"][1] > 0
    assert all(rows["jpeg"][x]["auc_roc"][0] < 0 for x in rows["jpeg"])


def test_the_naive_version_never_reached_the_mark():
    (row,) = (x for x in read("bench")["rows"] if "validation AUC" in x["what"])
    assert row["naive"]["0.98"] is None and row["ours"]["0.98"]


def test_costs_are_what_the_results_page_says():
    content = read("cost")
    rows = {row["name"]: row for row in content["rows"]}
    for name, settings in cost.SIZES.items():
        assert rows[name]["step_flop"] == arithmetic.step_flop(settings)
        assert rows[name]["forward_flop"] == arithmetic.forward_flop(settings)
    times = {row["name"]: row for row in content["cpu"]["times"]}
    wider, larger = list(times.values())[:3], list(times.values())[3:6]
    for precision in ("bf16", "fp32"):
        seconds = [x[precision]["core_seconds"] for x in wider]
        assert min(seconds) == seconds[0] and max(seconds) < 4
        assert max(x[precision]["core_seconds"] for x in larger) < 4.4
        for factor, each in ((2, wider), (4, larger)):
            kept = [x[precision]["activations_mib"] for x in each]
            assert kept == pytest.approx([factor] * 3, rel=0.05)
    limit = content["cpu"]["multiply_gflop_per_second"]
    done = {name: row["cpu"] for name, row in rows.items()}
    assert done["width 64"]["fp32"]["gflop_per_second"] > limit["fp32"] / 2
    assert done["recipe"]["bf16"]["gflop_per_second"] < limit["bf16"] / 2
    assert all(x["verdict"] == "pays" for x in content["cpu"]["compile"].values())
    steps = [x["pays_from"] for x in content["cpu"]["compile"].values()]
    assert content["config"]["steps"] / 4 < min(steps)
    assert max(steps) < content["config"]["steps"]


def test_dice_beside_the_costs_is_that_of_the_ablations():
    known = {row["name"]: row["difference"] for row in read("ablations")["rows"]}
    for row in read("cost")["dice"]:
        assert row["dice"] == known[row["variant"]]["plain"]["dice"]
        assert row["eyes"] == 10
