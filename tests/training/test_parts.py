import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra: pip install 'onlooker[train]'")

from onlooker.core.errors import InputError  # noqa: E402
from onlooker.training.augment import augment  # noqa: E402
from onlooker.training.efficientnet import SameConv, load_imagenet  # noqa: E402
from onlooker.training.network import FaceNetwork, ServedNetwork  # noqa: E402
from onlooker.training.oversampling import drawing_weights, share_draws, undo_oversampling  # noqa: E402


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


def test_undoing_the_oversampling_brings_back_how_often_ages_are() -> None:
    ages = np.repeat([20.0, 80.0], [1000, 10]).astype(np.float32)
    network = FaceNetwork()
    assert network.head.bias is not None
    with torch.no_grad():
        network.head.bias.zero_()
    undo_oversampling(network, ages, power=0.5)
    bias = network.head.bias.detach()
    assert float(torch.exp(bias[20] - bias[80])) == pytest.approx((1000 / 10) ** 0.5, rel=1e-4)
    assert bias[101] == 0


def test_further_sets_get_their_share_of_the_draws_and_ages_theirs_within() -> None:
    ages = np.array([20, 20, 20, 20, 70, 20, 70], np.float32)
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
