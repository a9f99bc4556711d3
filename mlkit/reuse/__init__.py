"""Decides whether a finished run of a step is taken over instead of running the step again."""
