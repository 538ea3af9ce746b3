"""Tables of grading."""

from tierflow.grading.models.runs import GradingChunk, GradingRun, LevelDecisionRow, LevelPin

__all__ = ["GradingChunk", "GradingRun", "LevelDecisionRow", "LevelPin"]
