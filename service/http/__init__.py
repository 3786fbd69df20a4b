"""The page and the API of one park."""

from service.http.app import make_app

__all__ = ["make_app"]
