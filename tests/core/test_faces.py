"""Faces as frozen arrays inside and rows outside."""

import copy
import json
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields
from typing import Any

import numpy as np
import pandas as pd
import pytest

from onlooker.core import doubts
from onlooker.core.faces import Attributes, Detections, Face, Faces, Pose, Quality
from onlooker.testing import clear_view, face_detection


def detections(n: int = 3) -> Detections:
    return Detections(
        boxes=np.arange(4 * n, dtype=np.float32).reshape(n, 4),
        scores=np.linspace(0.9, 0.5, n, dtype=np.float32),
        landmarks=np.arange(10 * n, dtype=np.float32).reshape(n, 5, 2),
    )


def arrays(n: int = 3) -> dict[str, Any]:
    return {
        "box": np.arange(4 * n, dtype=np.float32).reshape(n, 4),
        "landmarks": np.arange(10 * n, dtype=np.float32).reshape(n, 5, 2),
        "score": np.linspace(0.9, 0.5, n, dtype=np.float32),
        "age": np.arange(n, dtype=np.float32) * 20 + 10,
        "age_low": np.arange(n, dtype=np.float32) * 20 + 5,
        "age_high": np.arange(n, dtype=np.float32) * 20 + 15,
        "p_female": np.linspace(0, 1, n, dtype=np.float32),
        "pose": np.arange(3 * n, dtype=np.float32).reshape(n, 3) - 4,
        "brightness": np.linspace(30, 50, n, dtype=np.float32),
        "sharpness": np.linspace(70, 90, n, dtype=np.float32),
        "age_distribution": np.eye(101, dtype=np.float32)[np.arange(n) * 20 + 10],
    }


def faces(n: int = 3) -> Faces:
    return Faces(**arrays(n))


@pytest.mark.parametrize(
    ("mask", "ages"),
    [
        pytest.param(np.array([True, False, True]), [10, 50], id="mask"),
        pytest.param(np.array([2, 0, 0]), [50, 10, 10], id="indices"),
        pytest.param(slice(1, None), [30, 50], id="slice"),
        pytest.param(slice(None, None, -1), [50, 30, 10], id="backwards"),
        pytest.param(np.zeros(3, bool), [], id="none"),
    ],
)
def test_a_mask_indices_or_a_slice_select_from_every_array_alike(mask: Any, ages: list[float]) -> None:
    whole, chosen = faces(), faces()[mask]
    assert chosen.age.tolist() == ages
    assert len(chosen) == len(ages)
    for f in fields(Faces):
        assert np.array_equal(getattr(chosen, f.name), getattr(whole, f.name)[mask])


def test_a_mask_may_be_made_of_the_faces_own_arrays() -> None:
    found = faces()
    assert found[(found.age >= 18) & (found.p_female < 0.9)].age.tolist() == [30]


@pytest.mark.parametrize("index", [0, -1, np.intp(1), np.bool_(True)])
def test_a_single_index_is_refused_with_what_to_use_instead(index: Any) -> None:
    with pytest.raises(TypeError, match=r"faces\.row\(i\) gives one face"):
        faces()[index]


def test_a_mask_of_another_length_is_refused() -> None:
    with pytest.raises(IndexError, match="boolean index did not match"):
        faces()[np.array([True, False])]


@pytest.mark.parametrize("name", [f.name for f in fields(Faces)])
def test_no_array_of_faces_can_be_written_to(name: str) -> None:
    with pytest.raises(ValueError, match="read-only"):
        getattr(faces(), name)[0] = 0


@pytest.mark.parametrize("name", [f.name for f in fields(Detections)])
def test_no_array_of_detections_can_be_written_to(name: str) -> None:
    with pytest.raises(ValueError, match="read-only"):
        getattr(detections(), name)[0] = 0


def test_no_array_can_be_swapped_for_another() -> None:
    with pytest.raises(FrozenInstanceError):
        faces().age = np.zeros(3, np.float32)  # type: ignore[misc]


def test_faces_keep_their_values_when_what_they_were_made_of_changes() -> None:
    values = arrays()
    found = Faces(**values)
    values["age"][:] = 99
    assert found.age.tolist() == [10, 30, 50]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("box", np.zeros((3, 5)), r"box must have shape \(N, 4\), got \(3, 5\)"),
        ("landmarks", np.zeros((3, 4, 2)), r"landmarks must have shape \(3, 5, 2\), got \(3, 4, 2\)"),
        ("score", np.zeros(2), r"score must have shape \(3\), got \(2,\)"),
        ("age", np.zeros((3, 1)), r"age must have shape \(3\), got \(3, 1\)"),
        ("pose", np.zeros((3, 2)), r"pose must have shape \(3, 3\), got \(3, 2\)"),
        ("sharpness", np.zeros(1), r"sharpness must have shape \(3\), got \(1,\)"),
        ("age_distribution", np.zeros((3, 100)), r"age_distribution must have shape \(3, 101\), got \(3, 100\)"),
    ],
)
def test_a_wrong_shape_is_refused_with_the_name_and_both_shapes(name: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Faces(**{**arrays(), name: value})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((np.zeros(4), np.zeros(1), np.zeros((1, 5, 2))), r"boxes must have shape \(N, 4\), got \(4,\)"),
        ((np.zeros((2, 4)), np.zeros(3), np.zeros((2, 5, 2))), r"scores must have shape \(2\), got \(3,\)"),
        ((np.zeros((2, 4)), np.zeros(2), np.zeros((2, 10))), r"landmarks must have shape \(2, 5, 2\), got \(2, 10\)"),
    ],
)
def test_detections_of_a_wrong_shape_are_refused_likewise(values: tuple[Any, Any, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Detections(*values)


def test_every_array_is_float32_whatever_it_was_made_of() -> None:
    found = Faces(**{name: value.astype(np.float64).tolist() for name, value in arrays().items()})
    assert {getattr(found, f.name).dtype for f in fields(Faces)} == {np.dtype(np.float32)}


def test_a_row_is_one_face_in_plain_numbers() -> None:
    row = Faces(**{**arrays(), "score": [0.9, 0.75, 0.5]}).row(1)
    assert row == Face(
        box=(4.0, 5.0, 6.0, 7.0),
        landmarks=((10.0, 11.0), (12.0, 13.0), (14.0, 15.0), (16.0, 17.0), (18.0, 19.0)),
        score=0.75,
        age=30.0,
        age_low=25.0,
        age_high=35.0,
        p_female=0.5,
        gender=None,
        age_class="adult",
        pose=Pose(yaw=-1.0, pitch=0.0, roll=1.0),
        brightness=40.0,
        sharpness=80.0,
        doubts=("small", "turned"),  # 2 pixels high, and with its landmarks on one line
    )
    assert row.height == 2
    assert {type(value) for value in (*row.box, *row.landmarks[0], row.score, row.age, row.p_female)} == {float}
    assert {type(value) for value in (*row.pose, row.height, row.brightness, row.sharpness)} == {float}


def test_a_row_that_is_not_there_is_an_index_error() -> None:
    with pytest.raises(IndexError):
        faces().row(3)


def test_iterating_gives_the_rows_in_order() -> None:
    found = faces()
    assert list(found) == [found.row(i) for i in range(3)]


def named(p_female: list[float], **changed: Any) -> Faces:
    """Faces of these probabilities of female that nothing else speaks against, but for what is ``changed`` of all."""
    seen = clear(len(p_female), **changed)
    return Faces(**{f.name: getattr(seen, f.name) for f in fields(Faces)} | {"p_female": p_female})


def test_genders_are_named_only_where_they_are_sure() -> None:
    found = named([0.0, 0.5, 0.79, 0.8, 1.0])
    assert found.gender.tolist() == ["male", None, None, "female", "female"]
    assert [face.gender for face in found] == found.gender.tolist()


def test_genders_and_classes_select_as_any_other_array_does() -> None:
    found = named([0.0, 0.5, 1.0, 0.9], age_distribution=ages(y40=0.55, y80=0.45), age=[40])
    assert found[found.gender == "female"].p_female.tolist() == [1.0, np.float32(0.9)]
    assert found[(found.gender == "male") & (found.age_class == "old")].p_female.tolist() == [0]
    assert found[found.gender == None].p_female.tolist() == [0.5]  # noqa: E711 (element by element)
    assert len(found[found.age_class == "child"]) == 0
    table = pd.DataFrame({"gender": found.gender, "class": found.age_class})
    assert table.isna().sum().tolist() == [1, 0]
    assert table.groupby("gender").size().to_dict() == {"female": 2, "male": 1}


@pytest.mark.parametrize("through", [copy.copy, copy.deepcopy, lambda found: pickle.loads(pickle.dumps(found))])
def test_a_copy_and_a_pickle_are_the_same_faces_and_as_frozen(through: Callable[[Faces], Faces]) -> None:
    found = faces()
    again = through(found)
    assert again.to_bytes() == found.to_bytes()
    assert list(again) == list(found)
    with pytest.raises(ValueError, match="read-only"):
        again.age[0] = 0


def test_a_face_s_class_is_that_of_its_distribution_and_not_of_its_age() -> None:
    found = named([0.0, 1.0], age_distribution=ages(y40=0.55, y80=0.45), age=[40])
    assert found.age_class.tolist() == ["old", "old"]
    assert [face.age_class for face in found] == found.age_class.tolist()
    assert found.row(1).age_class == "old"
    assert named([0.0], age_distribution=ages(y40=0.65, y80=0.35), age=[80]).age_class.tolist() == ["adult"]


@pytest.mark.parametrize(
    ("doubt", "changed"),
    [
        ("young", {"age_distribution": np.eye(101)[[3]]}),
        ("blurred", {"sharpness": [5]}),
        ("dark", {"brightness": [1]}),
        ("turned", {"pose": [[80, 0, 0]]}),
        ("small", {"box": [[0, 0, 12, 12]]}),
    ],
)
def test_no_gender_is_named_where_a_doubt_speaks_against_it(doubt: str, changed: dict[str, Any]) -> None:
    found = named([0.0, 1.0], **changed)
    assert found.doubts == [(doubt,)] * 2
    assert found.gender.tolist() == [None, None]
    assert [face.gender for face in found] == [None, None]
    assert found.p_female.tolist() == [0, 1]


def test_a_dict_rounds_pixels_and_years_to_a_tenth_and_probabilities_to_a_thousandth() -> None:
    face = Face(
        box=(1.26, 2.0, 3.04, 4.96),
        landmarks=((1.11, 2.22), (3.33, 4.44), (5.55001, 6.66), (7.77, 8.88), (9.99, 0.04)),
        score=0.98765,
        age=34.449,
        age_low=28.951,
        age_high=41.0,
        p_female=0.12345,
        gender="male",
        age_class="adult",
        pose=Pose(yaw=-12.345, pitch=-0.04, roll=3.0),
        brightness=45.4,
        sharpness=71.6,
        doubts=("dark", "young"),
    )
    assert face.to_dict() == {
        "box": [1.3, 2.0, 3.0, 5.0],
        "landmarks": [[1.1, 2.2], [3.3, 4.4], [5.6, 6.7], [7.8, 8.9], [10.0, 0.0]],
        "score": 0.988,
        "age": 34.4,
        "age_low": 29.0,
        "age_high": 41.0,
        "p_female": 0.123,
        "gender": "male",
        "age_class": "adult",
        "pose": {"yaw": -12.3, "pitch": 0.0, "roll": 3.0},
        "quality": {"height": 3, "brightness": 45, "sharpness": 72},
        "doubts": ["dark", "young"],
    }
    assert "-0.0" not in json.dumps(face.to_dict())


def test_a_dict_survives_json_as_it_is() -> None:
    rows = [face.to_dict() for face in faces()]
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert rows[1]["gender"] is None


def test_empty_faces_have_no_rows_but_every_shape() -> None:
    none = Faces.empty()
    assert len(none) == 0
    assert list(none) == []
    assert none.gender.shape == none.age_class.shape == (0,)
    assert len(none[none.gender == "female"]) == 0
    assert none.doubts == []
    assert none.pose.shape == (0, 3)
    assert none.box.shape == (0, 4)
    assert none.landmarks.shape == (0, 5, 2)
    assert none.age_distribution.shape == (0, 101)
    assert len(none[none.age > 18]) == 0


def test_empty_detections_have_every_shape() -> None:
    none = Detections.empty()
    assert (none.boxes.shape, none.scores.shape, none.landmarks.shape) == ((0, 4), (0,), (0, 5, 2))
    assert len(none) == 0


def test_detections_join_with_what_was_read_from_their_crops() -> None:
    values = arrays()
    names = ("age_distribution", "p_female", "age", "age_low", "age_high")
    seen = Quality(values["pose"], values["brightness"], values["sharpness"])
    joined = Faces.join(detections(), Attributes(**{name: values[name] for name in names}), seen)
    for f in fields(Faces):
        assert np.array_equal(getattr(joined, f.name), values[f.name])


def test_detections_and_attributes_of_different_counts_do_not_join() -> None:
    values = arrays(2)
    names = ("age_distribution", "p_female", "age", "age_low", "age_high")
    with pytest.raises(ValueError, match=r"age must have shape \(3\), got \(2,\)"):
        Faces.join(detections(3), Attributes(**{name: values[name] for name in names}), clear_view(3))


def test_a_quality_of_another_count_does_not_join() -> None:
    values = arrays(3)
    names = ("age_distribution", "p_female", "age", "age_low", "age_high")
    with pytest.raises(ValueError, match=r"pose must have shape \(3, 3\), got \(2, 3\)"):
        Faces.join(detections(3), Attributes(**{name: values[name] for name in names}), clear_view(2))


def test_scaled_detections_lie_on_the_scaled_picture() -> None:
    scaled = detections().scaled(2, 10)
    assert scaled.boxes[1].tolist() == [8, 50, 12, 70]
    assert scaled.landmarks[0, 1].tolist() == [4, 30]
    assert np.array_equal(scaled.scores, detections().scores)


def test_moved_detections_lie_further_right_and_down() -> None:
    moved = detections().moved(100, -7)
    assert moved.boxes[1].tolist() == [104, -2, 106, 0]
    assert moved.landmarks[0, 1].tolist() == [102, -4]
    assert np.array_equal(moved.scores, detections().scores)


def test_a_mask_selects_detections() -> None:
    chosen = detections()[np.array([False, True, True])]
    assert chosen.boxes[:, 0].tolist() == [4, 8]
    assert chosen.landmarks[:, 0, 0].tolist() == [10, 20]
    assert chosen.scores == pytest.approx([0.7, 0.5])


def test_bytes_are_equal_for_equal_faces_and_differ_by_the_last_digit() -> None:
    values = arrays()
    values["age"][1] = np.nextafter(np.float32(30), np.float32(31))
    assert faces().to_bytes() == faces().to_bytes()
    assert faces().to_bytes() != Faces(**values).to_bytes()


def test_the_distribution_is_left_out_of_what_is_printed() -> None:
    assert "age_distribution" not in repr(faces())
    assert "p_female" in repr(faces())


def clear(n: int = 1, **changed: Any) -> Faces:
    """Grown, upright, large, sharp and well lit faces, but for what is changed."""
    one = face_detection(0, 0, 100)
    values = arrays(1)
    seen = clear_view(1)
    values |= {"box": one.boxes, "landmarks": one.landmarks, "age_distribution": np.eye(101)[[40]]}
    values |= {"pose": seen.pose, "brightness": seen.brightness, "sharpness": seen.sharpness}
    return Faces(**{name: np.repeat(value, n, axis=0) for name, value in (values | changed).items()})


def ages(**probability: float) -> Any:
    """One distribution over ages: ``y3=0.4`` is a probability of 0.4 of the age 3."""
    distribution = np.zeros((1, 101))
    for year, p in probability.items():
        distribution[0, int(year[1:])] = p
    return distribution


def under(limit: float) -> float:
    return float(np.nextafter(np.float32(limit), np.float32(-1)))


def over(limit: float) -> float:
    return float(np.nextafter(np.float32(limit), np.float32(1000)))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, ()),
        ({"box": [[5, 10, 30, 10 + under(doubts.SMALL) - 0.01]]}, ("small",)),
        ({"box": [[5, 0, 30, doubts.SMALL]]}, ()),
        ({"sharpness": [under(doubts.BLURRED)]}, ("blurred",)),
        ({"sharpness": [doubts.BLURRED]}, ()),
        ({"brightness": [under(doubts.DARK)]}, ("dark",)),
        ({"brightness": [doubts.DARK]}, ()),
        ({"pose": [[over(doubts.TURNED_YAW), 0, 0]]}, ("turned",)),
        ({"pose": [[-over(doubts.TURNED_YAW), 0, 0]]}, ("turned",)),
        ({"pose": [[0, over(doubts.TURNED_PITCH), 0]]}, ("turned",)),
        ({"pose": [[0, -over(doubts.TURNED_PITCH), 0]]}, ("turned",)),
        ({"pose": [[-doubts.TURNED_YAW, doubts.TURNED_PITCH, 170]]}, ()),
        ({"landmarks": np.zeros((1, 5, 2))}, ("turned",)),
        ({"landmarks": np.full((1, 5, 2), np.nan)}, ("turned",)),
        ({"landmarks": np.arange(10).reshape(1, 5, 2)}, ("turned",)),
        ({"age_distribution": ages(y0=doubts.YOUNG, y40=1 - doubts.YOUNG)}, ("young",)),
        ({"age_distribution": ages(y0=doubts.YOUNG - 0.01, y40=1.01 - doubts.YOUNG)}, ()),
        ({"age_distribution": np.eye(101)[[doubts.YOUNG_AGE - 1]]}, ("young",)),
        ({"age_distribution": np.eye(101)[[doubts.YOUNG_AGE]]}, ()),
        (
            {
                "box": np.zeros((1, 4)),
                "sharpness": [0],
                "brightness": [0],
                "pose": [[90, 0, 0]],
                "age_distribution": ages(y1=1),
            },
            ("small", "blurred", "dark", "turned", "young"),
        ),
    ],
)
def test_a_face_is_doubted_beyond_a_threshold_and_not_at_it(changed: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert clear(**changed).doubts == [expected]
    assert clear(**changed).row(0).doubts == expected


def test_each_face_has_its_own_doubts() -> None:
    values = {f.name: getattr(clear(3), f.name) for f in fields(Faces)}
    found = Faces(**{**values, "sharpness": [90, 0, 90], "brightness": [0, 0, 50]})
    assert found.doubts == [("dark",), ("blurred", "dark"), ()]
    assert [face.doubts for face in found] == found.doubts
    assert found.row(-1).doubts == ()


def test_height_is_that_of_the_box() -> None:
    assert faces().height.tolist() == [2, 2, 2]
