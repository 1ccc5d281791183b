"""The numbers that the solutions of a chapter quote: `python -m tools.exercises.vit 2` prints those of chapter 6, exercise 2.

    quickstart   01      tokenizer     04      vit        06      training   08
    contrastive  03      transformer   05      resnet     07      released   11
    chapter      what they share: a chapter's own definitions, and the command line
"""
