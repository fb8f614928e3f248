"""A student's lessons: every rectified page of a folder, measured on pages with truth if there are any."""

from __future__ import annotations

from pathlib import Path

from ecgdigit_export.distill.rectified import rectified_labels
from ecgdigit_export.distill.student import DISTILLATION
from ecgdigit_export.train.pages import pages_with_truth
from ecgdigit_export.train.settings import TrainSettings
from ecgdigit_export.train.stage_training import Curriculum
from ecgdigit_rt.errors import TrainingPagesMissing


def student_curriculum(folder: Path, settings: TrainSettings) -> Curriculum:
    """Raises TrainingPagesMissing where nothing is labelled."""
    paths = rectified_labels(folder)
    if not paths:
        raise TrainingPagesMissing(folder)
    validation = settings.validation
    measured = [] if validation.pages is None else pages_with_truth(validation.pages)[: validation.count]
    return Curriculum(DISTILLATION, paths, measured)
