"""The mathematics of driftgate: learners, routers, detectors and evaluators over tapes.

Nothing here knows of Kafka, files, clocks or configuration; see `docs/architecture.md`.
"""
