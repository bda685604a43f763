"""Encoders of other projects: their files read, their names understood, their heads left out."""
