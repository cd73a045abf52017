"""Networks and lamps of the experiments: wiring, size, and what may not change."""

import dataclasses

import numpy as np
import pytest
import torch

from helpers import augment, fundus, inference, phantom
from helpers.unet import UNet, count_parameters
from results.experiments import architectures, changes, lamps

COURSE = count_parameters(UNet(4))
RELATIVES = [make for make in architectures.NETWORKS.values() if make is not UNet]


@pytest.mark.parametrize("make", RELATIVES)
def test_relative_gives_a_logit_for_each_pixel_and_learns_everywhere(make):
    model = make(4)
    logits = model(torch.randn(2, 4, 32, 48))
    assert logits.shape == (2, 1, 32, 48)
    logits.square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("make", RELATIVES)
def test_relative_predicts_images_of_any_size(make):
    image = np.random.default_rng(0).random((4, 61, 50), np.float32)
    probs = inference.predict_probs(make(4), image)
    assert probs.shape == (1, 61, 50)
    assert 0 < probs.min() < probs.max() < 1


@pytest.mark.parametrize("make", RELATIVES)
def test_relative_is_as_large_as_the_course_network(make):
    size = count_parameters(make(4))
    if make is architectures.DilatedNet:
        assert size < COURSE / 10
    else:
        assert size == pytest.approx(COURSE, rel=0.02)


@pytest.mark.parametrize("make", RELATIVES)
def test_relative_moves_with_the_image(make):
    model = make(4).eval()
    image = torch.randn(1, 4, 224, 224)
    moved = torch.roll(image, (8, 16), (2, 3))
    with torch.no_grad():
        wanted, got = torch.roll(model(image), (8, 16), (2, 3)), model(moved)
    inner = (..., slice(104, 120), slice(104, 120))  # where no border is seen
    if make is architectures.WNet:  # it sees twice as far, and beyond what is here
        assert (wanted - got)[inner].abs().mean() < 0.05 * wanted[inner].std()
    else:
        torch.testing.assert_close(got[inner], wanted[inner], atol=1e-4, rtol=1e-4)


def test_attention_with_open_gates_is_a_unet():
    model, plain = architectures.AttentionUNet(3, (4, 8, 16)), UNet(3, 1, (4, 8, 16))
    for gate in model.gates:
        torch.nn.init.zeros_(gate.weigh.weight)
        torch.nn.init.constant_(gate.weigh.bias, 50.0)
    plain.load_state_dict(model.state_dict(), strict=False)
    image = torch.randn(1, 3, 16, 16)
    torch.testing.assert_close(model(image), plain(image))


def test_gate_weakens_and_never_turns():
    skip, below = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8)
    weight = architectures.Gate(4)(skip, below) / skip
    assert 0 < weight.min() < weight.max() < 1
    torch.testing.assert_close(weight[:, 0], weight[:, 3])  # one for all channels


def test_nested_node_sees_all_nodes_before_it():
    model = architectures.NestedUNet(4, (2, 4, 8))
    channels = {name: node[0].in_channels for name, node in model.nodes.items()}
    assert channels == {"00": 4, "10": 2, "20": 4, "01": 4, "11": 8, "02": 6}


def test_residual_without_convolutions_is_its_projection():
    block = architectures.Residual(3, 5).eval()
    torch.nn.init.zeros_(block.inner[3].weight)
    x = torch.randn(1, 3, 8, 8)
    torch.testing.assert_close(block(x), torch.relu(block.around(x)))


def test_dilated_sees_as_far_as_the_unet():
    def reach(model):
        image = torch.rand(1, 4, 160, 160, requires_grad=True)
        for layer in model.modules():
            if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
                torch.nn.init.constant_(layer.weight, 0.1)
        model.eval()(image)[0, 0, 80, 80].backward()
        return int((image.grad[0, 0].abs().sum(1) > 0).sum())

    assert reach(architectures.DilatedNet(4)) == 95
    assert abs(reach(UNet(4)) - 95) <= 5


# ---- Lamps ----


@pytest.fixture(scope="module")
def eye(tmp_path_factory):
    folder = phantom.write(tmp_path_factory.mktemp("data") / "PHANTOM").parent
    return fundus.load("PHANTOM", "val", folder)[0]


@pytest.mark.parametrize("lamp", [*lamps.LAMPS.values(), lamps.any_of_them])
def test_lamp_changes_the_photograph_alone(eye, lamp):
    first, *others = lamps.copies([eye], lamp, seed=1)
    again = lamps.copies([eye], lamp, seed=1)
    assert first is eye
    assert len(others) == lamps.COPIES
    for x, same in zip(others, again[1:], strict=True):
        np.testing.assert_array_equal(x.image, same.image)
        assert x.image.dtype == np.float32
        assert x.image.shape == eye.image.shape
        assert 0 <= x.image.min() <= x.image.max() <= 1
        assert not x.image[:, ~x.fov[0]].any()
        assert np.abs(x.image - eye.image).max() > 0.001
        rest = dataclasses.replace(x, image=eye.image)
        assert rest == eye or rest.vessels is eye.vessels


def test_light_changes_slowly():
    grey = np.full((3, 90, 120), 0.5, np.float32)
    light = lamps.field(grey, np.random.default_rng(0)) / grey
    assert 0.5 <= light.min() < 0.9
    assert 1.1 < light.max() <= 1.5
    assert np.abs(np.diff(light, axis=1)).max() < 0.06
    np.testing.assert_array_equal(light[0], light[2])


def test_gamma_keeps_order_black_and_white():
    ramp = np.tile(np.linspace(0, 1, 50, dtype=np.float32), (3, 4, 1))
    bent = lamps.gamma(ramp, np.random.default_rng(0))
    assert (np.diff(bent, axis=-1) > 0).all()
    assert bent[..., 0].max() == 0
    assert bent[..., -1].min() == 1


def test_noise_is_no_stronger_than_said():
    grey, rng = np.full((3, 200, 200), 0.5, np.float32), np.random.default_rng(0)
    spread = [lamps.noise(grey, rng).std() for _ in range(20)]
    assert max(spread) < 0.042
    assert min(spread) < 0.01


def test_soft_rims_differ_from_the_recipe_at_the_rims_alone():
    rows, columns = np.mgrid[:64, :64]
    stripe = torch.from_numpy((abs(rows - columns) < 4)[None, None]).float()
    image, fov = torch.randn(1, 4, 64, 64), torch.ones(1, 1, 64, 64)

    def drawn(function):
        generator = torch.Generator().manual_seed(3)
        return function(image, stripe, fov, 32, generator)

    hard, soft = drawn(augment.augment), drawn(changes.soft_rims)
    torch.testing.assert_close(soft[0], hard[0])
    torch.testing.assert_close(soft[2], hard[2])
    between = (soft[1] > 0) & (soft[1] < 1)
    assert between.any()
    assert not hard[1].frac().any()
    assert ((soft[1] > 0.5).float() != hard[1]).float().mean() < 0.05
    torch.testing.assert_close(soft[1][~between], hard[1][~between])
