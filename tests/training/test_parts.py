import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra: pip install 'onlooker[train]'")

from onlooker.core.errors import InputError  # noqa: E402
from onlooker.datasets.labelled import Examples  # noqa: E402
from onlooker.training.augment import augment  # noqa: E402
from onlooker.training.efficientnet import SameConv, load_imagenet  # noqa: E402
from onlooker.training.network import FaceNetwork, ServedNetwork  # noqa: E402
from onlooker.training.oversampling import (  # noqa: E402
    drawing_weights,
    share_draws,
    smooth_counts,
    undo_oversampling,
)


@pytest.mark.parametrize(("side", "kernel", "stride"), [(112, 3, 2), (56, 5, 2), (7, 3, 2), (14, 3, 1)])
def test_a_same_convolution_gives_the_size_of_tensorflow(side: int, kernel: int, stride: int) -> None:
    out = SameConv(3, 4, kernel, stride=stride)(torch.zeros(1, 3, side, side))
    assert out.shape == (1, 4, -(-side // stride), -(-side // stride))


def test_an_uneven_stride_pads_right_and_below() -> None:
    conv = SameConv(1, 1, 3, stride=2)
    with torch.no_grad():
        conv.weight.fill_(1.0)
        out = conv(torch.ones(1, 1, 4, 4))[0, 0]
    assert out.tolist() == [[9.0, 6.0], [6.0, 4.0]]


@pytest.mark.parametrize("variant", ["lite0", "lite1", "lite2"])
def test_imagenet_weights_fill_the_whole_body(variant: str) -> None:
    network = FaceNetwork(variant)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    load_imagenet(network.body, network.variant)
    after = network.state_dict()
    weights = [k for k in after if k.startswith("body.") and not k.endswith("num_batches_tracked")]
    assert [k for k in weights if torch.equal(before[k], after[k])] == []
    assert torch.equal(before["head.weight"], after["head.weight"])


@pytest.mark.parametrize(("variant", "size"), [("lite0", 4_652_008), ("lite1", 5_416_680), ("lite2", 6_092_072)])
def test_the_network_has_the_size_it_is_known_for(variant: str, size: int) -> None:
    body = sum(p.numel() for p in FaceNetwork(variant).body.parameters())
    assert body == size - 1000 * 1281  # less its classifier of 1,000 classes
    with pytest.raises(InputError, match="lite1"):
        FaceNetwork("lite9")


def test_a_face_and_its_mirror_image_are_answered_alike() -> None:
    served = ServedNetwork(FaceNetwork()).eval()
    faces = torch.randint(0, 256, (3, 32, 32, 3), dtype=torch.uint8)
    with torch.inference_mode():
        (age, gender), (mirrored_age, mirrored_gender) = served(faces), served(faces.flip(2))
    assert torch.allclose(age, mirrored_age, atol=1e-5)
    assert torch.allclose(gender, mirrored_gender, atol=1e-5)


def labelled(low: list[float] | np.ndarray, high: list[float] | np.ndarray | None = None) -> Examples:
    """Faces that nobody looks at, of these ages or classes of ages."""
    first, last = (np.array(ages, np.float32) for ages in (low, low if high is None else high))
    return Examples(np.zeros((len(first), 1, 1, 3), np.uint8), first, last, np.zeros(len(first), np.float32))


def test_undoing_the_oversampling_brings_back_how_often_ages_are() -> None:
    ages = labelled(np.repeat([20.0, 80.0], [1000, 10]))
    network = FaceNetwork()
    assert network.head.bias is not None
    with torch.no_grad():
        network.head.bias.zero_()
    undo_oversampling(network, ages, power=0.5)
    bias = network.head.bias.detach()
    assert float(torch.exp(bias[20] - bias[80])) == pytest.approx((1000 / 10) ** 0.5, rel=1e-4)
    assert bias[101] == 0


def test_known_ages_are_counted_and_drawn_as_they_are_to_the_digit() -> None:
    ages = np.random.default_rng(0).integers(0, 117, 5000)
    years = ages.clip(0, 100)
    counts = np.bincount(years, minlength=101).astype(np.float64)
    smooth = np.maximum(np.convolve(np.pad(counts, 2, mode="edge"), np.ones(5) / 5, mode="valid"), 1.0)
    assert np.array_equal(smooth_counts(labelled(ages)), smooth)
    assert np.array_equal(drawing_weights(labelled(ages), 0.5).numpy(), (smooth**-0.5)[years])


DECADES = np.array([0, 10, 20, 30, 40, 50, 60, 70]), np.array([9, 19, 29, 39, 49, 59, 69, 125])


def test_classes_of_ages_are_drawn_and_given_back_without_a_trace_of_their_middles() -> None:
    """What an ideal network makes of the draws, and of what is given back to it, is the population that there was."""
    random = np.random.default_rng(0)
    ages = random.gamma(4, 9, 20_000).clip(0, 100).round()
    of = np.searchsorted(DECADES[0], ages, side="right") - 1
    classes = labelled(DECADES[0][of], DECADES[1][of])
    drawn, counts = drawing_weights(classes, 0.5).numpy(), smooth_counts(classes)
    assert counts.sum() == pytest.approx(len(ages), rel=0.01)
    by_class = np.array([drawn[of == k][0] for k in range(8)])
    rate = by_class[np.searchsorted(DECADES[0], np.arange(101), side="right") - 1]
    moved = rate * counts**0.5  # 1 everywhere where nothing is moved; over 30 from middle to end of a class before
    known = np.bincount(ages.astype(np.intp), minlength=101) > 20
    assert moved[known].max() / moved[known].min() < 2


def test_further_sets_get_their_share_of_the_draws_and_ages_theirs_within() -> None:
    ages = labelled([20, 20, 20, 20, 70, 20, 70])
    further = np.array([False] * 5 + [True] * 2)
    before = drawing_weights(ages, 1.0)
    after = share_draws(before, further, 0.4)
    assert float(after[5:].sum() / after.sum()) == pytest.approx(0.4)
    assert torch.allclose(after[:5] / after[4], before[:5] / before[4])
    assert float(after[5] / after[6]) == pytest.approx(float(before[5] / before[6]))


def test_augmentation_keeps_shape_and_range_and_is_reproducible() -> None:
    crops = torch.rand(16, 3, 48, 48) * 255
    views = []
    for _ in range(2):
        torch.manual_seed(3)
        views.append(augment(crops.clone(), 32, 0.125, np.random.default_rng(3)))
    assert views[0].shape == (16, 3, 32, 32)
    assert torch.equal(views[0], views[1])
    assert views[0].min() >= 0
    assert views[0].max() <= 255
    torch.manual_seed(4)
    assert not torch.equal(views[0], augment(crops.clone(), 32, 0.125, np.random.default_rng(4)))
