"""The API's description (OpenAPI 3.1) and the page that shows it."""

from starlette.routing import Route

from onlooker.service.site import Site


class Reference:
    """The routes ``/openapi.json`` and ``/docs``."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def routes(self) -> list[Route]:
        """Every route, to be put under the application."""
        return []
