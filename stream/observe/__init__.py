"""What is seen from outside: metrics, probes, log lines, and curves of what is on the topics."""
