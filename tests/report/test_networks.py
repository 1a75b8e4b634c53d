import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from onlooker.core.errors import InputError
from onlooker.report import networks
from onlooker.report.backend import HOME, keras
from onlooker.report.networks import Model, age_cnn, gender_cnn, inception, multi_output, output_names, summary
from onlooker.report.plain import forward_of

FACES = torch.rand(6, 32, 32, 3)


def test_the_parameters_are_as_many_as_the_report_counts() -> None:
    assert gender_cnn().count_params() == 534_114
    assert age_cnn().count_params() == 534_371


def test_the_layers_are_those_of_the_report() -> None:
    model = gender_cnn()
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == [
        "Conv2D", "MaxPooling2D", "Dropout", "Conv2D", "MaxPooling2D", "Dropout",
        "Flatten", "Dense", "Dropout", "Dense",
    ]  # fmt: skip
    assert [layer.rate for layer in model.layers if hasattr(layer, "rate")] == [0.3, 0.3, 0.5]
    assert [layer.activation.__name__ for layer in model.layers if hasattr(layer, "activation")] == [
        "relu", "relu", "relu", "sigmoid",
    ]  # fmt: skip
    assert age_cnn().layers[-1].activation.__name__ == "softmax"
    assert "534,114" in summary(model)
    assert "(None, 32, 32, 64)" in summary(model)


@pytest.mark.parametrize("build", [gender_cnn, age_cnn, multi_output])
def test_plain_torch_answers_and_learns_as_keras_does(build: Model) -> None:
    model = build()
    forward = forward_of(model.layers)
    ours, theirs = list(forward(FACES, False).values()), model(FACES, training=False)
    kernel = next(layer for layer in model.layers if "conv" in layer.name).kernel.value
    for plain, keras_own in zip(ours, theirs if isinstance(theirs, list) else [theirs], strict=True):
        assert torch.allclose(plain, keras_own, atol=1e-6)
        slopes = [torch.autograd.grad(a[:, 0].sum(), kernel, retain_graph=True)[0] for a in (plain, keras_own)]
        assert torch.allclose(slopes[0], slopes[1], atol=1e-5)
    assert not torch.equal(next(iter(forward(FACES, True).values())), ours[0])  # dropout


def test_several_outputs_share_one_trunk() -> None:
    model = multi_output()
    assert output_names(model) == ("age", "gender", "race")
    answers = forward_of(model.layers)(FACES, False)
    assert {name: tuple(answer.shape) for name, answer in answers.items()} == {
        "age": (6, 3), "gender": (6, 2), "race": (6, 5),
    }  # fmt: skip
    assert np.allclose(answers["race"].detach().sum(1), 1, atol=1e-5)


@pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning")  # Keras, of torch and numpy 2
def test_it_is_ready_for_keras_own_fit() -> None:
    faces = FACES.numpy()
    history = age_cnn().fit(faces, np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]], epochs=1, verbose=0).history
    assert 0 < float(history["loss"][0]) < 10


def test_inceptions_base_is_frozen() -> None:
    model = inception("age", weights=None)
    assert output_names(model) == ("age",)
    trained = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
    assert trained == 2048 * 256 + 256 + 256 * 3 + 3
    assert model.count_params() - trained > 21e6


def test_weights_that_cannot_be_fetched_are_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(**_: object) -> None:
        raise Exception("URL fetch failure on https://host/file: None -- [Errno -2] Name or service not known")

    monkeypatch.setattr(keras.applications, "InceptionV3", offline)
    with pytest.raises(InputError, match=r"cannot be fetched \(URL fetch failure.*--weights none") as stopped:
        networks.inception()
    assert str(HOME / "models") in str(stopped.value)
    assert "\n" not in str(stopped.value)


def in_a_process(code: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "PATH": ""}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


def test_nothing_of_the_users_is_changed(tmp_path: Path) -> None:
    code = (
        "import os; before = dict(os.environ); import onlooker.report.networks as n; "
        "assert dict(os.environ) == before; assert n.keras.backend.backend() == 'torch'"
    )
    done = in_a_process(code, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / ".keras").exists()


def test_another_backend_that_is_loaded_already_is_refused(tmp_path: Path) -> None:
    code = (
        "import sys, types; k = types.ModuleType('keras'); k.backend = types.SimpleNamespace(backend=lambda: 'jax'); "
        "sys.modules['keras'] = k; import onlooker.report.networks"
    )
    done = in_a_process(code, tmp_path)
    assert (
        "ConfigError: the report's networks run on Keras with torch, but keras is loaded here with jax" in done.stderr
    )
