import torch

from dpm_flower.core.fitting import Fitting
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.patch_discriminator import PatchDiscriminator
from dpm_flower.nets.unet import UNet
from dpm_flower.training.adversarial import Adversarial
from dpm_flower.training.translation import Tints, conditions, mean_colours, train_translator, translated
from tests.training.toys import CPU

SIDE = 8
RNG = stream(0, "translation tests")
MASKS = (torch.rand(24, 1, SIDE, SIDE, generator=RNG) < 0.3).to(torch.uint8)
TINT = torch.rand(24, 3, 1, 1, generator=RNG) * 0.3 + 0.5
PHOTOGRAPHS = TINT * (1 - 0.8 * MASKS.float())  # dark where the mask is, in a colour of its own


def trained():
    rng = stream(0, "translator")
    with global_generator_from(rng):
        generator, discriminator = UNet(4, 3, width=6, depth=1, output="unit"), PatchDiscriminator(4, width=6, halvings=1)
    fitting = Fitting(steps=80, learning_rate=2e-2, batch_size=8, weight_decay=0.0, schedule="cosine")
    settings = Adversarial(loss="non-saturating", learning_rate=1e-3, augment="none")
    train_translator(generator, discriminator, MASKS, PHOTOGRAPHS, settings, fitting, l1_weight=20.0, compute=CPU, rng=rng)
    return generator


def test_photographs_are_dark_where_the_mask_is_and_as_colourful_as_they_are_told():
    generator, tints = trained(), Tints.of(PHOTOGRAPHS)
    made = translated(generator, MASKS, tints, CPU, stream(0, "tints"))
    assert made.shape == PHOTOGRAPHS.shape
    inside = MASKS.expand(-1, 3, -1, -1).bool()
    assert float(made[~inside].mean()) > float(made[inside].mean()) + 0.2
    wanted = tints.drawn(len(MASKS), stream(0, "tints"))
    assert float((mean_colours(made) - wanted).abs().mean()) < 0.08
    assert float(torch.corrcoef(torch.stack((mean_colours(made)[:, 0], wanted[:, 0])))[0, 1]) > 0.6


def test_tints_scatter_as_the_photographs_colours_do():
    colours = torch.tensor([[0.3, 0.5, 0.4]]) + torch.randn(400, 1, generator=RNG) * torch.tensor([[0.05, 0.1, 0.0]])
    drawn = Tints.of(colours[:, :, None, None].expand(-1, -1, 2, 2)).drawn(4000, stream(0, "drawn"))
    torch.testing.assert_close(drawn.mean(0), colours.mean(0), atol=0.01, rtol=0)
    torch.testing.assert_close(torch.cov(drawn.T), torch.cov(colours.T), atol=1e-3, rtol=0)
    assert 0 <= float(drawn.min()) <= float(drawn.max()) <= 1


def test_the_generator_sees_the_mask_and_one_colour_everywhere():
    seen = conditions(MASKS.float(), mean_colours(PHOTOGRAPHS))
    assert torch.equal(seen[:, :1], MASKS.float())
    assert torch.equal(seen[:, 1:].amax((2, 3)), seen[:, 1:].amin((2, 3)))
