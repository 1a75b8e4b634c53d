"""The application: every route, with what watches over all of them around it."""

from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from onlooker.service import documents
from onlooker.service.api import Api
from onlooker.service.pages import Pages, content_policy
from onlooker.service.reference import Reference
from onlooker.service.rekognition import Rekognition
from onlooker.service.site import Site
from onlooker.service.watch import Watch, refused_by_itself


def create_app(site: Site) -> Starlette:
    """The ASGI application over a ``Site``."""
    api = Api(site)
    pages = Pages(site, api)
    routes = [*api.routes(), *pages.routes(), *Reference(site).routes()]
    if site.settings.rekognition.enabled:
        routes.append(Route("/", Rekognition(site).call, methods=["POST"]))
    page = documents.refusal if site.settings.serve.website else None
    return Starlette(
        routes=routes,
        middleware=[Middleware(Watch, metrics=site.metrics, policy=content_policy(site), page=page)],
        exception_handlers={HTTPException: partial(refused_by_itself, page=page)},
    )
