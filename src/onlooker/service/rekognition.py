"""``DetectFaces`` of Amazon Rekognition, for programs that were written for it."""

from starlette.requests import Request
from starlette.responses import Response

from onlooker.service.problems import Problem
from onlooker.service.site import Site


class Rekognition:
    """The endpoint ``POST /``."""

    def __init__(self, site: Site) -> None:
        self.site = site

    async def call(self, request: Request) -> Response:
        """One call of a Rekognition client."""
        raise Problem("not-found", "not yet")
