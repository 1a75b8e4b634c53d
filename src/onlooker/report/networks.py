"""The report's networks, in Keras, layer by layer as it names them.

>>> from onlooker.report.networks import gender_cnn                             # doctest: +SKIP
>>> gender_cnn().summary()                                                      # doctest: +SKIP

All read faces ``(N, 32, 32, 3)``, 0 to 1, as ``report.transform`` makes them. They come compiled as the report
compiled them; ``report.fit`` trains them.
"""

from typing import Any, Literal

from onlooker.core.demographics import AGE_CLASSES
from onlooker.core.errors import InputError
from onlooker.datasets.utkface import RACES
from onlooker.report.backend import HOME, keras
from onlooker.report.transform import SIDE

layers = keras.layers
Model = Any
"""A ``keras.Model``; Keras carries no types."""

GENDERS = ("male", "female")
"""In the order of UTKFace's 0 and 1."""

CLASSES: dict[str, tuple[str, ...]] = {"gender": GENDERS, "age": AGE_CLASSES, "race": RACES}
"""What each output may say. Race is the data set's label, for this reproduction alone."""

LOSSES = {"gender": "binary_crossentropy", "age": "categorical_crossentropy", "race": "categorical_crossentropy"}
ACTIVATIONS = {"gender": "sigmoid", "age": "softmax", "race": "softmax"}

INCEPTION_SIDE = 75
"""Side in pixels of the smallest picture that Inception V3 takes; the faces' 32 are enlarged to it."""


def gender_cnn() -> Model:
    """Two convolutions and two dense layers to male and female, a sigmoid each: 534,114 parameters."""
    return _compiled(keras.Sequential([*_trunk(), _head("gender")], name="gender_cnn"))


def age_cnn() -> Model:
    """The same to child (to 18), adult (19 to 59) and old (from 60), a softmax: 534,371 parameters."""
    return _compiled(keras.Sequential([*_trunk(), _head("age")], name="age_cnn"))


def multi_output() -> Model:
    """One trunk, the CNNs' own, and three outputs: age class, gender, and the data set's race label."""
    pixels, *trunk = _trunk()
    shared = pixels
    for layer in trunk:
        shared = layer(shared)
    outputs = [_head(name)(shared) for name in ("age", "gender", "race")]
    return _compiled(keras.Model(pixels, outputs, name="multi_output"))


def inception(
    output: Literal["gender", "age"] = "gender", *, weights: Literal["imagenet"] | None = "imagenet"
) -> Model:
    """Inception V3 (Szegedy et al., 2015), frozen, its final layers replaced by a dense one and an output.

    ``weights`` are ImageNet's, fetched once by Keras, or ``None``: random. As the report, it feeds 0 to 1, where
    ImageNet's weights expect -1 to 1. Raises ``InputError`` where the weights cannot be fetched.
    """
    side = INCEPTION_SIDE
    try:
        base = keras.applications.InceptionV3(include_top=False, weights=weights, input_shape=(side, side, 3))
    except Exception as error:  # Keras raises a bare Exception where a download fails
        raise InputError(
            f"Inception's ImageNet weights cannot be fetched ({_first_line(error)}); go online once, put "
            f"inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5 into {HOME / 'models'}, or use random weights "
            "by --weights none"
        ) from None
    base.trainable = False
    pixels = keras.Input((SIDE, SIDE, 3), name="pixels")
    features = base(layers.Resizing(side, side, name="enlarge")(pixels), training=False)
    pooled = layers.GlobalAveragePooling2D(name="features")(features)
    hidden = layers.Dropout(0.5)(layers.Dense(256, activation="relu")(pooled))
    return _compiled(keras.Model(pixels, _head(output)(hidden), name=f"inception_{output}"))


def _trunk() -> list[Any]:
    return [
        keras.Input((SIDE, SIDE, 3), name="pixels"),
        layers.Conv2D(64, 2, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.Dropout(0.3),
        layers.Conv2D(32, 2, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.Dropout(0.3),
        layers.Flatten(),
        layers.Dense(256, activation="relu"),
        layers.Dropout(0.5),
    ]


def _head(name: str) -> Any:
    return layers.Dense(len(CLASSES[name]), activation=ACTIVATIONS[name], name=name)


def _compiled(model: Model) -> Model:
    losses = [LOSSES[name] for name in output_names(model)]
    model.compile("adam", losses if len(losses) > 1 else losses[0])
    return model


def output_names(model: Model) -> tuple[str, ...]:
    """What the model's outputs are of: names among ``CLASSES``."""
    return tuple(layer.name for layer in model.layers if layer.name in CLASSES)


def summary(model: Model) -> str:
    """Keras' own summary, as text."""
    lines: list[str] = []
    model.summary(print_fn=lines.append, line_length=88)
    return "\n".join(line.rstrip() for line in "\n".join(lines).splitlines()).strip()


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
