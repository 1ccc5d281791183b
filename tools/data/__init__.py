"""The files in data/ that are made once and not trained.

    vocabulary       the small vocabulary that ships, from the names of the glyphs
    glyph_manifest   which glyph has which name, and is in which split
"""
