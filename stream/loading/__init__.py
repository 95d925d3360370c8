"""Loads the configuration: YAML with line numbers, errors in words, parameters, the reference."""
