"""The momentum radar: every symbol of the market, ranked at each beat, with reasons."""
