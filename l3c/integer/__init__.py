"""The decoder in integers: the same parameters, and so the same pixels, on every machine.

`conversion` makes an `IntegerNetwork` of a trained network and photographs, and
`l3c.torch_state` keeps PyTorch from rounding inside it; docs/integer.md derives both.
"""
