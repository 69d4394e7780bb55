"""Where the quantizer is not the reference: the only table of that."""


def both_refuse(theirs, ours):
    return False


def engine_cannot(error):
    return False


def reference_fails(error, notes, row, ours):
    return None


def explain(name, row, ours, theirs, notes, load_theirs, differences):
    return None
