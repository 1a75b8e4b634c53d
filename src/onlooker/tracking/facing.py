"""Whether a face looks this way: a cone around the camera, from the pose of its five landmarks.

The display stands beside its camera, so a head turned to the camera is turned to the display. Where the eyes look is
not measured, so attention counts who faces the display and may look past it.
"""

from dataclasses import dataclass

FACING_YAW, FACING_PITCH = 30.0, 25.0
"""Degrees to either side, and up or down, within which a head faces the camera. The pose of five points is good to some
five degrees sideways and ten in pitch (``docs/decisions/0006-quality.md``)."""

LEAVING = 1.25
"""How much wider the cone is for a head that faced the camera already, so that one at its edge does not flicker."""

_STEADY = 0.15
"""Seconds over which the pose is averaged."""


@dataclass(slots=True)
class Facing:
    """One face's pose over time, and whether it faces the camera."""

    yaw: float = 0.0
    pitch: float = 0.0
    now: bool = False
    _at: float | None = None

    def update(self, yaw: float, pitch: float, at: float) -> bool:
        """Take in a pose in degrees at a time in seconds; says whether the face looks this way."""
        share = 1.0 if self._at is None else max(0.0, at - self._at) / (_STEADY + max(0.0, at - self._at))
        self.yaw += share * (yaw - self.yaw)
        self.pitch += share * (pitch - self.pitch)
        self._at = at
        wide = LEAVING if self.now else 1.0
        self.now = (self.yaw / (FACING_YAW * wide)) ** 2 + (self.pitch / (FACING_PITCH * wide)) ** 2 <= 1
        return self.now
