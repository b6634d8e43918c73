# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""A picture and a short film of the page, taken from the running program by a real browser."""

from __future__ import annotations

from collections.abc import Iterator
import io
from pathlib import Path
import shutil
import time

from snake_arm_control.errors import FilmError
from snake_arm_control.extras import require

BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')
# Software rendering, as there may be no graphics card.
FLAGS = ('--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader',
         '--no-sandbox', '--disable-dev-shm-usage')
_WINDOW = (1200, 740)  # width and height [px]
_PATIENCE = 120e3  # [ms], of a machine that renders in software
_SETTLING_TIME = 5.0  # [s] in which the page fades in
_EXPERIMENT, _DURATION = 'fig4', 20.0  # [s], once round
_PERIOD = 0.4  # [s], from frame to frame, at least
_WIDTH, _COLOURS = 640, 128  # [px], of the film


def film(address: str, browser: str, out: Path) -> tuple[Path, Path]:
    """
    Photograph and film the page of an arm that performs figure 2.

    :param address: of the page
    :param browser: path of a Chromium
    :param out: folder of viewer.png and viewer.gif
    :return: the two files
    :raises MissingPackageError: if playwright or pillow is not installed
    :raises FilmError: if the page does not open
    """
    require('PIL', 'playwright')
    from PIL import Image
    from playwright.sync_api import Error, sync_playwright
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        try:
            page = driver.chromium.launch(executable_path=browser, args=FLAGS).new_page(
                viewport={'width': _WINDOW[0], 'height': _WINDOW[1]})
            page.set_default_timeout(_PATIENCE)
            page.goto(address)
            page.get_by_text('Goal reached').first.wait_for(state='attached')
            page.get_by_role('alert').get_by_role('button').dispatch_event('click')
            time.sleep(_SETTLING_TIME)
            picture = out / 'viewer.png'
            page.screenshot(path=picture)
            page.get_by_role('tab', name='Play').click(force=True)
            page.get_by_role('button', name=_EXPERIMENT, exact=True).dispatch_event('click')
            frames = [(at, Image.open(io.BytesIO(data))) for at, data in _frames(page)]
        except Error as error:
            raise FilmError(f'the browser failed: {error}') from error
    Image.open(picture).convert('RGB').quantize(256).save(picture, optimize=True)
    animation = out / 'viewer.gif'
    height = round(_WIDTH * _WINDOW[1] / _WINDOW[0])
    images = [image.convert('RGB').resize((_WIDTH, height), Image.Resampling.LANCZOS)
              for _, image in frames]
    palette = images[len(images) // 2].quantize(_COLOURS)
    images = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    times = [at for at, _ in frames] + [_DURATION]
    images[0].save(animation, save_all=True, append_images=images[1:], loop=0, optimize=True,
                   duration=[round(1e3 * (b - a)) for a, b in zip(times, times[1:])])
    return picture, animation


def find_browser() -> str:
    """
    Return the path of a Chromium.

    :raises FilmError: if there is none
    """
    for name in BROWSERS:
        path = shutil.which(name)
        if path:
            return path
    raise FilmError(f'there is no browser, expected one of {", ".join(BROWSERS)} (on Debian: apt '
                    'install chromium)')


def _frames(page) -> Iterator[tuple[float, bytes]]:
    """Yield screenshots of one turn with their times [s]."""
    started_at = time.monotonic()
    while (at := time.monotonic() - started_at) < _DURATION:
        yield at, page.screenshot()
        time.sleep(max(0.0, started_at + at + _PERIOD - time.monotonic()))
