"""When are two outputs equal?

``codec`` carries values between processes without pickle; ``rules`` compares them and names classes of
equal outputs. Both are pure.
"""
