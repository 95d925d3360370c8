"""What may be configured: frozen models of one YAML file, section by section."""
