"""Which eyes a chapter gets: found under any name, fetched once a day, or drawn."""

import datetime
import threading

import pytest
from loopback import in_folder, quiet

from helpers import datasets, download, eyes, fetch, places

DRIVE = datasets.manifest("DRIVE")
CHASE = datasets.manifest("CHASEDB1")
UNPUBLISHED = datasets.unpublished("DRIVE")


def touched(folder, files):
    """Write empty files; which eyes are taken depends on names alone."""
    return in_folder(folder, dict.fromkeys(files, b""))


@pytest.fixture
def home(monkeypatch, tmp_path):
    """Return the data folder of a course that nobody gave a folder to."""
    monkeypatch.delenv("FUNDUS_DATA", raising=False)
    monkeypatch.setenv("FUNDUS_OUT", str(tmp_path / "out"))
    monkeypatch.setattr(places, "ROOT", tmp_path)
    monkeypatch.setattr(places, "KAGGLE", tmp_path / "kaggle")
    return tmp_path / "data"


def found(mode="lesson", say=quiet):
    eye = eyes.find(mode, say)
    return eye and eye.dataset


# Found


def test_drive_then_chase_then_nothing(home, monkeypatch):
    assert found() is None and found("smoke") == "PHANTOM"
    touched(home / "CHASEDB1", CHASE)
    assert found() == "CHASEDB1"
    touched(home / "DRIVE", DRIVE)
    assert found() == "DRIVE" and found("smoke") == "PHANTOM"
    for wanted in ("CHASEDB1", "phantom"):
        monkeypatch.setenv("FUNDUS_DATASET", wanted)
        assert found() == found("smoke") == wanted.upper()
    monkeypatch.setenv("FUNDUS_DATASET", "HRF")
    with pytest.raises(ValueError, match=r"run on DRIVE, CHASEDB1 or PHANTOM.*请选"):
        found()


def test_drive_without_its_test_labels_will_do_and_a_part_is_named(home):
    official = set(DRIVE) - UNPUBLISHED
    touched(home / "DRIVE", official)
    assert found() == "DRIVE"
    label = min(UNPUBLISHED)
    touched(home / "DRIVE", [label])  # one of 40 is no official state
    said = []
    assert found(say=said.append) is None
    assert "lacks 39 files (test/1st_manual/02_manual1.gif ...)" in said[0]
    assert "`python3 -m helpers data DRIVE` fetches them" in said[0]
    touched(home / "CHASEDB1", CHASE)
    assert found() == "CHASEDB1"


def test_drive_without_a_second_observer_will_do(home):
    touched(home / "DRIVE", {f for f in DRIVE if "2nd_manual" not in f})
    assert found() == "DRIVE"
    touched(home / "DRIVE", ["test/2nd_manual/01_manual2.gif"])
    assert found() is None, "one of twenty is a fault"


def test_a_folder_of_anything_else_is_named(home, monkeypatch):
    touched(home / "DRIVE", [".DS_Store"])
    said = []
    assert found(say=said.append) is None
    assert "holds no file of DRIVE" in said[0]
    monkeypatch.setenv("FUNDUS_LANGUAGE", "zh")
    said.clear()
    assert found(say=said.append) is None
    assert "里没有 DRIVE 的文件" in said[0]
    with pytest.raises(FileNotFoundError, match=r"of DRIVE, only \.DS_Store; fetch"):
        datasets.folder("DRIVE", home)


@pytest.mark.parametrize(
    "place",
    ["DRIVE", "drive", "DRIVE/DRIVE", "drive-digital-retinal-images", "x/Drive (1)"],
)
def test_drive_is_found_in_the_data_folder(home, place):
    touched(home / place, DRIVE)
    assert found() == "DRIVE"
    assert datasets.folder("DRIVE", home) == datasets.home("DRIVE", home)
    assert (datasets.folder("DRIVE", home) / "training/images").is_dir()
    assert datasets.home("CHASEDB1", home) == home / "CHASEDB1"


@pytest.mark.parametrize("given", ["{}/a b", "{}/a b/DRIVE", '"{}/a b"', "'{}/a b/' "])
def test_the_variable_names_the_folder_or_the_one_above(home, monkeypatch, given):
    touched(home / "a b/DRIVE", DRIVE)
    monkeypatch.setenv("FUNDUS_DATA", given.format(home))
    assert found() == "DRIVE"


@pytest.mark.parametrize(
    "place",
    ["slug/DRIVE", "slug/x/DRIVE", "drive-images", "datasets/me/slug/DRIVE",
     "datasets/me/drive-images", "datasets/me/slug/x/drive"],
)  # fmt: skip
def test_drive_is_found_where_kaggle_attached_it(home, place):
    touched(places.KAGGLE / place, DRIVE)
    touched(home / "CHASEDB1", CHASE)
    assert found() == "DRIVE"
    assert datasets.folder("DRIVE", home) == places.KAGGLE / place
    assert datasets.home("DRIVE", home) == home / "DRIVE", "where it is fetched to"
    assert places.data_dir() == home


def test_a_folder_in_drive_is_taken_before_an_empty_one(home, monkeypatch, tmp_path):
    monkeypatch.setattr(places, "MY_DRIVE", tmp_path / "fundus-data")
    assert places.data_dir() == home
    touched(home, [".not-fetched"])
    touched(places.MY_DRIVE / "DRIVE", DRIVE)
    assert places.data_dir() == places.MY_DRIVE and found() == "DRIVE"
    touched(home / "CHASEDB1", CHASE)
    assert places.data_dir() == home


def test_phantoms_are_not_taken_for_drive(home):
    images = ("training/images/21_training.tif", "phantom.json")
    touched(home / "PHANTOM", images)
    assert datasets.found("PHANTOM", home) and not datasets.found("DRIVE", home)


# Fetched


@pytest.fixture
def network(home, monkeypatch):
    """Let ``network.up`` say which sets answer; ``network.tries`` are the tries."""

    class Network:
        up, tries = set(), []

    def answers(addresses, seconds):
        Network.tries.append(seconds)
        first = {n: datasets.get(n).sources[0].address for n in eyes.PHOTOGRAPHS}
        up = {first[name] for name in Network.up}
        return {a: None if a in up else "no route" for a in addresses}

    def get(name, data_dir, say):
        touched(data_dir / name, datasets.manifest(name))

    monkeypatch.setattr(fetch, "answers", answers)
    monkeypatch.setattr(download, "get", get)
    Network.up, Network.tries = set(), []
    return Network


@pytest.mark.parametrize(
    ("up", "taken"),
    [({"DRIVE", "CHASEDB1"}, "DRIVE"), ({"CHASEDB1"}, "CHASEDB1"), ({}, "PHANTOM")],
)
def test_the_first_set_that_answers_is_fetched(network, up, taken):
    network.up = up
    assert eyes.bring("lesson", quiet).dataset == taken
    assert found() == (None if taken == "PHANTOM" else taken)


def test_a_failure_is_remembered_for_the_day(network, home, monkeypatch):
    said = []
    eyes.bring("lesson", said.append)
    assert "DRIVE: no route; CHASEDB1: no route" in "\n".join(said)
    assert "Import your own with" in said[-1] and "--from FILE" in said[-1]
    note = home / ".not-fetched"
    today = datetime.date.today().isoformat()
    assert note.read_text("utf-8").startswith(f"{today} DRIVE: no route")
    said.clear()
    eyes.bring("lesson", said.append)
    assert len(network.tries) == 1 and "tried earlier today" in said[0]
    note.write_text("2020-01-01 DRIVE: no route\n", "utf-8")
    eyes.bring("lesson", quiet)
    assert len(network.tries) == 2, "another day"


def test_a_failure_stands_for_the_sets_that_were_tried(network, home, monkeypatch):
    monkeypatch.setenv("FUNDUS_DATASET", "DRIVE")
    with pytest.raises(FileNotFoundError):
        eyes.bring("lesson", quiet)
    monkeypatch.setenv("FUNDUS_DATASET", "CHASEDB1")
    network.up = {"CHASEDB1"}
    assert eyes.bring("lesson", quiet).dataset == "CHASEDB1"


def test_what_was_put_there_since_the_set_up_cell_is_used(network, home):
    assert eyes.bring("lesson", quiet).dataset == "PHANTOM"
    touched(home / "DRIVE", DRIVE)
    assert eyes.bring("lesson", quiet).dataset == "DRIVE"


def test_a_fragment_does_not_hide_a_whole_set(home):
    touched(home / "DRIVE", sorted(DRIVE)[:9])
    touched(home / "DRIVE (1)", DRIVE)
    assert datasets.folder("DRIVE", home) == home / "DRIVE (1)" and found() == "DRIVE"
    touched(home / "CHASEDB1", sorted(CHASE)[:2])
    attached = home.parent / "kaggle/datasets/owner/chase/CHASEDB1"
    touched(attached, CHASE)
    assert datasets.folder("CHASEDB1", home) == attached
    assert datasets.home("CHASEDB1", home) == home / "CHASEDB1", "to be written to"


def test_a_failure_is_remembered_beside_results_too(network, home):
    home.write_text("a file in place of the folder")
    eyes.bring("lesson", quiet)
    eyes.bring("lesson", quiet)
    assert len(network.tries) == 1
    assert (places.output_dir() / ".not-fetched").is_file()


@pytest.mark.parametrize("variable", ["FUNDUS_FETCH", "FUNDUS_DATA"])
def test_nothing_is_fetched_where_a_variable_says_so(network, monkeypatch, variable):
    monkeypatch.setenv(variable, "0")
    said = []
    assert eyes.bring("lesson", said.append).dataset == "PHANTOM"
    assert variable in said[0] and not network.tries


def test_photographs_that_are_asked_for_are_not_replaced(network, monkeypatch):
    monkeypatch.setenv("FUNDUS_DATASET", "CHASEDB1")
    with pytest.raises(FileNotFoundError, match=r"data CHASEDB1 --from FILE.*找不到"):
        eyes.bring("lesson", quiet)
    network.up = {"CHASEDB1"}
    (places.data_dir() / ".not-fetched").unlink()
    assert eyes.bring("lesson", quiet).dataset == "CHASEDB1"


def test_an_address_that_says_nothing_is_not_waited_for(monkeypatch):
    never = threading.Event()

    def silent(*_):
        never.wait()
        raise OSError

    monkeypatch.setattr(fetch, "_answer", silent)
    hosts = ["https://a.example", "https://b.example"]
    assert fetch.answers(hosts, 0.1) == dict.fromkeys(hosts, "no answer in 0.1 s")
    never.set()


def test_an_address_answers_or_says_why_not(server, refused):
    server.bodies["/good"] = b"x"
    good, bad = f"{server.url}/good", f"{server.url}/500"
    found = fetch.answers([good, bad, refused], 20)
    assert found[good] is None
    assert "500" in found[bad] and "refused" in found[refused]
