"""The HTTP application: routers, errors and request ids put together the same way for server and tests."""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute

from waypost import __version__
from waypost.memory import Budget
from waypost.web import middleware
from waypost.web.directory import Directory
from waypost.web.rates import Limits
from waypost.web.routes import problems
from waypost.web.routes.callers import Authenticate

BODIES = 64_000_000


def application(
    *,
    routers: Sequence[APIRouter],
    routes: Sequence[BaseRoute] = (),
    authenticate: Authenticate,
    limits: Limits,
    refused: problems.OnRefusal,
    bodies: Budget | None = None,
) -> FastAPI:
    """The application. Plain `routes` are matched first; they appear in OpenAPI only by `openapi.py`.

    `bodies` is how much of request bodies may be in memory at once.
    """
    app = FastAPI(
        title="Waypost",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    app.state.authenticate = authenticate
    app.state.limits = limits
    app.state.refused = refused
    app.state.bodies = bodies or Budget(BODIES)
    app.router.routes[:0] = routes
    for router in routers:  # not by `include_router`: it makes and asks every route twice
        app.router.routes.extend(router.routes)
    app.router.routes.insert(0, Directory(app.routes))
    problems.install(app, refused)
    app.add_middleware(middleware.RequestIds)
    return app
