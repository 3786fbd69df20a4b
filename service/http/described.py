"""OpenAPI's description of the service, with what opens it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.access import CSRF_HEADER, Access
from service.access.doorkeeper import METRICS, OPEN

Document = dict[str, Any]  # Any: JSON


def describing(app: FastAPI, access: Access) -> Callable[[], Document]:
    """Return what makes the description, once."""
    made: Document = {}

    def openapi() -> Document:
        if not made:
            made.update(get_openapi(title=app.title, version=app.version, routes=app.routes))
            made.setdefault("components", {})["securitySchemes"] = _schemes(access)
            made["security"] = [{"session": []}, {"token": []}]
            for path in OPEN & made["paths"].keys():
                for operation in made["paths"][path].values():
                    operation["security"] = []
            made["paths"][METRICS]["get"]["description"] = "Open on the service's own machine; else scope `metrics`."
        return made

    return openapi


def _schemes(access: Access) -> Document:
    return {
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": access.cookie,
            "description": "Who signed in at /login. A change also needs the header "
            f"{CSRF_HEADER} with what /api/v1/page-token answers. Over TLS the name begins with `__Host-`.",
        },
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "`parkwatt token PARK.yaml add NAME --scope read|operate|admin|metrics|import`. "
            "read looks, operate acknowledges and corrects, admin may do everything.",
        },
    }
