"""The rules of the market as dated data: sessions, fees, ticks and limits."""
