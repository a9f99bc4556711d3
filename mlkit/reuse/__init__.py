"""Whether a finished run of a step may be taken over instead of running the step again."""
