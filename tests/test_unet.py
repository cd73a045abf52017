"""Shapes, parameters, skips and modes of the network; the facts of the paper's."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional

from helpers.unet import (
    PAPER_WIDTHS,
    DoubleConv,
    UNet,
    border,
    count_parameters,
    he_init,
    trace,
    valid_sizes,
)

# Side after each arrow of the paper's Fig. 1, read off the figure.
PAPER_SIDES = [
    *(572, 570, 568, 284, 282, 280, 140, 138, 136, 68, 66, 64, 32, 30, 28),
    *(56, 56, 54, 52, 104, 104, 102, 100, 200, 200, 198, 196, 392, 392, 390, 388, 388),
]
PAPER_CHANNELS = [
    *(1, 64, 64, 64, 128, 128, 128, 256, 256, 256, 512, 512, 512, 1024, 1024),
    *(512, 1024, 512, 512, 256, 512, 256, 256, 128, 256, 128, 128, 64, 128, 64, 64, 2),
]


def paper(in_channels=1, out_channels=2, widths=PAPER_WIDTHS, **changes):
    """Return the network of the paper; under ``meta`` it costs nothing."""
    settings = {"padding": "valid", "batch_norm": False, "dropout": 0.5} | changes
    return UNet(in_channels, out_channels, widths, **settings)


@pytest.fixture(scope="module")
def steps():
    with torch.device("meta"):
        return trace(paper(), 572, 572)


def test_the_walk_from_572_to_388(steps):
    assert [s.height for s in steps] == [s.width for s in steps] == PAPER_SIDES
    assert [s.channels for s in steps] == PAPER_CHANNELS
    assert [s.level for s in steps if s.arrow == "copy and crop"] == [3, 2, 1, 0]


def test_23_convolution_layers(steps):
    layers = [s.arrow for s in steps if "conv" in s.arrow]
    assert len(layers) == 23
    assert layers.count("conv 3x3") == 18 and layers.count("up-conv 2x2") == 4
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    with torch.device("meta"):
        assert sum(isinstance(m, kinds) for m in paper().modules()) == 23


def test_the_channels_double_in_the_convolution_after_the_pooling(steps):
    for before, pooled, after in zip(steps, steps[1:], steps[2:], strict=False):
        if pooled.arrow == "max pool 2x2":
            assert before.channels == pooled.channels == after.channels // 2


def test_crops_are_4_16_40_88(steps):
    copies = [b for b, s in itertools.pairwise(steps) if s.arrow == "max pool 2x2"]
    joined = [s for s in steps if s.arrow == "copy and crop"]
    crops = [
        (a.height - b.height) // 2 for a, b in zip(copies[::-1], joined, strict=True)
    ]
    assert crops == [4, 16, 40, 88]


@pytest.mark.parametrize(
    ("in_channels", "out_channels", "base", "batch_norm", "expected"),
    [
        (1, 2, 64, False, 31_030_658),
        (1, 1, 64, False, 31_030_593),
        (1, 1, 64, True, 31_036_481),
        (3, 1, 64, False, 31_031_745),
        (3, 1, 64, True, 31_037_633),
        (1, 1, 32, False, 7_759_521),
        (1, 1, 32, True, 7_762_465),
        (1, 1, 16, False, 1_940_817),
        (1, 1, 16, True, 1_942_289),
    ],
)
def test_parameters_of_the_paper(in_channels, out_channels, base, batch_norm, expected):
    widths = [base * 2**k for k in range(5)]
    extra = 2 if batch_norm else 1  # scale and shift, or a bias, for each channel

    def double(i, o):
        return 9 * i * o + 9 * o * o + 2 * extra * o

    pairs = list(itertools.pairwise(widths))
    formula = double(in_channels, base) + sum(double(a, b) for a, b in pairs)
    formula += sum(4 * a * b + a + double(2 * a, a) for a, b in pairs)
    formula += (base + 1) * out_channels
    with torch.device("meta"):
        net = paper(in_channels, out_channels, widths, batch_norm=batch_norm)
    assert count_parameters(net) == formula == expected


@pytest.mark.parametrize("levels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_valid_sizes_are_those_that_can_be_halved(levels, padding):
    """Follow each size with a pencil: even at every pooling, something left at last."""
    lost = 4 if padding == "valid" else 0

    def answer(side):
        for _ in range(levels - 1):
            side -= lost
            if side % 2 or side <= 0:
                return 0
            side //= 2
        for _ in range(levels):  # the bottom, then up
            side -= lost
            if side <= 0:
                return 0
            side *= 2
        return side // 2

    sizes = valid_sizes(levels, padding)
    assert [s for s in range(1, 700) if answer(s)] == [
        s for s in sizes[:700] if s < 700
    ]
    assert all(answer(s) == s - 2 * border(levels, padding) for s in sizes[:9])


def test_the_border_is_92():
    with torch.device("meta"):
        net = paper()
        assert net.border == border(5) == 92
        assert net(torch.zeros(1, 1, 572, 700)).shape == (1, 2, 388, 516)
    assert valid_sizes(5)[0] == 188 and 572 in valid_sizes(5)


def test_receptive_field_is_188_or_204_by_phase():
    """Pooling replaced by the mean: a maximum sends its gradient to one pixel only."""
    net = paper(widths=(1,) * 5, dropout=0)
    net.pool = nn.AvgPool2d(2)
    for parameter in net.parameters():
        nn.init.constant_(parameter, 0.3)
    image = torch.ones(1, 1, 236, 188, requires_grad=True)
    column, widths = net(image)[0, 0, :, 0], []
    for pixel in column[16:32]:
        (gradient,) = torch.autograd.grad(pixel, image, retain_graph=True)
        seen = gradient[0, 0].abs().sum(1).nonzero()
        widths.append(int(seen.max() - seen.min()) + 1)
    assert widths == 4 * [188] + 12 * [204]


def scale_between_convolutions(net, image):
    """Return, for each level, the scale after the second convolution over the first."""
    scales, hooks = [], []
    for layer in (m for m in net.modules() if isinstance(m, nn.ReLU)):
        hooks.append(
            layer.register_forward_hook(
                lambda _m, _i, output: scales.append(output.square().mean().sqrt())
            )
        )
    with torch.no_grad():
        net.eval()(image)
    for hook in hooks:
        hook.remove()
    return [float(b / a) for a, b in zip(scales[::2], scales[1::2], strict=True)]


def test_he_initialisation_keeps_the_scale_and_small_weights_lose_it():
    torch.manual_seed(0)
    net, image = (
        he_init(paper(widths=(16, 32, 64, 128, 256))),
        torch.randn(1, 1, 188, 188),
    )
    ratios = scale_between_convolutions(net, image)
    assert len(ratios) == 9 and all(1 / 1.3 < ratio < 1.3 for ratio in ratios)
    for name, parameter in net.named_parameters():
        if name.endswith("weight"):
            nn.init.normal_(parameter, std=0.01)
    assert max(scale_between_convolutions(net, image)) < 0.5


def test_he_initialisation_has_the_papers_standard_deviation():
    torch.manual_seed(0)
    net = he_init(paper(widths=(64, 128)))
    second = net.encoder[0][2]  # 3 x 3 from 64 channels: N = 576, as in section 3
    assert second.weight.std().item() == pytest.approx((2 / 576) ** 0.5, rel=0.02)
    strided = he_init(nn.Conv2d(8, 64, 3, stride=2))  # N = 72 whatever the stride
    assert strided.weight.std().item() == pytest.approx((2 / 72) ** 0.5, rel=0.03)
    up = net.up[0]  # each output pixel meets one weight of each of 128 channels
    assert up.weight.std().item() == pytest.approx((2 / 128) ** 0.5, rel=0.02)
    assert all((p == 0).all() for n, p in net.named_parameters() if n.endswith("bias"))


def test_dropout_sits_at_the_bottom_and_sleeps_in_eval_mode():
    torch.manual_seed(0)
    net, image = he_init(paper(widths=(2, 4))), torch.randn(1, 1, 40, 40)
    assert not torch.equal(net(image), net(image))
    net.eval()
    assert torch.equal(net(image), net(image))
    seen = []
    net.train().dropout.register_forward_hook(lambda _m, i, o: seen.append((i[0], o)))
    net(image)
    (before, after), *_ = seen
    assert before.shape[1:] == (4, 14, 14)  # the bottom, not a joined map
    assert (after[before > 0] == 0).float().mean().item() == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("cut", [False, True])
def test_without_the_skip_position_is_lost(cut):
    """Copy random pixels: easy across the bridge, not through a pooled bottom."""
    torch.manual_seed(0)
    net = UNet(1, 1, (4, 4))
    if cut:
        net.join = lambda skip, x: torch.cat([torch.zeros_like(skip), x], dim=1)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(60):
        pixels = (torch.rand(8, 1, 16, 16) < 0.3).float()
        loss = functional.binary_cross_entropy_with_logits(net(pixels), pixels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = ((net(pixels) > 0) == (pixels > 0.5)).float().mean()
    assert right < 0.9 if cut else right > 0.99


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_trace_of_another_precision(dtype):
    assert trace(UNet(1, 1, (4, 8)).to(dtype), 16, 16)[-1].height == 16


def test_an_unknown_padding_is_refused():
    with pytest.raises(ValueError, match="padding is 1; choose 'same' or 'valid'"):
        UNet(padding=1)


def test_trace_leaves_the_network_as_it_was():
    net = UNet(1, 1, (4, 8)).train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    steps = trace(net, 16, 24)
    assert net.training
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
    assert (steps[-1].height, steps[-1].width, steps[-1].channels) == (16, 24, 1)
    with pytest.raises(ValueError, match="does not fit"):
        trace(net, 15, 24)
    assert net.training


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
    with pytest.raises(ValueError, match=r"584 x 565 .* nearest to 565 is 560 or 568"):
        UNet()(torch.zeros(1, 1, 584, 565))
    with pytest.raises(ValueError, match=r"512 x 572 .* 508 or 524.*predict_logits"):
        paper(widths=(1,) * 5)(torch.zeros(1, 1, 512, 572))
    with pytest.raises(ValueError, match=r"nearest to 20 is 188, as .* 188, 204, 220,"):
        paper(widths=(1,) * 5)(torch.zeros(1, 1, 20, 188))


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


def test_the_crop_is_the_middle_and_the_copy_comes_first():
    skip, x = torch.rand(2, 3, 64, 20), torch.rand(2, 5, 56, 12)
    joined = UNet.join(skip, x)
    assert torch.equal(joined[:, :3], skip[..., 4:-4, 4:-4])
    assert torch.equal(joined[:, 3:], x)


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
