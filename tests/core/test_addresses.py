"""What of an address may be shown."""

import pytest

from onlooker.core.addresses import shown
from onlooker.media.video.address import Address


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("rtsp://user:secret@10.0.0.7/1", "rtsp://***@10.0.0.7/1"),
        ("rtsp://user:se@cret@10.0.0.7/1", "rtsp://***@10.0.0.7/1"),
        ("rtsp://user:se/cret@10.0.0.7/1", "rtsp://***@10.0.0.7/1"),
        ("rtsp://user:?/secret#@10.0.0.7/1", "rtsp://***@10.0.0.7/1"),
        ("RTSP://user:secret@[fe80::1]:554/1", "RTSP://***@[fe80::1]:554/1"),
        ("http://10.0.0.7/video.cgi?user=admin&pwd=secret", "http://10.0.0.7/video.cgi?***"),
        ("rtsp://10.0.0.7/user=admin&password=secret&channel=1.sdp?", "rtsp://10.0.0.7/user=admin&password=***?***"),
        ("rtsp://10.0.0.7/user=admin_password=secret_channel=1", "rtsp://10.0.0.7/user=admin_password=***"),
        ("rtsp://10.0.0.7:554/h264/ch1", "rtsp://10.0.0.7:554/h264/ch1"),
        ("shop@night.mp4", "shop@night.mp4"),
        ("0", "0"),
    ],
)
def test_a_password_is_left_out_and_the_rest_is_not(address: str, wanted: str) -> None:
    assert shown(address) == wanted
    assert Address.of(address).shown == ("camera 0" if address == "0" else wanted)
