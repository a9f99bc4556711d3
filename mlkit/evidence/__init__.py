"""What a run leaves as evidence: its record with the activity on AWS, and the manifest that seals a pipeline execution."""
