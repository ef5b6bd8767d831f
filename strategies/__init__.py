"""What is wanted: strategies, their versions, the processes that were seen."""
