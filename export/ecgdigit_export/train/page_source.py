"""Pages to train on are drawn where the settings order them and the folder has fewer."""

from __future__ import annotations

from collections.abc import Callable

from ecgdigit_export.synth.folder import SynthesisRequest, write_pages
from ecgdigit_export.train.settings import TrainSettings


def ensure_pages(settings: TrainSettings, say: Callable[[str], None]) -> None:
    """Draw what is missing of `settings.synth.count` pages; pages that are there stay."""
    order = settings.synth
    if order is None:
        return
    have = len(list(settings.pages.glob("*.npz")))
    if have >= order.count:
        return
    first = max((int(path.stem[:6]) + 1 for path in settings.pages.glob("[0-9]" * 6 + "_*.npz")), default=0)
    say(f"drawing  {order.count - have} pages in {settings.pages}")
    pages = write_pages(
        settings.pages,
        order.count - have,
        signals=order.signals,
        seed=order.seed,
        first=first,
        order=SynthesisRequest(order.kind, order.layout),
        processes=order.processes,
    )
    for _ in pages:
        pass
