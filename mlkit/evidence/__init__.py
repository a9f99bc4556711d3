"""The evidence of a run: its record with the activity on AWS, and the manifest that seals a pipeline execution."""
