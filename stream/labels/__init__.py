"""Labels meet their events: inboxes, waiting events, deadlines, the plan of a step."""
