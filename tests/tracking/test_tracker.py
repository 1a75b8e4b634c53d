"""Synthetic faces: who is who must not change, whatever happens between frames."""

from collections.abc import Sequence

import numpy as np
import pytest

from onlooker.core.faces import Detections
from onlooker.testing import face_detection
from onlooker.tracking import tracker as rules
from onlooker.tracking.tracker import Tracker

STEP = 1 / 25


def together(faces: Sequence[Detections]) -> Detections:
    if not faces:
        return Detections.empty()
    return Detections(
        np.concatenate([f.boxes for f in faces]),
        np.concatenate([f.scores for f in faces]),
        np.concatenate([f.landmarks for f in faces]),
    )


def ids(tracker: Tracker, at: float) -> list[str]:
    """Of the faces seen at a moment, from left to right."""
    seen = [track for track in tracker.tracks if track.seen == at]
    return [track.id for track in sorted(seen, key=lambda track: float(track.box[0]))]


def test_someone_who_walks_keeps_the_id() -> None:
    tracker = Tracker()
    for k in range(50):
        tracker.update(face_detection(100 + 8 * k, 100 + k, 60 + k), k * STEP)
    assert len(tracker.tracks) == 1
    assert tracker.tracks[0].sights == 50
    assert tracker.tracks[0].since == 0


def test_the_box_follows_the_face_closely() -> None:
    tracker = Tracker()
    rng = np.random.default_rng(0)
    for k in range(60):
        true = face_detection(100 + 6 * k, 100, 80)
        shaken = face_detection(100 + 6 * k + rng.normal(0, 1.5), 100 + rng.normal(0, 1.5), 80)
        tracker.update(shaken, k * STEP)
    assert float(np.abs(tracker.tracks[0].box - true.boxes[0]).max()) < 4


def test_expected_boxes_run_ahead_of_who_walks() -> None:
    tracker = Tracker()
    for k in range(20):
        tracker.update(face_detection(100 + 10 * k, 100, 80), k * STEP)
    last = tracker.tracks[0].box
    ahead = tracker.expected(20 * STEP)[0] - last
    assert ahead[0] == pytest.approx(10, abs=2.5)
    assert abs(ahead[1]) < 0.5


def test_three_side_by_side_stay_apart_while_frames_are_missed() -> None:
    tracker = Tracker()
    rng = np.random.default_rng(1)
    first: list[str] = []
    for k in range(100):
        faces = [face_detection(100 + 110 * i + 2 * k, 100 + 20 * i, 80) for i in range(3)]
        seen = [face for face in faces if rng.random() > 0.3] if k else faces
        tracker.update(together(seen), k * STEP)
        first = first or ids(tracker, 0.0)
    assert [track.id for track in sorted(tracker.tracks, key=lambda t: float(t.box[0]))] == first


def test_two_who_cross_keep_their_ids_though_one_is_hidden() -> None:
    """They pass each other at different distances; the farther one is not found while the nearer one covers it."""
    tracker = Tracker()
    for k in range(70):
        near, far = 100 + 6 * k, 520 - 6 * k
        faces = [face_detection(near, 100, 100)]
        if abs(near - far) > 60:
            faces.append(face_detection(far, 115, 70))
        tracker.update(together(faces), k * STEP)
        if k == 5:
            left, right = ids(tracker, k * STEP)
    assert ids(tracker, 69 * STEP) == [right, left]


def test_a_pause_out_of_sight_is_bridged_and_a_long_one_is_not() -> None:
    for missed, same in ((rules.PATIENCE - 0.1, True), (rules.PATIENCE + 0.1, False)):
        tracker = Tracker()
        for k in range(10):
            tracker.update(face_detection(100, 100, 80), k * STEP)
        before = tracker.tracks[0].id
        ended = tracker.update(face_detection(103, 100, 80), 9 * STEP + missed)
        assert ([track.id for track in tracker.tracks] == [before]) is same
        assert [track.id for track in ended] == ([] if same else [before])


def test_a_camera_of_one_frame_a_second_keeps_who_stands_still() -> None:
    tracker = Tracker()
    for k in range(30):
        tracker.update(face_detection(100 + 3 * (k % 2), 100, 80), 1.05 * k)
    assert len({track.id for track in tracker.tracks}) == 1
    assert tracker.tracks[0].sights >= 25


def test_an_empty_frame_ends_nobody_at_once() -> None:
    tracker = Tracker()
    tracker.update(face_detection(100, 100, 80), 0.0)
    assert tracker.update(Detections.empty(), STEP) == []
    assert len(tracker.tracks) == 1


def test_who_jumps_further_than_anyone_can_is_someone_else() -> None:
    tracker = Tracker()
    tracker.update(face_detection(100, 100, 80), 0.0)
    tracker.update(face_detection(400, 100, 80), STEP)
    assert len(tracker.tracks) == 2


def test_a_face_of_another_size_is_someone_else() -> None:
    tracker = Tracker()
    tracker.update(face_detection(100, 100, 40), 0.0)
    tracker.update(face_detection(60, 60, 120), STEP)
    assert len(tracker.tracks) == 2


def test_a_cut_to_another_scene_leaves_no_speed_behind() -> None:
    """A jump within reach continues the track (a short film that is looped), from where the face is now."""
    tracker = Tracker()
    for k in range(10):
        tracker.update(face_detection(100 + 5 * k, 100, 100), k * STEP * 2)
    tracker.update(face_detection(85, 100, 100), 10 * STEP * 2)
    assert len(tracker.tracks) == 1
    np.testing.assert_allclose(tracker.expected(11 * STEP * 2)[0], face_detection(85, 100, 100).boxes[0], atol=0.5)


def test_a_doubtful_face_continues_a_track_but_begins_none() -> None:
    tracker = Tracker()
    tracker.update(face_detection(100, 100, 80, 0.4), 0.0)
    assert not tracker.tracks
    tracker.update(face_detection(100, 100, 80, 0.9), STEP)
    for k in range(2, 60):
        tracker.update(face_detection(100, 100, 80, 0.4), k * STEP)
    assert [track.sights for track in tracker.tracks] == [59]


def test_a_face_seen_once_is_not_proven_unless_it_is_beyond_doubt() -> None:
    tracker = Tracker()
    tracker.update(together([face_detection(100, 100, 80, 0.6), face_detection(400, 100, 80, 0.9)]), 0.0)
    assert [track.proven for track in tracker.tracks] == [False, True]
    ended = tracker.update(face_detection(400, 100, 80, 0.9), rules.UNPROVEN + 0.05)
    assert [track.proven for track in ended] == [False]


def test_another_look_at_the_same_face_is_no_one_new() -> None:
    tracker = Tracker()
    tracker.update(face_detection(100, 100, 80), 0.0)
    tracker.update(together([face_detection(101, 100, 80), face_detection(112, 100, 80)]), STEP)
    assert len(tracker.tracks) == 1


def test_a_clock_that_runs_backwards_is_another_stream() -> None:
    tracker = Tracker()
    tracker.update(face_detection(100, 100, 80), 5.0)
    before = tracker.tracks[0].id
    ended = tracker.update(face_detection(100, 100, 80), 1.0)
    assert [track.id for track in ended] == [before]
    assert [track.id for track in tracker.tracks] != [before]


def test_ids_are_random_and_never_given_again() -> None:
    """Two runs over the same faces share no id: nothing about a face is in it."""
    given = []
    for _ in range(2):
        tracker = Tracker()
        for k in range(40):
            tracker.update(face_detection(100, 100, 80), 5.0 * k)
            given.append(tracker.tracks[0].id)
    assert len(set(given)) == 80
    assert all(len(name) == 8 and set(name) <= set("0123456789abcdef") for name in given)


def test_memory_is_bounded() -> None:
    tracker = Tracker()
    grid = [face_detection(100 * (i % 20), 150 * (i // 20), 60) for i in range(2 * rules.MOST_TRACKS)]
    tracker.update(together(grid), 0.0)
    assert len(tracker.tracks) == rules.MOST_TRACKS


def test_boxes_that_are_no_boxes_do_no_harm() -> None:
    tracker = Tracker()
    bad = Detections(
        np.array([[5, 5, 5, 5], [1e6, 1e6, 0, 0]], np.float32), np.ones(2, np.float32), np.zeros((2, 5, 2), np.float32)
    )
    for k in range(3):
        tracker.update(bad, k * STEP)
        assert np.isfinite(tracker.expected(k * STEP)).all()
