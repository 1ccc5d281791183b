"""The pages.

    render                build the HTML from stored outputs, warnings as errors
    introduction_figure   draw the two pictures of the introduction
"""
