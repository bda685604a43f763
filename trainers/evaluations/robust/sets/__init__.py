"""Public sets as they are unpacked.

`pictures` (listed and read), `parts` (pictures and what is right); `validation`, `imagenet`, `foregrounds`,
`scenes` and `objectnet` open them; `kinds` (all by name).
"""
