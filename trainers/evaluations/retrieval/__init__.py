"""VOC's segments named by their nearest neighbors, without training.

`regions` cuts photos into regions and describes each, `neighbors` names those of val by those of train,
`confusion` counts, and `task` is `eval-ssl retrieval`.
"""
