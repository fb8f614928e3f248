"""The truth laid upon an estimate, for `inspect`'s last picture."""

from __future__ import annotations

from ecgdigit_rt.evaluation.measures import agreements
from ecgdigit_rt.evaluation.truth import Truth
from ecgdigit_rt.plots.inspect.plot import TrueLead
from ecgdigit_rt.results import Digitized


def align_truth(truth: Truth, page: Digitized) -> dict[str, TrueLead]:
    """The truth where the estimate stands: the metric moves that, this the truth back."""
    return {
        name: TrueLead(
            truth.leads[name] - found.offset_mv,
            truth.rate_hz,
            page.leads[name].start_s - found.lag_s,
            found.db,
            found.nrmse_percent,
            found.pearson,
        )
        for name, found in agreements(truth, page.leads).items()
    }
