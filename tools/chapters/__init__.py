"""The notebooks: execute them, say which are stale and why, check that they may be committed.

    __main__       the command line: python -m tools.chapters execute | stale | stamp | check
    notebook       their files, cells and tags
    execute        run a chapter and store its outputs
    watch          in the kernel: which functions of clipmini run, which files of data/ are read
    outputs        what is stored of them: the same from run to run
    definitions    the functions, classes and constants of a module, and a hash of each
    dependencies   what a chapter's outputs depend on
    stale          what of that has changed since
    stamp          the cell that installs clipmini on Colab
    check          what keeps a chapter from being committed
"""
