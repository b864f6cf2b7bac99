"""Supervisors: they watch, keep calendars and restart; what an order has become is never theirs to say."""
