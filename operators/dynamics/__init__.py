"""How a drift score moves by itself, and what an intervention does to it."""
