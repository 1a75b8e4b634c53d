"""The application: every route, with what watches over all of them around it."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from onlooker.service.api import Api
from onlooker.service.pages import Pages, content_policy
from onlooker.service.reference import Reference
from onlooker.service.rekognition import Rekognition
from onlooker.service.site import Site
from onlooker.service.watch import Watch, problem_of


def create_app(site: Site) -> Starlette:
    """The ASGI application over a ``Site``."""
    api = Api(site)
    pages = Pages(site, api)
    routes = [*api.routes(), *pages.routes(), *Reference(site).routes()]
    if site.settings.rekognition.enabled:
        routes.append(Route("/", Rekognition(site).call, methods=["POST"]))
    return Starlette(
        routes=routes,
        middleware=[Middleware(Watch, metrics=site.metrics, policy=content_policy(site))],
        exception_handlers={HTTPException: _refused},
    )


async def _refused(request: Request, error: Exception) -> Response:
    """What the framework refuses by itself, in our own form."""
    request_id = request.state.request_id
    if isinstance(error, HTTPException) and error.status_code == 405:
        # It knows the methods of the first route of an address only.
        at = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
        allowed = {method for route in at if isinstance(route, Route) for method in route.methods or ()}
        error = HTTPException(405, headers={"Allow": ", ".join(sorted(allowed or {"GET", "HEAD"}))})
    return problem_of(error, request_id).response(request_id)
