"""The built viewer, served by the gateway itself: one origin, so that no other site has to be trusted."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_INDEX = "index.html"


class Viewer(StaticFiles):
    """Static files; every other path is the viewer's own routing and gets its index page.

    Parameters
    ----------
    directory : Path
        The viewer's build. It may be made after the gateway started.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory, check_dir=False)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer with the file or the index page; nothing under ``api`` is ever the viewer's."""
        if path.split("/", 1)[0] == "api":
            raise HTTPException(404, "The API has nothing at this address.")
        if path == ".":
            path = _INDEX
        try:
            response = await super().get_response(path, scope)
        except HTTPException as missing:
            # A missing script must not come back as a page: the browser would report something misleading.
            if missing.status_code != 404 or Path(path).suffix:
                raise
            path = _INDEX
            try:
                response = await super().get_response(path, scope)
            except HTTPException:
                raise HTTPException(404, "The viewer has not been built.") from None
        hashed = path.startswith("assets/")
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if hashed else "no-cache"
        return response

    async def check_config(self) -> None:
        """Do nothing: the folder may appear later, and a request before that is answered with 404."""
