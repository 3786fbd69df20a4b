"""Who may do what over HTTP: users, sessions, tokens, roles, and the record of every change."""

from core.access import Role
from service.access.access import CSRF_HEADER, Access, Who
from service.access.doorkeeper import Doorkeeper

__all__ = ["CSRF_HEADER", "Access", "Doorkeeper", "Role", "Who"]
