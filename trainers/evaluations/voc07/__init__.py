"""Linear SVMs on frozen features of PASCAL VOC 2007.

`run` is the task; protocols (how the papers do it), features (what an SVM sees of a photo), svm (one class),
precision (how good it is).
"""
