"""Tables of grading."""

from tierflow.grading.models.reviews import Review, ReviewScore
from tierflow.grading.models.runs import GradingCase, GradingChunk, GradingRun, LevelDecisionRow, LevelPin, moved
from tierflow.grading.models.trials import BackTest, BackTestMove, BackTestTally

__all__ = [
    "BackTest",
    "BackTestMove",
    "BackTestTally",
    "GradingCase",
    "GradingChunk",
    "GradingRun",
    "LevelDecisionRow",
    "LevelPin",
    "Review",
    "ReviewScore",
    "moved",
]
