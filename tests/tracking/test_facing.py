import pytest

from onlooker.tracking.facing import FACING_PITCH, FACING_YAW, LEAVING, Facing


@pytest.mark.parametrize(
    ("yaw", "pitch", "faces"),
    [
        (0, 0, True),
        (FACING_YAW - 1, 0, True),
        (FACING_YAW + 1, 0, False),
        (0, -FACING_PITCH + 1, True),
        (0, FACING_PITCH + 1, False),
        (0.8 * FACING_YAW, 0.8 * FACING_PITCH, False),
        (-80, 0, False),
    ],
)
def test_the_cone(yaw: float, pitch: float, faces: bool) -> None:
    assert Facing().update(yaw, pitch, 0.0) is faces


def test_a_head_at_the_edge_does_not_flicker() -> None:
    facing = Facing()
    facing.update(0, 0, 0.0)
    turned = [facing.update(FACING_YAW + (2 if k % 2 else -2), 0, k / 25) for k in range(1, 100)]
    assert all(turned)
    assert not [facing.update(FACING_YAW * LEAVING + 5, 0, 4 + k / 25) for k in range(1, 50)][-1]


def test_one_frame_in_which_the_landmarks_err_changes_nothing() -> None:
    facing = Facing()
    for k in range(10):
        facing.update(0, 0, k / 25)
    assert facing.update(90, 0, 10 / 25)


def test_a_clock_that_stands_still_does_no_harm() -> None:
    facing = Facing()
    facing.update(0, 0, 1.0)
    assert facing.update(80, 0, 1.0)
