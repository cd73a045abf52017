"""Shapes, parameters, skips and modes of the network."""

import itertools

import pytest
import torch
from torch import nn

from helpers.unet import DoubleConv, UNet, count_parameters


def double_conv(i, o):
    return 9 * i * o + 9 * o * o + 4 * o  # two convolutions, two batch norms


def test_parameters_by_formula():
    for widths in ((16, 32, 64, 128), (4, 8, 16)):
        pairs = list(itertools.pairwise(widths))
        expected = double_conv(1, widths[0]) + sum(double_conv(a, b) for a, b in pairs)
        expected += sum(4 * a * b + a + double_conv(2 * a, a) for a, b in pairs)
        expected += widths[0] + 1
        assert count_parameters(UNet(1, 1, widths)) == expected
    assert count_parameters(UNet()) == 482_449


@pytest.mark.parametrize("height", [8, 24, 40])
@pytest.mark.parametrize("width", [8, 16, 56])
def test_logits_have_the_size_of_the_image(height, width):
    net = UNet(3, 2, (4, 8, 12, 16))
    assert net(torch.zeros(2, 3, height, width)).shape == (2, 2, height, width)


def test_a_size_that_does_not_fit_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"multiples of 8, got 584 x 565.*pad"):
        UNet()(torch.zeros(1, 1, 584, 565))


def test_skips_carry_the_image_past_the_bottom():
    """With the way through the bottom silenced, the output still sees the image."""
    torch.manual_seed(0)
    net = UNet(1, 1, (4, 8, 16)).eval()
    image = torch.randn(1, 1, 16, 16)
    for silent in (net.up, net.up[-1:]):  # from the top: only the first skip is left
        for up in silent:
            nn.init.zeros_(up.weight)
            nn.init.zeros_(up.bias)
        assert (net(image) - net(-image)).abs().max() > 1e-5


def test_each_level_gets_the_skip_of_its_own_size():
    net, seen = UNet(1, 1, (4, 8, 16)), []
    for level in net.decoder:
        level.register_forward_hook(lambda _m, inputs, _o: seen.append(inputs[0]))
    kept = []
    for level in net.encoder[:-1]:
        level.register_forward_hook(lambda _m, _i, output: kept.append(output))
    net(torch.randn(1, 1, 16, 16))
    for joined, skip in zip(seen, kept[::-1], strict=True):
        assert torch.equal(joined[:, : skip.shape[1]], skip)


def test_gradient_reaches_every_parameter():
    torch.manual_seed(0)
    net = UNet(1, 1, (4, 8, 16))
    net(torch.randn(2, 1, 16, 16)).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in net.parameters())


def test_eval_mode_does_not_depend_on_the_batch():
    torch.manual_seed(0)
    net = UNet(1, 1, (4, 8)).eval()
    image = torch.randn(3, 1, 8, 8)
    assert torch.allclose(net(image)[:1], net(image[:1]), atol=1e-6)
    net.train()
    assert not torch.allclose(net(image)[:1], net(image[:1]), atol=1e-3)


def test_double_conv_keeps_height_and_width():
    assert DoubleConv(2, 5)(torch.zeros(1, 2, 7, 9)).shape == (1, 5, 7, 9)
