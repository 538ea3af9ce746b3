"""Pure values and rules that every domain shares: no Flask, no database, no clock, no chance."""
