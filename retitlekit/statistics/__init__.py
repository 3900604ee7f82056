"""What a frame of scores can tell: evidence, strengths, variants and their factors."""
