"""The page about the data set scenes, written from its generator, and the hashes that hold the generator to its bytes.

    card      write every table, number and figure of the page
    tables    its tables
    numbers   the numbers in its sentences: counted, or measured and kept
    figures   its pictures
    board     the white card on which pictures and words are put
    hashes    store the hashes of what is drawn and said now

What was trained to prove the scenes is in experiments/.
"""
