"""The offline page: the same preparation as Python's, the same vessels, no request."""

import base64
import dataclasses
import gzip
import hashlib
import io
import re
import shutil
import subprocess

import loopback
import numpy as np
import pytest
import torch
from PIL import Image
from test_browser import faults

from helpers import __main__ as command
from helpers import export, fetch, fundus, inference, page, phantom, pictures, places

DRIVER = """
const [height, width, known] = process.argv.slice(2).map(Number);
const data = new Uint8ClampedArray(require("fs").readFileSync(0));
const {input, fov} = look({height, width, data}, known);
const sizes = [input[0].height, input[0].width];
const layers = input.map((layer) => Buffer.from(layer.values.buffer));
process.stdout.write(Buffer.concat([
  Buffer.from(Int32Array.from(sizes).buffer), Buffer.from(fov.on), ...layers]));
"""


@pytest.fixture(scope="module")
def network():
    return inference.Segmenter.load(device=torch.device("cpu"))


@pytest.fixture(scope="module")
def eye(tmp_path_factory):
    place = tmp_path_factory.mktemp("eyes")
    phantom.write(place / "PHANTOM", 250, 241)
    x = fundus.load("PHANTOM", "val", place)[0].image
    return np.rint(x * 255).astype(np.uint8).transpose(1, 2, 0)


def framed(eye):
    """Return an eye as another camera shows it: cut above, on grey, with writing."""
    frame = np.full((eye.shape[0], 330, 3), 40, np.uint8)
    is_lit = fundus.automatic_fov(as_image(eye))[0]
    frame[:, 40 : 40 + eye.shape[1]][is_lit] = eye[is_lit]
    frame[8:20, 290:320:2] = 220
    return frame[30:]


def magnified(eye):
    """Return an eye so large that every second pixel is enough to find the disc."""
    return np.asarray(Image.fromarray(eye).resize((2081, 2158)))


def faint(eye):
    """Return an eye whose colours fill a tenth of the range, with no black frame."""
    return (eye // 10 + 100)[12:-9, 5:]


def as_image(picture):
    return pictures.to_array(Image.fromarray(picture))


@pytest.fixture(scope="module")
def in_node(tmp_path_factory):
    """Return a function that lets the page's own scripts prepare a photograph."""
    if not shutil.which("node"):
        pytest.skip("needs node: the page's scripts run in it")
    scripts = [(page.WEB / name).read_text("utf-8") for name in page.OWN[:2]]
    program = tmp_path_factory.mktemp("node") / "look.js"
    program.write_text("\n".join([*scripts, DRIVER]), "utf-8")

    def prepared(picture, known):
        height, width = picture.shape[:2]
        call = ["node", str(program), str(height), str(width), str(known)]
        pixels = np.dstack([picture, np.full((height, width), 255, np.uint8)])
        done = subprocess.run(call, input=pixels.tobytes(), capture_output=True)
        assert not done.returncode, done.stderr.decode()
        rows, columns = np.frombuffer(done.stdout[:8], np.int32)
        end = 8 + height * width
        fov = np.frombuffer(done.stdout[8:end], bool).reshape(1, height, width)
        layers = np.frombuffer(done.stdout[end:], np.float32).reshape(4, rows, columns)
        return layers, fov

    return prepared


def in_python(monkeypatch, network, image, known):
    """Return what Python's Segmenter shows to a network, and the field of view."""
    shown = []

    def spy(model, inputs, *args):
        shown.append(inputs)
        return np.zeros((1, *inputs.shape[1:]), np.float32)

    monkeypatch.setattr(inference, "predict_probs", spy)
    plain = {"standardisation": export.INSIDE, "fov_diameter": known}
    dataclasses.replace(network, **plain).probs(image, fov := fundus.find_fov(image)[0])
    return shown[0], fov


@pytest.mark.parametrize(
    ("change", "known"),
    [(np.array, 540), (np.array, 240), (framed, 131), (faint, 300), (magnified, 240)],
)
def test_the_browser_prepares_as_python(
    monkeypatch, in_node, network, eye, change, known
):
    picture = change(eye)
    ours, our_fov = in_node(picture, known)
    theirs, fov = in_python(monkeypatch, network, as_image(picture), known)
    assert (our_fov == fov).all()
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 1 / 255


# ---- In a browser ----


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the page with the shipped weights, where npm's package is cached."""
    for package in export.PACKAGES:
        pytest.importorskip(package, reason="ONNX's packages are not installed")
    archive = places.output_dir() / page.NAME
    if not archive.is_file():
        pytest.skip(f"needs {archive}: `export --page` fetches it")
    path = tmp_path_factory.mktemp("page") / "try.html"
    arguments = ["export", "--page", str(path), "--from", str(archive)]
    assert command.main(arguments) == 0
    return path


class Visitor:
    """A browser at the page, opened from the disk; ``asked``: what it requested."""

    def __init__(self, tab, path):
        self.tab, self.asked = tab, []
        tab.context.on("request", lambda request: self.asked.append(request.url))
        tab.goto(path.as_uri())

    def give(self, file):
        """Let the page find the vessels of a photograph, and wait for them."""
        self.tab.locator("#file").set_input_files(file)
        self.tab.locator("#result").wait_for()

    def save(self):
        """Return the vessels that the page saves, (H, W) bool, and the file's name."""
        with self.tab.expect_download() as download:
            self.tab.locator("#save").click()
        picture = Image.open(download.value.path()).convert("RGB")
        values = np.asarray(picture)
        assert set(np.unique(values)) <= {0, 255}
        return values[..., 0] > 0, download.value.suggested_filename

    def number(self):
        """Return the share of vessels that stands below the picture."""
        return float(
            re.search(r"([\d.]+)%", self.tab.locator("#share").inner_text())[1]
        )


@pytest.fixture(scope="module")
def visitor(browser, built):
    context = browser.new_context(
        locale="en-GB", viewport={"width": 400, "height": 800}
    )
    yield Visitor(context.new_page(), built)
    context.close()


@pytest.fixture(scope="module")
def turned(eye, tmp_path_factory):
    """Return a photograph that lies on its side, with a note (EXIF) that says so."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path_factory.mktemp("photographs") / "右眼 1.jpg"
    Image.fromarray(eye).rotate(90, expand=True).save(path, exif=exif, quality=95)
    return path


@pytest.fixture(scope="module")
def seen(visitor, turned):
    """Return the visitor, with that photograph and its vessels on the page."""
    visitor.give(turned)
    return visitor


def in_the_course(network, path):
    """Return the vessels that ``segment`` finds, (H, W) bool."""
    image, _ = pictures.read_photo(path)
    fov = fundus.automatic_fov(image)
    return network.probs(image, fov)[0] >= network.threshold_for(), fov


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def test_the_page_finds_the_same_vessels(seen, network, turned):
    ours, name = seen.save()
    theirs, fov = in_the_course(network, turned)
    assert name == "右眼 1_vessels.png"
    assert ours.shape == theirs.shape and theirs.any()
    assert dice(ours, theirs) > 0.99
    assert seen.number() == pytest.approx(100 * theirs.sum() / fov.sum(), abs=0.1)


def test_slider_and_views_show_more_or_other_things(seen):
    slider, first = seen.tab.get_by_label("Threshold"), seen.number()
    assert slider.input_value() == "0.6"
    slider.press("ArrowLeft")
    assert slider.input_value() == "0.59"
    slider.fill("0.1")
    seen.tab.get_by_role("radio", name="vessels", exact=True).check()
    seen.tab.wait_for_timeout(200)  # it draws with the next frame
    shown = Image.open(io.BytesIO(seen.tab.locator("#picture").screenshot()))
    assert seen.number() > first + 1
    assert np.asarray(shown.convert("RGB")).std(axis=2).mean() < 1, "black and white"


@pytest.mark.parametrize("width", [400, 1200])
def test_the_page_has_no_serious_fault_in_either_language(seen, width):
    seen.tab.set_viewport_size({"width": width, "height": 800})
    titles = {"中文": "照片里的血管", "English": "Vessels of a photograph"}
    for language, title in titles.items():
        seen.tab.get_by_role("button", name=language).click()
        assert seen.tab.title() == seen.tab.locator("h1").inner_text() == title
        assert faults(seen.tab) == []


def test_nothing_leaves_the_page(seen, server):
    for way in ("fetch(address)", "fetch(address, {mode: 'no-cors', method: 'POST'})"):
        attempt = f"address => {way}.then(() => 'sent', () => 'held')"
        assert seen.tab.evaluate(attempt, f"{server.url}/ok") == "held"
    seen.tab.evaluate("address => new Image().src = address", f"{server.url}/ok")
    seen.tab.evaluate("address => navigator.sendBeacon(address)", f"{server.url}/ok")
    seen.tab.wait_for_timeout(200)
    assert not server.hits
    ways = {url.partition(":")[0] for url in seen.asked if server.url not in url}
    assert ways <= {"file", "blob", "data"}
    assert sum(url.startswith("file:") for url in seen.asked) == 1, "the page itself"


def test_what_is_no_photograph_is_named_and_another_can_be_given(seen, tmp_path):
    (tmp_path / "eye.tif").write_bytes(b"II*\0")
    Image.new("RGB", (700, 63)).save(tmp_path / "strip.png")
    for name, words in (("eye.tif", "export it as PNG"), ("strip.png", "64 a side")):
        seen.tab.locator("#file").set_input_files(tmp_path / name)
        seen.tab.get_by_role("status").filter(has_text=words).wait_for()
        assert seen.tab.locator("#result").is_hidden()
        assert seen.tab.locator("#file").is_enabled()


@pytest.mark.parametrize(
    "name",
    [
        "DRIVE/test/images/01_test.tif",
        "CHASEDB1/Image_01L.jpg",
        "CHASEDB1/Image_14R.jpg",
    ],
)
def test_real_photographs_have_the_same_vessels(
    visitor, network, real_data, tmp_path, name
):
    if not (path := real_data / name).is_file():
        pytest.skip(f"needs {path}")
    if path.suffix == ".tif":  # which browsers do not read
        Image.open(path).save(path := tmp_path / "eye.png")
    visitor.give(path)
    visitor.tab.get_by_label("Threshold").fill("0.6")
    assert dice(visitor.save()[0], in_the_course(network, path)[0]) > 0.99


# ---- Written, and where the runtime comes from ----

FILES = {f"package/dist/{name}": name.encode() for name in (page.SCRIPT, page.BINARY)}
PACKAGE = loopback.tarred(FILES)


@pytest.fixture
def registry(server, monkeypatch, tmp_path):
    """Serve a package as npm does; the outputs are a new folder."""
    digest = base64.b64encode(hashlib.sha512(PACKAGE).digest()).decode()
    monkeypatch.setattr(page, "INTEGRITY", f"sha512-{digest}")
    monkeypatch.setenv("npm_config_registry", f"{server.url}/")
    monkeypatch.setenv("FUNDUS_OUT", str(tmp_path / "outputs"))
    server.bodies[f"/onnxruntime-web/-/{page.NAME}"] = PACKAGE
    return server


def test_the_package_is_fetched_once(registry):
    said = []
    for _ in range(2):
        files = page.runtime(say=said.append)
        assert files == {name: name.encode() for name in (page.SCRIPT, page.BINARY)}
    assert registry.hits == [f"/onnxruntime-web/-/{page.NAME}"] and len(said) == 1


def test_a_package_with_other_bytes_does_not_stay(registry, tmp_path):
    registry.bodies[registry_path := f"/onnxruntime-web/-/{page.NAME}"] = b"PK other"
    with pytest.raises(ValueError, match="other bytes than npm's .* --from FILE.tgz"):
        page.runtime()
    assert registry.hits == [registry_path]
    assert not list((tmp_path / "outputs").iterdir())


def test_without_a_network_the_file_can_be_given(registry, refused, tmp_path):
    given = tmp_path / "here.tgz"
    given.write_bytes(PACKAGE)
    assert page.runtime(given)[page.SCRIPT] == page.SCRIPT.encode()
    assert not registry.hits
    with pytest.raises(FileNotFoundError, match="give the onnxruntime-web"):
        page.runtime(tmp_path / "none.tgz")
    given.write_bytes(PACKAGE[:-1])
    with pytest.raises(ValueError, match="its SHA-512 is another one.*get it again"):
        page.runtime(given)


def test_no_network_and_no_package_is_one_sentence(monkeypatch, refused, tmp_path):
    monkeypatch.setenv("npm_config_registry", refused)
    monkeypatch.setenv("FUNDUS_OUT", str(tmp_path))
    with pytest.raises(fetch.DownloadError, match=r"with --from FILE\.tgz$") as error:
        page.runtime()
    assert "\n" not in str(error.value)


def test_the_page_is_whole_and_asks_for_nothing(tmp_path):
    settings = {"threshold": 0.4, "threshold_elsewhere": 0.6, "fov_diameter": 540.0}
    settings["settings"] = {"in_channels": 4}
    files = {page.SCRIPT: b"const ort = 1;", page.BINARY: b"\0asm"}
    page.write(tmp_path / "a.html", b"network", settings, files)
    text = (tmp_path / "a.html").read_text("utf-8")
    assert text.count("</script>") == 5, "no script ends early"
    assert "$" not in re.sub(r"(?s)<script.*?</script>", "", text)
    assert not re.search(r"(src|href)=\"(?!data:)", text)
    assert '{"threshold": 0.6, "known": 540.0}' in text
    packed = re.search('id="network">(.*?)<', text)[1]
    assert gzip.decompress(base64.b64decode(packed)) == b"network"
    page.write(
        tmp_path / "b.html", b"", settings | {"threshold_elsewhere": None}, files
    )
    assert '"threshold": 0.4' in (tmp_path / "b.html").read_text("utf-8")


def test_a_network_that_takes_something_else_is_refused(tmp_path):
    with pytest.raises(ValueError, match="take 3 channels, the page prepares 4"):
        page.write(tmp_path / "a.html", b"", {"settings": {"in_channels": 3}}, {})
    assert not list(tmp_path.iterdir())


def test_something_must_be_asked_for(capsys):
    assert command.main(["export"]) == 2
    assert "--out FILE.onnx, or --page" in capsys.readouterr().err
