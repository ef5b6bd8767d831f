"""Is every strategy well: facts, a score with reasons, alarms, one round every 30 s."""
