"""CloudTrail: the record of API calls as events, looked up or delivered to a bucket.

`trail_events` makes an event of a recorded call. `event_lookup` searches the record. `trails` are the trails and their settings, `delivery`
writes their log files.
"""

from localaws.cloudtrail.service import CloudTrail

__all__ = ["CloudTrail"]
