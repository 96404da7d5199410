"""The decoder path in integers: the same parameters, and so the same pixels, on every machine.

`conversion` makes an `IntegerPath` of a trained network and photographs, `path` runs it, `exact`
keeps PyTorch from rounding inside it, and `reference` is the same in NumPy's int64. docs/integer.md
derives it.
"""
