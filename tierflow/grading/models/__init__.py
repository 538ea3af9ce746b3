"""Tables of grading."""

from tierflow.grading.models.reviews import Review, ReviewScore
from tierflow.grading.models.runs import GradingChunk, GradingRun, LevelDecisionRow, LevelPin
from tierflow.grading.models.trials import BackTest, BackTestMove, BackTestTally

__all__ = [
    "BackTest",
    "BackTestMove",
    "BackTestTally",
    "GradingChunk",
    "GradingRun",
    "LevelDecisionRow",
    "LevelPin",
    "Review",
    "ReviewScore",
]
