"""The final task: the record in order, one graded submission, an honest protocol."""

import functools
import json
import re
import string
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from helpers import datasets, fundus, inference, metrics, phantom, places, task
from helpers.evaluation import evaluate

SMALL = (100, 96)
PARTS = {"train": ("41", "42"), "val": ("47",), "test": ("51", "52", "53")}
CHILD = {"51": "a", "52": "a", "53": "b"}
EXAMPLE = {"tta": "none"}
draw_once = functools.cache(phantom.draw)


@pytest.fixture(autouse=True)
def few_eyes(monkeypatch):
    monkeypatch.setattr(task, "PHANTOMS", PARTS)
    monkeypatch.setattr(phantom, "draw", draw_once)
    monkeypatch.setattr(places, "language", lambda: "en")


@pytest.fixture
def quick(monkeypatch):
    """Let bootstrap and baseline be cheap where no test looks at their numbers."""
    short = functools.partial(metrics.resampled, num_resamples=20)
    monkeypatch.setattr(metrics, "resampled", short)
    ready = SimpleNamespace(threshold=0.7, probs=lambda image, fov: image[2:] * fov)
    monkeypatch.setattr(task, "Segmenter", SimpleNamespace(load=lambda: ready))


@pytest.fixture
def turn(tmp_path):
    return task.Turn("PHANTOM", tmp_path / "turn", "lesson", SMALL, EXAMPLE)


def guess(x, strength=0.4, seed=0) -> np.ndarray:
    """Return probabilities that know the vessels, and noise."""
    eye = phantom.draw(int(x.name), *SMALL, lamp=task.LAMP)
    noise = np.random.default_rng([seed, int(x.name)]).random(x.fov.shape)
    probs = strength * eye.vessels + (1 - strength) * noise
    return (probs * x.fov).astype(np.float32)


def guesses(eyes, **how) -> dict:
    return {x.name: guess(x, **how) for x in eyes}


def submitted(turn, threshold=0.5, **how) -> dict:
    return turn.submit(guesses(turn.photographs(), **how), threshold)


def broken(turn) -> list[str]:
    return [line for ok, line in turn.protocol() if not ok]


# Eyes


def test_the_lamp_changes_the_photograph_and_no_label():
    usual, other = phantom.draw(41, *SMALL), phantom.draw(41, *SMALL, lamp=task.LAMP)
    assert other.image[1].mean() < 0.6 * usual.image[1].mean()
    assert np.array_equal(usual.vessels, other.vessels)


def test_no_eye_is_in_two_parts_or_in_the_chapters():
    parts = [*task.PHANTOMS.values(), datasets.ids("PHANTOM", "all")]
    names = [name for part in parts for name in part]
    assert len(set(names)) == len(names)


def test_photographs_come_without_labels(turn):
    assert not hasattr(turn.photographs()[0], "vessels")
    with pytest.raises(ValueError, match="submission only"):
        turn.development("train", "test")


def test_test_labels_of_chasedb1_are_not_read_before(tmp_path, monkeypatch):
    place = tmp_path / "CHASEDB1"
    monkeypatch.setattr(places, "data_dir", lambda: tmp_path)
    for name in datasets.ids("CHASEDB1", "all"):
        image = phantom.draw(51, *SMALL).image
        picture = phantom.Image.fromarray(
            (255 * image).astype("uint8").transpose(1, 2, 0)
        )
        place.mkdir(exist_ok=True)
        picture.save(place / f"Image_{name}.jpg")
    turn = task.Turn("CHASEDB1", tmp_path / "turn")
    assert [x.name for x in turn.photographs()] == list(turn.ids("test"))
    assert {turn.person(name) for name in turn.ids("test")} == {"11", "12", "13", "14"}
    with pytest.raises(FileNotFoundError):  # there are no labels
        submitted_to_nothing = {
            x.name: np.zeros(x.fov.shape) for x in turn.photographs()
        }
        turn.state_plan("any")
        turn.submit(submitted_to_nothing, 0.5)
    assert not turn.entries("submit")


def test_phantoms_where_chasedb1_is_not_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "data_dir", lambda: tmp_path)
    assert task.begin("lesson").dataset == "PHANTOM"
    assert task.begin("smoke").folder != task.begin("lesson").folder


# The record


def test_the_protocol_is_kept(quick, turn):
    assert turn.state_plan("  ") is None
    plan = turn.state_plan("the best threshold")
    assert turn.state_plan("") == plan  # it still holds
    assert len(turn.entries("plan")) == 1
    turn.measure(guesses(turn.development()), 0.5, **EXAMPLE)
    submitted(turn)
    assert turn.events() == ["plan", "measure", "submit"]
    assert broken(turn) == []
    assert len(plan["sha256"]) == 64
    assert "not kept" not in turn.conclusion()


def test_what_is_run_again_is_not_counted_again(quick, turn):
    for _ in range(2):
        assert turn.state_plan("a plan")["number"] == 1
        assert turn.measure(guesses(turn.development()), 0.5)["number"] == 1
        assert submitted(turn)["number"] == 1
    assert turn.measure(guesses(turn.development()), 0.6)["number"] == 2
    other_threads = {n: p * (1 - 1e-7) for n, p in guesses(turn.development()).items()}
    assert turn.measure(other_threads, 0.6)["number"] == 2


def test_a_measurement_before_the_plan_is_said(turn):
    turn.measure(guesses(turn.development("val")), 0.5, tta="flips")
    turn.state_plan("later")
    assert "before it: 1." in broken(turn)[0]


def test_the_example_before_the_plan_does_no_harm(turn):
    turn.measure(guesses(turn.development("val")), 0.5, **EXAMPLE)
    turn.state_plan("mine")
    assert broken(turn) == []
    assert turn.events() == ["plan"]


def test_a_changed_plan_is_said_and_does_no_harm(turn):
    turn.state_plan("first")
    turn.measure(guesses(turn.development("val")), 0.5)
    turn.state_plan("second")
    assert broken(turn) == []
    said = [line for _, line in turn.protocol() if "Changes of the plan: 1" in line]
    assert "last change: 1." in said[0]


def test_a_second_submission_is_graded_and_said(quick, turn):
    turn.state_plan("a plan")
    turn.measure(guesses(turn.development()), 0.5)
    first, second = submitted(turn), submitted(turn, strength=0.45)
    assert second["number"] == 2
    assert second["scores"]["yours"] != first["scores"]["yours"]
    assert "look number 2" in broken(turn)[0]
    assert "not kept" in turn.conclusion()


def test_a_threshold_that_was_never_measured_is_said(quick, turn):
    turn.state_plan("a plan")
    turn.measure(guesses(turn.development()), 0.5)
    submitted(turn, threshold=0.4)
    assert "0.400" in broken(turn)[0]


def test_no_submission_without_a_plan(turn):
    with pytest.raises(ValueError, match="no plan"):
        submitted(turn)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"entries": [{"kind": "plan"}]}',
        '{"entries": 3}',
        "\0",
        9999 * "[",
    ],
    ids=range(7),
)
def test_a_damaged_record_is_put_aside_and_said(turn, text):
    turn.state_plan("a plan")
    (turn.folder / "record.json").write_text(text)
    assert turn.entries() == []
    turn.state_plan("a plan")
    assert "damaged" in broken(turn)[0]
    assert (turn.folder / "record-damaged-1.json").read_text() == text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda probs: probs.pop("52"), "51, 53 came"),
        (lambda probs: probs.update({"41": probs["51"]}), "needed is a dict of 51"),
        (lambda probs: probs.update({"51": probs["51"] + 1}), "sigmoid"),
        (lambda probs: probs.update({"51": probs["51"][0]}), "shape"),
        (lambda probs: probs.update({"51": np.nan * probs["51"]}), "nan"),
    ],
)
def test_what_cannot_be_scored_spends_no_look(turn, change, message):
    turn.state_plan("a plan")
    probs = guesses(turn.photographs())
    change(probs)
    with pytest.raises(ValueError, match=message):
        turn.submit(probs, 0.5)
    assert not turn.entries("submit")


# Scores


@pytest.fixture
def graded(turn, monkeypatch) -> dict:
    """Return a submission where eyes 51 and 52 are one child's."""
    monkeypatch.setattr(task.Turn, "person", lambda _, name: CHILD[name])
    turn.state_plan("a plan")
    return submitted(turn)


def test_the_baseline_and_the_intervals_against_independent_ones(graded):
    """Children are drawn, and each draw serves both: counted here pixel by pixel."""
    scores, shipped = graded["scores"], inference.Segmenter.load()
    eyes = [phantom.draw(int(k), *SMALL, lamp=task.LAMP) for k in PARTS["test"]]
    maps = {x.name: shipped.probs(x.image, x.fov) for x in eyes}
    own = evaluate(lambda x: maps[x.name], eyes, shipped.threshold, CHILD.get)
    assert scores["baseline"]["dice"] == [own.pooled["dice"], *own.ci95["dice"]]
    assert scores["baseline"]["auc_roc"][0] == own.pooled["auc_roc"]
    tables = np.zeros((3, 2, 3))  # way, child, (TP, FP, FN)
    for x in eyes:
        preds = guess(x) >= 0.5, maps[x.name] >= shipped.threshold, x.second
        for way, pred in enumerate(pred[x.fov] for pred in preds):
            true = x.vessels[x.fov]
            cells = (pred & true, pred & ~true, ~pred & true)
            child = "ab".index(CHILD[x.name])
            tables[way, child] += [cell.sum() for cell in cells]

    def dice(sums):
        return 2 * sums[..., 0] / (2 * sums[..., 0] + sums[..., 1] + sums[..., 2])

    pooled = dice(tables.sum(1))
    draws = np.random.default_rng(0).integers(2, size=(1000, 2))
    drawn = dice(tables[:, draws].sum(2))
    for way, name in enumerate(("yours", "baseline", "second_observer")):
        ends = np.percentile(drawn[way], [2.5, 97.5])
        assert scores[name]["dice"] == pytest.approx([pooled[way], *ends])
    ends = np.percentile(drawn[0] - drawn[1], [2.5, 97.5])
    assert graded["gain"]["dice"] == pytest.approx([pooled[0] - pooled[1], *ends])
    assert graded["persons"] == 2


def test_a_resized_eye_keeps_its_vessels():
    x = phantom.draw(41, *SMALL)
    double = task.at_diameter(x, 2 * fundus.fov_diameter(x.fov))
    assert double.image.shape == (3, 2 * SMALL[0], 2 * SMALL[1])
    assert double.vessels.dtype == bool
    assert double.vessels.mean() == pytest.approx(x.vessels.mean(), rel=0.1)


# The chapter


def run_chapter(turned: str = "", **forms) -> None:
    """Run the code of the built chapter here, with other values in its forms.

    ``turned`` is code that runs before the cell that submits.
    """
    path = Path(__file__).parents[1] / "notebooks/14_your_turn.ipynb"
    cells = json.loads(path.read_text("utf-8"))["cells"]
    code = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    code[0] = "from helpers import lesson; course = lesson.start()"
    for name, value in forms.items():
        line = re.compile(rf"(?m)^{name} = .*(?=  # @param)")
        assert sum(bool(line.search(text)) for text in code) == 1
        code = [line.sub(f"{name} = {value!r}", text) for text in code]
    names = {}
    for text in code:
        exec(turned if "SUBMIT = " in text else "", names)
        exec(text, names)


@pytest.fixture
def smoke(tmp_path, monkeypatch):
    """Return the task of a chapter that runs in smoke mode."""
    for name, value in (("MODE", "smoke"), ("OUT", str(tmp_path)), ("LANGUAGE", "en")):
        monkeypatch.setenv(f"FUNDUS_{name}", value)
    short = functools.partial(metrics.resampled, num_resamples=20)
    monkeypatch.setattr(metrics, "resampled", short)
    return task.begin("smoke", diameter=540, tta="none", steps=0, note="")


def test_without_a_plan_only_the_example_is_measured(smoke, capsys):
    run_chapter(NOTE="another predict")
    assert "would break rule 1" in capsys.readouterr().out
    assert all(m["settings"] == smoke.example for m in smoke.entries("measure"))
    assert smoke.events() == []


def test_settings_that_were_not_measured_are_not_submitted(smoke, capsys):
    turned = "TTA = 'flips'; settings = settings | {'tta': TTA}"
    run_chapter(turned, PLAN="mine", NOTE="nothing", SUBMIT=True)
    said = capsys.readouterr().out
    assert "Run [14-11] again" in said
    assert "nothing is submitted yet" in said
    assert not smoke.entries("submit")
    assert smoke.entries("measure")[-1]["settings"]["note"] == "nothing"
    run_chapter()  # after a restart, the form empty
    assert "plan 1, stated" in (said := capsys.readouterr().out)
    assert "No plan" not in said


def test_the_chapter_submits_when_told_to_and_only_then(smoke):
    turn = smoke
    run_chapter()
    assert len(turn.entries("measure")) == 2  # baseline and example
    assert turn.events() == []  # they are not the reader's
    assert not turn.entries("submit")
    run_chapter(PLAN="mine", STEPS=1, SUBMIT=True)
    events = [entry["kind"] for entry in turn.entries()]
    assert events == ["measure", "measure", "plan", "measure", "submit"]
    assert turn.entries("measure")[-1]["eyes"] == list(turn.ids("val"))
    run_chapter(PLAN="mine", STEPS=2, SUBMIT=True)  # by another network, unasked
    assert len(turn.entries("submit")) == 1
    assert broken(turn) == []
    assert (turn.folder / "report.html").is_file()


# The report


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_report_holds_all_of_it_and_ends_with_the_conclusion(
    quick, turn, language, monkeypatch
):
    monkeypatch.setattr(places, "language", lambda: language)
    turn.state_plan("a plan with <b> & more")
    turn.measure(guesses(turn.development()), 0.5, tta="flips", note="")
    turn.measure(guesses(turn.development()), 0.5, tta="flips", note="sharper <eye>")
    submitted(turn)
    x = turn.photographs()[0]
    words = ("first <i>", "second", "third")
    path = turn.report("李", words, x.image.transpose(1, 2, 0))
    page = path.read_text("utf-8")
    shown = (
        "a plan with &lt;b&gt; &amp; more",
        "tta flips<",
        "sharper &lt;eye",
        "first &lt;i&gt;",
        "李",
    )
    for text in (*shown, turn.entries("plan")[0]["sha256"][:12]):
        assert text in page
    assert page.count("data:image/png") == 1
    lines = page.replace("</p>\n</main></body></html>\n", "").splitlines()
    assert lines[-1] == f"<p>{turn.conclusion()}"
    assert not {"{", "$"} & set(
        turn.conclusion() + "".join(s for _, s in turn.protocol())
    )


@pytest.mark.parametrize(
    ("ends", "word"),
    [((0.01, 0.02), "your way agrees"), ((-0.02, -0.01), "unchanged network agrees"),
     ((-0.01, 0.01), "no difference")],
)  # fmt: skip
def test_the_conclusion_follows_the_interval(quick, turn, ends, word):
    turn.state_plan("a plan")
    submitted(turn)
    file = turn.folder / "record.json"
    record = json.loads(file.read_text("utf-8"))
    record["entries"][-1]["gain"]["dice"][1:] = ends
    file.write_text(json.dumps(record))
    assert word in turn.conclusion()


def test_texts_stand_in_two_languages_with_the_same_fields():
    for part in task.WORDS.values():
        for english, chinese in part.values():
            fields = [
                {name for _, name, _, _ in string.Formatter().parse(text) if name}
                for text in (english, chinese)
            ]
            assert fields[0] == fields[1]
            chinese.encode("gbk")
