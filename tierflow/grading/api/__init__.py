"""JSON of grading."""

from tierflow.grading.api import levels, policy, preview

BLUEPRINTS = (preview.blp, levels.blp, policy.blp)
