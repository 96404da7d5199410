"""The decoder in integers: the same parameters, and so the same pixels, on every machine.

`conversion` makes an `IntegerNetwork` of a trained network and photographs, `exact` keeps PyTorch
from rounding inside it, `reference` is its convolution in NumPy's int64; see docs/integer.md.
"""
