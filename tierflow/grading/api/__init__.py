"""JSON of grading."""

from tierflow.grading.api import exports, levels, policy, preview

BLUEPRINTS = (preview.blp, levels.blp, policy.blp, exports.blp)
