"""QuantMatrix: the engine of a momentum day-trading workstation for US equities."""

__version__ = "0.1.0"
