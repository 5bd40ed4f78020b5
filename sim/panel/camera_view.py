"""What the phone's camera sees on the bench: the picture that it takes of the display or of a slip, and what it finds.

The picture that is shown is the picture that is read: with the bezel about the panel, and out of focus by half a pixel.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sim.panel.protocol import JSONObject
from sim.panel.world import Sight
from sim.phone import MAGNIFICATION, Photo, display_image, photograph

if TYPE_CHECKING:
    from PIL.Image import Image

BLUR_PX = 0.5  # Of the display's pixels: an ordinary phone in an ordinary hand.
AROUND = 40  # Camera pixels about a code on a slip that are in the picture.
ROWS_LIMIT = 400  # Of a slip without a code.
FRAME = "#39d98a"


def look(sights: Sequence[Sight]) -> tuple[str | None, JSONObject | None]:
    """What the first code in sight says (None: there is none), and the picture for the page (None: nothing to see)."""
    photos = [photo for sight in sights if (photo := _photo(sight)) is not None]
    photo = next((each for each in photos if each.text is not None), photos[0] if photos else None)
    if photo is None:
        return None, None
    return photo.text, _view(photo)


def _photo(sight: Sight) -> Photo | None:
    from PIL import Image, UnidentifiedImageError

    if sight.kind == "display":
        picture = display_image(sight.data, sight.width, sight.height)
        return photograph(picture, blur_px=BLUR_PX * MAGNIFICATION)
    try:
        with Image.open(io.BytesIO(sight.data)) as slip:
            photo = photograph(slip.convert("L"))
    except UnidentifiedImageError:
        return None
    left, top, right, bottom = _frame_of(photo)
    corners = tuple((x - left, y - top) for x, y in photo.corners)
    return Photo(photo.picture.crop((left, top, right, bottom)), photo.text, corners)


def _frame_of(photo: Photo) -> tuple[int, int, int, int]:
    """What of a slip a hand holds the phone over: the code and what is about it, else its beginning."""
    width, height = photo.picture.size
    if not photo.corners:
        return 0, 0, width, min(height, ROWS_LIMIT)
    across, down = zip(*photo.corners, strict=True)
    return (
        max(0, min(across) - AROUND),
        max(0, min(down) - AROUND),
        min(width, max(across) + AROUND),
        min(height, max(down) + AROUND),
    )


def _view(photo: Photo) -> JSONObject:
    """As a PNG, with a frame about the code."""
    picture = photo.picture.convert("RGB")
    if photo.corners:
        _draw_frame(picture, photo.corners)
    out = io.BytesIO()
    picture.save(out, "PNG")
    png = base64.b64encode(out.getvalue()).decode("ascii")
    return {"png": png, "width": picture.width, "height": picture.height, "text": photo.text or ""}


def _draw_frame(picture: Image, corners: tuple[tuple[int, int], ...]) -> None:
    from PIL import ImageDraw

    ImageDraw.Draw(picture).line([*corners, corners[0]], fill=FRAME, width=5, joint="curve")
