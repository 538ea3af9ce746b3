"""JSON of grading."""

from tierflow.grading.api import levels, preview

BLUEPRINTS = (preview.blp, levels.blp)
