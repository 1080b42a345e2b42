"""How large one amount may be."""

# Ten trillion in a two-digit currency, a quadrillion units of a security: nobody trades more in one
# piece, and nine thousand of them still add up inside an int64.
LARGEST_AMOUNT = 10**15
