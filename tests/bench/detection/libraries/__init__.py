"""How each library's detectors are made and fed; none is imported before it is asked for."""
