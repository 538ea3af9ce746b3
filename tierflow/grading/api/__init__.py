"""JSON of grading."""

from tierflow.grading.api import preview

BLUEPRINTS = (preview.blp,)
