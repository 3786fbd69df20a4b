"""What a question may name."""

from __future__ import annotations

from fastapi import HTTPException, Request
from fastapi.routing import APIRoute


def only_known(request: Request) -> None:
    """Refuse a question that names what the route does not know: a misspelt range would be answered with another one."""
    route = request.scope["route"]
    known = {p.alias for p in route.dependant.query_params} if isinstance(route, APIRoute) else set()
    strange = sorted(set(request.query_params) - known)
    if strange:
        names = ", ".join(name[:40] for name in strange[:5])
        raise HTTPException(422, f"there is no parameter {names}; there are: {', '.join(sorted(known))}")
