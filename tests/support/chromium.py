"""Chromium for tests of the web page, and a script that these tests run in it."""

from __future__ import annotations

import os
import shutil

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def browser_path() -> str | None:
    """Return the path of a Chromium, or None if none is installed."""
    paths = (shutil.which(name) for name in _BROWSERS)
    return os.environ.get("ECGDIGIT_BROWSER") or next(filter(None, paths), None)


LOW_CONTRAST_ELEMENTS = """() => {
  const canvas = Object.assign(document.createElement("canvas"), {width: 1, height: 1}).getContext("2d");
  const rgba = text => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => [r, g, b].map(v => linear(v / 255))
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const background = element => {
    for (; element; element = element.parentElement) {
      const colour = rgba(getComputedStyle(element).backgroundColor);
      if (colour[3] > 200) return colour;
    }
    return [255, 255, 255, 255];
  };
  const words = [...document.querySelectorAll("main *, header *")].filter(e => e.checkVisibility() &&
    !e.closest("svg, .visually-hidden") &&
    [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()));
  return words.filter(e => {
    const [a, b] = [light(rgba(getComputedStyle(e).color)), light(background(e))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05) < 4.5;
  }).map(e => e.outerHTML.slice(0, 120));
}"""
"""JavaScript function that returns the elements whose text has too little contrast, as HTML."""
