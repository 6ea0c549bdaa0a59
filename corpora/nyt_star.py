"""NYT*: New York Times sentences with distant Freebase labels, names cut to their last words."""

from corpora.triple_list import TripleListCorpus


class NytStar(TripleListCorpus):
    """The last-word version of the NYT corpus as used by CasRel."""

    name = "nyt_star"
    title = "NYT*, New York Times: 24 Freebase relations, distant labels, last words of names"
    licence = "research use"
    source = "https://github.com/weizhepei/CasRel"
    citation = (
        "Riedel et al. 2010, Modeling Relations and Their Mentions without Labeled Text; files of "
        "Wei et al. 2020 (CasRel)"
    )
