"""The rules of account opening: pure functions and tables, by chapter.

`chain` who examines what · `admission` whether an application can go in · `papers` qualification papers · `entry`
classes and their conditions · `duplicates` same company, disqualified companies · `changes` between two rounds.
"""
