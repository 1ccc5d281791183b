"""The data set drawings, from packages to what ships in data/drawings.

    pin                       a package in its present version, for the list of those that are used
    sets  collect             the collections, and every drawing in them with all that it is called
    fit                       what is left out: logos, flags, unfit words (brands.txt, logos.txt, unfit.txt)
    words  concepts           captions and other wordings; which drawings show the same thing
    splits  copies            who is a stranger, which names are never read, who copied whom
    tasks  classes            labelled tasks on the drawings of strangers
    card  figures  hashes     the page about them; the hashes that hold their version

`python -m tools.drawings` makes pictures and manifest, `python -m tools.drawings.tasks` the tasks.
"""
